"""How good the pictures are: distances to real ones, in numbers that have a scale.

Features of the Inception network of 2015, in which the literature's FID is measured, are other programs' business; the
README has the lines.

Importing this package loads neither TensorFlow nor scikit-learn; its functions do.
"""

from dcgan.core.lazy_import import lazy_exporter
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
