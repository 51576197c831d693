"""HDF5 files, by h5py, which TensorFlow installs."""

import contextlib
import functools
import importlib
import json
import math
import subprocess
import sys
import threading
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dcgan.core.errors import UserError
from dcgan.data.containers import hdf5_texts
from dcgan.data.containers.arrays import list_arrays
from dcgan.data.containers.common import file_version
from dcgan.data.containers.numpy_files import explain_damage
from dcgan.data.image_files import MAX_TABLE_BYTES, ImageFiles

TEXT_SECONDS = 30
"""How long it may take to begin to read texts."""

_MAX_DATASETS = 1000
_MAX_CHUNK_BYTES = 1 << 28  # of a chunk, and of those that HDF5 keeps, as the next image may be in the same one
_CHUNK_SLOTS = 10_007
_DEFLATE, _CHECKSUM = 1, 3  # H5Z_FILTER_DEFLATE and H5Z_FILTER_FLETCHER32
_DEFLATE_RATIO = 1032  # at most (zlib.net/zlib_tech.html)
_PIECE_BYTES = 1 << 12
_TEXTS_PER_SECOND = 10_000  # at least
_REWRITE = "Write it again with h5py, for example with chunks=(1, H, W, C)."


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
        arrays: dict[str, _Dataset] = {}
        for path in paths:
            with explain_damage(path, "HDF5 file"):
                file = stack.enter_context(h5py.File(path, "r", rdcc_nbytes=_MAX_CHUNK_BYTES, rdcc_nslots=_CHUNK_SLOTS))
                for key, dataset in _datasets(file, h5py.Dataset).items():
                    arrays[f"{path.stem}/{key}" if len(paths) > 1 else key] = _Dataset(path, dataset)
        with explain_damage(root, "HDF5 file"):  # which labels are read from
            image_files = list_arrays(root, arrays)
        yield image_files


def _datasets(file: Any, kind: type) -> dict[str, Any]:
    """Return the datasets of a file by their paths; links to other files are not followed."""
    found: dict[str, Any] = {}

    def add(name: str, item: Any) -> bool | None:
        if isinstance(item, kind) and item.shape is not None and not item.external and not item.is_virtual:
            found[name] = item  # the content of others is in other files, which they may name freely
        return len(found) >= _MAX_DATASETS or None  # None continues

    file.visititems(add)
    return found


class _Dataset:
    """A dataset whose chunks are checked before HDF5 unpacks them, which it does to whatever size they have.

    Args:
        path: the file.
        dataset: of h5py.
    """

    def __init__(self, path: Path, dataset: Any):
        self.shape: tuple[int, ...] = dataset.shape
        self.dtype: np.dtype = dataset.dtype
        self.version, self.file_bytes = file_version(path), path.stat().st_size
        self._path, self._dataset, self._lock = path, dataset, threading.Lock()

    def __getitem__(self, index: Any, /) -> Any:
        """Return an image, given its number, or everything, given a slice."""
        everything = isinstance(index, slice)
        with self._lock:
            row = None if everything or not self._dataset.chunks else index - index % self._dataset.chunks[0]
            for offset in self._large_chunks.pop(row, ()):
                self._check_chunk(offset)
        return self._texts() if everything and self.dtype.kind == "O" else self._dataset[index]

    @functools.cached_property
    def _large_chunks(self) -> dict[int | None, list[tuple[int, ...]]]:
        """Return the offsets of the chunks that may unpack to too much, by their first row; all of them under None."""
        found: dict[int | None, list[tuple[int, ...]]] = defaultdict(list)
        if self._dataset.chunks is None:
            return found
        size = math.prod(self._dataset.chunks) * self.dtype.itemsize
        if size > _MAX_CHUNK_BYTES:
            raise self._too_large(size)
        properties = self._dataset.id.get_create_plist()
        filters = [properties.get_filter(number)[0] for number in range(properties.get_nfilters())]
        if _DEFLATE in filters:
            if filters.count(_DEFLATE) > 1 or {*filters[filters.index(_DEFLATE) + 1 :]} - {_CHECKSUM}:
                raise UserError(f"The dataset {self._dataset.name} in {self._path} is compressed twice.", _REWRITE)

            def add(chunk: Any) -> None:
                if chunk.size * _DEFLATE_RATIO > _MAX_CHUNK_BYTES:
                    found[chunk.chunk_offset[0]].append(chunk.chunk_offset)

            self._dataset.id.chunk_iter(add)
            found[None] = [offset for offsets in found.values() for offset in offsets]
        return found

    def _check_chunk(self, offset: tuple[int, ...]) -> None:
        """Refuse a chunk that unpacks to too much; HDF5 reports other damage."""
        _, data = self._dataset.id.read_direct_chunk(offset)
        decompressor, size = zlib.decompressobj(), 0
        with contextlib.suppress(zlib.error):
            for start in range(0, len(data), _PIECE_BYTES):
                size += len(decompressor.decompress(data[start : start + _PIECE_BYTES]))
                if size > _MAX_CHUNK_BYTES:
                    raise self._too_large(size)

    def _too_large(self, size: int) -> UserError:
        return UserError(
            f"A chunk of the dataset {self._dataset.name} in {self._path} takes {size >> 20} MiB or more, "
            f"over the limit of {_MAX_CHUNK_BYTES >> 20} MiB.",
            _REWRITE,
        )

    def _texts(self) -> np.ndarray:
        """Return texts of any length; None for each element if the dataset holds something else."""
        step = max(16, _MAX_CHUNK_BYTES // self.file_bytes)
        arguments = str(self._path), self._dataset.name, str(step), str(MAX_TABLE_BYTES)
        try:
            done = subprocess.run(
                [sys.executable, hdf5_texts.__file__, *arguments],
                capture_output=True,
                check=False,
                timeout=TEXT_SECONDS + self.shape[0] / _TEXTS_PER_SECOND,
            )
            answer = json.loads(done.stdout)
        except (subprocess.TimeoutExpired, ValueError) as error:
            raise ValueError(f"the texts in {self._dataset.name} can't be read") from error
        if isinstance(answer, dict):
            raise ValueError(answer["error"])
        return np.array(answer or [None] * self.shape[0], object)
