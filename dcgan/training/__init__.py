"""Training: step, losses, loop, and what a person sees of it.

Importing this package does not load TensorFlow; `train` does.
"""

from dcgan.core.lazy_import import exporter

_HOMES = {"train": "dcgan.training.loop"}

__all__ = sorted(_HOMES)
__getattr__ = exporter(__name__, _HOMES)
