"""Evaluation of generated images: distances to held-out real images, each beside the same distance of real images.

Published FID values use the features of the 2015 Inception network: `--features inception-2015`. docs/evaluating.md
says what else they depend on.

Importing this package loads neither TensorFlow nor scikit-learn; its functions do.
"""

from dcgan.core.imports import lazy_exporter
from dcgan.evaluation.evaluate import evaluate as evaluate

_MODULES = {
    "density_coverage": "dcgan.evaluation.distances",
    "frechet_distance": "dcgan.evaluation.distances",
    "kernel_distance": "dcgan.evaluation.distances",
    "precision_recall": "dcgan.evaluation.distances",
    "digit_features": "dcgan.evaluation.features",
}

__all__ = sorted([*_MODULES, "evaluate"])
__getattr__ = lazy_exporter(__name__, _MODULES)
