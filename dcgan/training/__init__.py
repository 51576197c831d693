"""Training: the loop, the step, checkpoints, health checks and reports.

Importing this package does not load TensorFlow; `train` does.
"""

from typing import TYPE_CHECKING

from dcgan.core.imports import lazy_exporter

if TYPE_CHECKING:
    from dcgan.training.loop import train as train
    from dcgan.training.losses import non_saturating as non_saturating
    from dcgan.training.trainer import Trainer as Trainer

_MODULES = {
    "Trainer": "dcgan.training.trainer",
    "non_saturating": "dcgan.training.losses",
    "train": "dcgan.training.loop",
}

__all__ = ["Trainer", "non_saturating", "train"]
__getattr__ = lazy_exporter(__name__, _MODULES)
