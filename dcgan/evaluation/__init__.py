"""How good the pictures are: distances to real ones, in numbers that have a scale.

Features of the Inception network of 2015, in which the literature's FID is measured, are other programs' business.
`python generate.py --num 10000 --out DIR` writes what they read, and REAL is a folder of real pictures:

    pip install clean-fid && python -c "from cleanfid import fid; print(fid.compute_fid('DIR', 'REAL'))"
    pip install torch-fidelity && fidelity --fid --kid --input1 DIR --input2 REAL

Importing this package loads neither TensorFlow nor scikit-learn; its functions do.
"""

import importlib

_HOMES = {
    "density_coverage": "dcgan.evaluation.distances",
    "frechet_distance": "dcgan.evaluation.distances",
    "kernel_distance": "dcgan.evaluation.distances",
    "precision_recall": "dcgan.evaluation.distances",
    "digit_features": "dcgan.evaluation.digits",
    "evaluate": "dcgan.evaluation.report",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'dcgan.evaluation' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
