"""Make `mnist10k`, the data set inside the package: `python -m dcgan.data.embed_mnist DIR`.

DIR holds the original `train-images-idx3-ubyte.gz` and `train-labels-idx1-ubyte.gz`. The result is the same to the
byte wherever it is made with the same zlib: no time or name goes into the gzip header.
"""

import gzip
import struct
import sys
from pathlib import Path

import numpy as np

from dcgan.core.atomic_io import atomic_write
from dcgan.data.idx import read_idx
from dcgan.data.mnist import HERE, find_idx

COUNT = 10_000


def main(folder: Path, target: Path = HERE) -> None:
    """Write the first `COUNT` training images and labels of the original files in `folder` to `target`."""
    for stem, dimensions in (("train-images", 3), ("train-labels", 1)):
        write_idx(target / f"{stem}-idx{dimensions}-ubyte.gz", read_idx(find_idx(folder, stem), dimensions)[:COUNT])


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write a uint8 array as gzipped IDX."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    with atomic_write(path) as temporary:
        temporary.write_bytes(gzip.compress(header + array.tobytes(), compresslevel=9, mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
