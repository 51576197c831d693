"""HDF5 files, by h5py, which TensorFlow installs."""

import contextlib
import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dcgan.data.containers.arrays import list_arrays
from dcgan.data.containers.common import file_version
from dcgan.data.containers.numpy_files import explain_damage
from dcgan.data.image_files import ImageFiles

_MAX_DATASETS = 1000


def is_hdf5(start: bytes) -> bool:
    """Return whether a file is HDF5 (HDF5 File Format Specification, III.A), given its first bytes."""
    return start.startswith(b"\x89HDF\r\n\x1a\n")


@contextlib.contextmanager
def open_hdf5(paths: Sequence[Path], root: Path) -> Iterator[ImageFiles]:
    """List the images of HDF5 files.

    Args:
        paths: files of one dataset; the names of several precede those of their datasets.
        root: what the user named.

    Yields:
        The images, until the block ends.

    Raises:
        UserError: a file is damaged, or there are no images.
    """
    h5py = importlib.import_module("h5py")  # takes a tenth of a second
    with contextlib.ExitStack() as stack:
        arrays: dict[str, Any] = {}
        versions: dict[str, int] = {}
        for path in paths:
            with explain_damage(path, "HDF5 file"):
                for key, dataset in _datasets(stack.enter_context(h5py.File(path, "r")), h5py.Dataset).items():
                    name = f"{path.stem}/{key}" if len(paths) > 1 else key
                    arrays[name], versions[name] = dataset, file_version(path)
        with explain_damage(root, "HDF5 file"):  # which labels are read from
            image_files = list_arrays(root, arrays, versions)
        yield image_files


def _datasets(file: Any, kind: type) -> dict[str, Any]:
    """Return the datasets of a file by their paths; links to other files are not followed."""
    found: dict[str, Any] = {}

    def add(name: str, item: Any) -> None:
        if isinstance(item, kind) and len(found) < _MAX_DATASETS and item.shape is not None:
            if item.external or item.is_virtual:
                return  # its content is in other files, which it may name freely
            found[name] = item

    file.visititems(add)
    return found
