"""The feed alone, and the preparing of pictures."""

import dcgan  # noqa: F401  (sets what TensorFlow reads at its import)

# isort: split
import mmap
import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from dcgan.config import PrepareConfig
from dcgan.data.batches import batches
from dcgan.data.transforms import CropResize, crop_and_resize


class Feed:
    """Batches out of a mapped store, which nobody trains on.

    Args:
        path: an `.npy` file of uint8 images.
        batch_size: images a batch.
    """

    def __init__(self, path: str, batch_size: int):
        self._path, self._batch_size = path, batch_size
        self._images = np.load(path, mmap_mode="r")
        self._next = 1

    def run(self, steps: int) -> int:
        """Read so many batches; returns the images."""
        first, self._next = self._next, self._next + steps
        for _ in batches(self._images, self._batch_size, 0, range(first, self._next)):
            pass
        return steps * self._batch_size

    def warm(self) -> None:
        """Have the whole file in the page cache, and mapped."""
        self._images.max()

    def forget(self) -> None:
        """Take the file out of the page cache; pages that any process has mapped would stay there."""
        self._images._mmap.madvise(mmap.MADV_DONTNEED)
        with Path(self._path).open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def bytes_from_disk(self) -> int:
        """What this process has had read from the disk so far."""
        fields = (line.split(":") for line in Path("/proc/self/io").read_text().splitlines())
        return int(dict(fields)["read_bytes"])


class Application:
    """Prepares a folder of pictures as `python -m dcgan prepare` does.

    Args:
        pictures: the folder.
        cache_dir: where the store goes; emptied before every run.
        image_size: side of the result.
    """

    def __init__(self, pictures: str, cache_dir: str, image_size: int):
        self._cache_dir = Path(cache_dir)
        self._config = PrepareConfig("folder", Path(pictures), image_size, cache_dir=self._cache_dir)

    def run(self, steps: int) -> int:
        """Prepare the folder so often; returns the pictures."""
        from dcgan.data import prepare

        done = 0
        for _ in range(steps):
            shutil.rmtree(self._cache_dir, ignore_errors=True)
            done += len(prepare(self._config))
        return done


class OneCore:
    """Decodes, cuts and resizes the same pictures in one thread, and keeps nothing.

    Args:
        pictures: the folder.
        image_size: side of the result.
    """

    def __init__(self, pictures: str, image_size: int):
        self._files = sorted(Path(pictures).iterdir())
        self._cut = CropResize((image_size, image_size), None, 3)

    def run(self, steps: int) -> int:
        """Go through the folder so often; returns the pictures."""
        for _ in range(steps):
            for file in self._files:
                with Image.open(file) as picture:
                    crop_and_resize(picture, self._cut)
        return steps * len(self._files)
