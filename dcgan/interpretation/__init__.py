"""Look inside a trained discriminator: deconvnet projections, top activations, realism maps.

Importing this package does not load TensorFlow; its functions do.
"""

from dcgan.core.lazy_import import lazy_exporter
from dcgan.interpretation.explain import explain as explain

_MODULES = {
    "Recording": "dcgan.interpretation.deconvnet",
    "record": "dcgan.interpretation.deconvnet",
    "RealismMap": "dcgan.interpretation.realism",
    "realism_map": "dcgan.interpretation.realism",
    "realism_scene": "dcgan.interpretation.realism",
    "find_top_activations": "dcgan.interpretation.top_activations",
}

__all__ = sorted([*_MODULES, "explain"])
__getattr__ = lazy_exporter(__name__, _MODULES)
