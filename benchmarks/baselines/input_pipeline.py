"""The input pipeline alone: reading batches from a cache, and preparing image files."""

import dcgan  # noqa: F401  (sets what TensorFlow reads at its import)

# isort: split
import mmap
import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from dcgan.config import PrepareConfig
from dcgan.data import prepare
from dcgan.data.batches import batches
from dcgan.data.transforms import CropResize, crop_and_resize


class BatchReader:
    """Read batches from a memory-mapped cache without training on them.

    Args:
        path: `.npy` file of uint8 images.
        batch_size: images per batch.
    """

    def __init__(self, path: str, batch_size: int):
        self._path, self._batch_size = path, batch_size
        self._images = np.load(path, mmap_mode="r")
        self._next = 1

    def run(self, steps: int) -> int:
        """Read `steps` batches; return the number of images."""
        first, self._next = self._next, self._next + steps
        for _ in batches(self._images, self._batch_size, 0, range(first, self._next)):
            pass
        return steps * self._batch_size

    def fill_page_cache(self) -> None:
        """Bring the whole file into the page cache and map it."""
        self._images.max()

    def drop_page_cache(self) -> None:
        """Evict the file from the page cache; pages that another process has mapped would stay."""
        self._images._mmap.madvise(mmap.MADV_DONTNEED)
        with Path(self._path).open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def bytes_from_disk(self) -> int:
        """Return the bytes that this process has read from the disk so far."""
        fields = (line.split(":") for line in Path("/proc/self/io").read_text().splitlines())
        return int(dict(fields)["read_bytes"])


class PrepareCommand:
    """Prepare a folder of images as `python -m dcgan prepare` does.

    Args:
        folder: folder of image files.
        cache_dir: directory of the cache; emptied before every run.
        image_size: height and width of the cached images.
    """

    def __init__(self, folder: str, cache_dir: str, image_size: int):
        self._cache_dir = Path(cache_dir)
        self._config = PrepareConfig("folder", Path(folder), image_size, cache_dir=self._cache_dir)

    def run(self, steps: int) -> int:
        """Prepare the folder `steps` times; return the number of images."""
        count = 0
        for _ in range(steps):
            shutil.rmtree(self._cache_dir, ignore_errors=True)
            count += len(prepare(self._config))
        return count


class SingleThread:
    """Decode, crop and resize the same files in one thread, keeping nothing.

    Args:
        folder: folder of image files.
        image_size: height and width of the results.
    """

    def __init__(self, folder: str, image_size: int):
        self._files = sorted(Path(folder).iterdir())
        self._transform = CropResize((image_size, image_size), None, 3)

    def run(self, steps: int) -> int:
        """Decode the folder `steps` times; return the number of images."""
        for _ in range(steps):
            for file in self._files:
                with Image.open(file) as image:
                    crop_and_resize(image, self._transform)
        return steps * len(self._files)
