"""Train a DCGAN on your own images, and understand it.

The public names below are imported on first use, so that `import dcgan` is fast. Environment variables that TensorFlow
and Keras read when they are imported are set here.
"""

import os
from typing import TYPE_CHECKING

from dcgan.core.imports import lazy_exporter

__version__ = "0.1.0"

# The training loop is written for TensorFlow, whatever backend the user's `keras.json` selects.
os.environ["KERAS_BACKEND"] = "tensorflow"
# oneDNN's convolutions are off by default on some CPUs, where they more than double the speed.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# Hides TensorFlow's messages at start (no GPU found, CPU features): training prints the devices it uses, and errors
# still raise.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# XLA reads where its choice of GPU kernels is kept once, when TensorFlow finds a GPU. The files are those of NVIDIA's
# driver, on Linux and in WSL2.
if any(map(os.path.exists, ("/dev/nvidiactl", "/dev/dxg"))):
    from dcgan.core.autotuning import keep_autotuning_results

    keep_autotuning_results()

if TYPE_CHECKING:
    from dcgan.config import (
        DataConfig as DataConfig,
    )
    from dcgan.config import (
        GenerateConfig as GenerateConfig,
    )
    from dcgan.config import (
        PrepareConfig as PrepareConfig,
    )
    from dcgan.config import (
        TrainConfig as TrainConfig,
    )
    from dcgan.core.errors import UserError as UserError
    from dcgan.data import load as load
    from dcgan.data import prepare as prepare
    from dcgan.networks import build_discriminator as build_discriminator
    from dcgan.networks import build_generator as build_generator
    from dcgan.runs import find_run as find_run
    from dcgan.sampling import generate as generate
    from dcgan.sampling import latents as latents
    from dcgan.training import train as train
    from dcgan.visualization import tile as tile

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

__all__ = [
    "DataConfig",
    "GenerateConfig",
    "PrepareConfig",
    "TrainConfig",
    "UserError",
    "build_discriminator",
    "build_generator",
    "find_run",
    "generate",
    "latents",
    "load",
    "prepare",
    "tile",
    "train",
]
__getattr__ = lazy_exporter(__name__, _MODULES)
