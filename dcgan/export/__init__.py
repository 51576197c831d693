"""Export a trained generator to other formats, verified against the Keras generator.

Importing this package loads neither TensorFlow nor the packages of a format; its functions do.
"""

from dcgan.export.export import export

__all__ = ["export"]
