"""Export a trained generator to other formats, verified against the original.

Importing this package loads neither TensorFlow nor a format's own packages; its functions do.
"""

from dcgan.export.export import export

__all__ = ["export"]
