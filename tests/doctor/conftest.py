"""Small folders of images, and options with which the doctor takes seconds."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dcgan.config import DoctorConfig


@pytest.fixture
def write_images():
    """Write an array of images as PNG files; return the folder."""

    def write(folder: str, images: np.ndarray, **save) -> Path:
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        for index, pixels in enumerate(images):
            Image.fromarray(pixels).save(path / f"{index:04d}.png", **save)
        return path

    return write


@pytest.fixture
def noise():
    """Images of noise, uint8 (count, side, side, 3), no two alike."""

    def make(count: int, height: int = 16, width: int | None = None, seed: int = 0) -> np.ndarray:
        random = np.random.default_rng(seed)
        return random.integers(0, 256, (count, height, width or height, 3), np.uint8)

    return make


@pytest.fixture
def options():
    """Options of a tiny training from the folder `images`."""

    def make(**changed) -> DoctorConfig:
        small = {
            "dataset": "folder",
            "data_dir": "images",
            "cache_dir": "cache",
            "run_dir": "run",
            "image_size": "16",
            "batch_size": 4,
            "latent_dim": 5,
            "generator_width": 4,
            "discriminator_width": 4,
            "discriminator_hidden": 0,
            "compile": "none",
            "steps": 40,
            "save_every": 20,
            "sample_every": 10,
            "log_every": 5,
            "keep_checkpoints": 2,
            "tensorboard": False,
            "check_seconds": 0.0,
        }
        return DoctorConfig(**{**small, **changed})

    return make
