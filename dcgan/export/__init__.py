"""A trained generator in the formats of other programs, checked against the one it was made from.

Importing this package loads neither TensorFlow nor a format's own packages; its functions do.
"""

from dcgan.core.lazy_import import lazy_exporter

_MODULES = {"export": "dcgan.export.export"}

__all__ = sorted(_MODULES)
__getattr__ = lazy_exporter(__name__, _MODULES)
