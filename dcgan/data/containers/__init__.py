"""Files that hold many images: the table of their formats, told by content."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from dcgan.data.archives import TAR_ENDINGS
from dcgan.data.containers.hdf5 import is_hdf5, open_hdf5
from dcgan.data.containers.numpy_files import is_numpy, open_numpy
from dcgan.data.containers.parquet import is_parquet, open_parquet
from dcgan.data.containers.tars import open_tars, starts_like_tar
from dcgan.data.containers.tfrecord import is_tfrecord, open_tfrecords
from dcgan.data.image_files import ImageFiles


@dataclass(frozen=True)
class Container:
    """A format of files that hold many images.

    Args:
        name: the format, as messages put it.
        endings: endings of its files' names, in lower case; where a folder is searched, others are not opened.
        matches: returns whether a file is of this format, given its first 512 bytes.
        open: context manager that lists the images of one or several files of one dataset, in the order of the paths,
            given the files and what the user named. `ImageFiles.read` may return bytes of an image file, or pixels;
            `labels` and `class_names` are set where the format has them.
    """

    name: str
    endings: tuple[str, ...]
    matches: Callable[[bytes], bool]
    open: Callable[[Sequence[Path], Path], AbstractContextManager[ImageFiles]]


CONTAINERS: tuple[Container, ...] = (
    Container("arrays of NumPy", (".npy", ".npz"), is_numpy, open_numpy),
    Container("HDF5", (".h5", ".hdf5", ".hdf", ".he5"), is_hdf5, open_hdf5),
    Container("Parquet", (".parquet",), is_parquet, open_parquet),
    Container("TFRecord", (".tfrecord", ".tfrecords", ".tfrec"), is_tfrecord, open_tfrecords),
    Container("tar", TAR_ENDINGS, starts_like_tar, open_tars),
)
"""Every format."""


_SHARD = re.compile(r"-\d+-of-\d+$")  # as TensorFlow Datasets names files: x.tfrecord-00000-of-00002
_COMPRESSED = re.compile(r"\.(gz|gzip|zlib|zz)$")  # as TFRecord files may be


def has_container_ending(name: str) -> bool:
    """Return whether a name ends like that of a file with many images, in upper or lower case."""
    endings = tuple(ending for container in CONTAINERS for ending in container.endings)
    return _SHARD.sub("", _COMPRESSED.sub("", name.lower())).endswith(endings)


def container_of(path: Path) -> Container | None:
    """Return the format of a file that holds many images, by its content; None if it is no such file."""
    with path.open("rb") as file:
        start = file.read(512)
    return next((container for container in CONTAINERS if container.matches(start)), None)
