"""Training: the loop, the step, checkpoints, health checks and reports.

Importing this package does not load TensorFlow; `train` does.
"""

from dcgan.core.lazy_import import lazy_exporter

_MODULES = {
    "Trainer": "dcgan.training.trainer",
    "non_saturating": "dcgan.training.losses",
    "train": "dcgan.training.loop",
}

__all__ = sorted(_MODULES)
__getattr__ = lazy_exporter(__name__, _MODULES)
