"""Inspect a trained discriminator: top activations, projections to the pixels, realism maps.

Importing this package does not load TensorFlow; its functions do.
"""

from dcgan.core.imports import lazy_exporter
from dcgan.interpretation.explain import explain as explain

_MODULES = {
    "ForwardRecord": "dcgan.interpretation.deconvnet",
    "RealismMap": "dcgan.interpretation.realism",
    "TopActivations": "dcgan.interpretation.top_activations",
    "find_top_activations": "dcgan.interpretation.top_activations",
    "realism_map": "dcgan.interpretation.realism",
    "realism_scene": "dcgan.interpretation.realism",
    "receptive_field": "dcgan.interpretation.deconvnet",
    "record_forward": "dcgan.interpretation.deconvnet",
}

__all__ = sorted([*_MODULES, "explain"])
__getattr__ = lazy_exporter(__name__, _MODULES)
