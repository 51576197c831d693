"""Train a DCGAN on your own images, and understand it.

The names below are the ones to use from a notebook; each is imported when it is first asked for, so that
`import dcgan` itself stays light. Settings that TensorFlow and Keras read only once, at their own import, are
made here.
"""

import os

from dcgan.core.lazy_import import lazy_exporter

__version__ = "0.1.0"

# Keras may be configured for another backend; this program's training loop is TensorFlow's.
os.environ["KERAS_BACKEND"] = "tensorflow"
# oneDNN's convolutions are off by default on some processors and more than double the speed there.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# What TensorFlow logs at start-up (no GPU found, CPU features) is noise to a user: `dcgan.core.devices` says in one line
# what is used, and a real error still raises.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_MODULES = {
    "UserError": "dcgan.core.errors",
    "DataConfig": "dcgan.config",
    "PrepareConfig": "dcgan.config",
    "TrainConfig": "dcgan.config",
    "GenerateConfig": "dcgan.config",
    "load": "dcgan.data",
    "prepare": "dcgan.data",
    "train": "dcgan.training",
    "generate": "dcgan.sampling",
    "latents": "dcgan.sampling",
    "build_generator": "dcgan.networks",
    "build_discriminator": "dcgan.networks",
    "find_run": "dcgan.runs",
    "tile": "dcgan.visualization",
}

__all__ = sorted(_MODULES)
__getattr__ = lazy_exporter(__name__, _MODULES)
