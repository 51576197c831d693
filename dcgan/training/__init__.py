"""Training: step, losses, loop, and what a person sees of it.

Importing this package does not load TensorFlow; `train` does.
"""

from dcgan.core.lazy_import import lazy_exporter

_MODULES = {"train": "dcgan.training.loop"}

__all__ = sorted(_MODULES)
__getattr__ = lazy_exporter(__name__, _MODULES)
