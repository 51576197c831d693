"""The smallest run that has every part: 12 synthetic images of 8x8, networks of a few filters."""

from pathlib import Path

import numpy as np
from PIL import Image

from dcgan.config import TrainConfig

FILES = "checkpoints", "generator.keras"


def make_images(folder: Path, count: int = 12, side: int = 8) -> Path:
    """Write images of noise, always the same."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for index in range(count):
        pixels = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:03d}.png")
    return folder


def tiny_config(folder: Path, **options) -> TrainConfig:
    """Return the options of a run that takes seconds."""
    small = {
        "dataset": "folder",
        "data_dir": make_images(folder / "images"),
        "cache_dir": folder / "cache",
        "run_dir": folder / "run",
        "image_size": "8",
        "batch_size": 4,
        "latent_dim": 5,
        "generator_width": 4,
        "discriminator_width": 4,
        "discriminator_hidden": 3,
        "compile": "none",  # compiling takes longer than these steps
        "steps": 6,
        "save_every": 2,
        "sample_every": 3,
        "log_every": 1,
        "tensorboard": False,
    }
    return TrainConfig(**{**small, **options}).resolve()
