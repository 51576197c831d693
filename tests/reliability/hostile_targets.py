"""Every reader of foreign bytes, as a function of bytes, with valid files to begin from and damage to do to them.

A reader returns a valid value or raises a `UserError`; anything else that it raises is a failure.
"""

import contextlib
import gzip
import io
import json
import os
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from dcgan.config import TrainConfig
from dcgan.config.parser import read_yaml, to_yaml
from dcgan.core.classes import Classes, read_classes, write_classes
from dcgan.core.errors import UserError
from dcgan.data.celeba import read_table
from dcgan.data.cifar10 import read_cifar10
from dcgan.data.containers import hdf5
from dcgan.data.containers.tfrecord import _masked_crc32c
from dcgan.data.dataset_cache import open_cache, write_cache
from dcgan.data.decoding import EncodedImage, SkippedImage, decode_file, pillow_warnings
from dcgan.data.decoding_pool import decode_all
from dcgan.data.idx import read_idx
from dcgan.data.image_files import ImageFiles, Labels
from dcgan.data.label_files import read_label_file
from dcgan.data.layout import folder_classes
from dcgan.data.listing import open_image_files
from dcgan.data.mnist import read_mnist
from dcgan.data.transforms import CropResize
from dcgan.runs.checkpoints import Checkpoints
from dcgan.runs.jsonl import read_jsonl
from tests.support.synthetic_datasets import cifar10_files, encode_image, idx_bytes, write_zip

CORPUS = Path(__file__).with_name("corpus")
"""Inputs that once failed, in one folder per target."""

_TRANSFORM = CropResize((8, 8), None, 3)
_DAMAGED_TOKENS = (b"", b"\0", b"\xff" * 4, b"\x80\0\0\0", b"\x7f\xff\xff\xff")
_JSON_TOKENS = (b"NaN", b"-Infinity", b"1e999", b"9" * 400, b"[" * 2000, b'"\\ud800"', b"null", b"true", b"{}", b'""')
_YAML_TOKENS = (
    *(b"&a ", b"*a", b"<<: ", b"- ", b"? ", b"[", b"{", b"!!int ", b"!!float ", b"!!timestamp ", b"!!binary ", b"~"),
    *(b"!!bool ", b"!!set ", b"!!python/name:os.system ", b"''", b"1:1", b"9" * 400, b".nan", b".inf", b"[" * 2000),
)
_FOLDER_TOKENS = (b"l ", b"d ", b"p ", b"n ", b"f ", b"\n", b"/", b"\xff", b".png")
_TABLE_TOKENS = ("²".encode(), "٣".encode(), b"\xff", b",", b"\r", "\x1c\u2028".encode(), b"9" * 5000, b"-1", b"\n")


_NPY_TOKENS = (
    *(
        b"'|u1'",
        b"'<u2'",
        b"'|O'",
        b"'<U9'",
        b"'V0'",
        b"'S0'",
        b"[('a', '|u1')]",
        b"True",
        b"(4, 4, 4)",
        b"()",
        b"(-1, 9)",
    ),
    *(b"1000000000000", b"9" * 30, b"(" * 90, b"\x93NUMPY", b"PK\3\4", b"PK\1\2", b".npy", b"\0", b"\xff" * 4),
)


@dataclass(frozen=True)
class Target:
    """A reader.

    Args:
        read: gives the bytes to the reader, in an empty folder; raises what the reader raises.
        seeds: returns valid inputs.
        executions: its part of a million.
        tokens: bytes that mean something in the format.
        max_bytes: length of the longest input.
        requires: module of an extra that the reader needs; empty for none.
    """

    read: Callable[[Path, bytes], None]
    seeds: Callable[[], list[bytes]]
    executions: int
    tokens: tuple[bytes, ...] = _DAMAGED_TOKENS
    max_bytes: int = 4096
    requires: str = ""

    def run(self, folder: Path, data: bytes) -> None:
        """Read an input; a UserError is an answer, if it can be printed."""
        try:
            self.read(folder, data)
        except UserError as error:
            if len(str(error)) > 6000:
                raise AssertionError("a message of this length helps nobody") from error


def mutations(seeds: list[bytes], tokens: tuple[bytes, ...], max_bytes: int) -> st.SearchStrategy[bytes]:
    """Return valid inputs with bytes changed, pieces removed, repeated or replaced by tokens."""
    places = st.integers(0, 1 << 16)
    pieces = st.sampled_from(tokens) | st.binary(max_size=8) | places.map(lambda byte: bytes([byte & 255]))
    edits = st.lists(st.tuples(places, st.sampled_from((0, 1, 1, 1, 4, 64, 1024)), pieces), max_size=6)

    def edit(seed: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
        for place, length, piece in changes:
            start = place % (len(seed) + 1)
            seed = seed[:start] + piece + seed[start + length :]
        return seed[:max_bytes]

    return st.builds(edit, st.sampled_from(seeds), edits) | st.binary(max_size=64)


def _write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _idx(folder: Path, data: bytes) -> None:
    assert read_idx(_write(folder, "images", data), 3).ndim == 3


def _idx_seeds() -> list[bytes]:
    array = np.arange(24).reshape(2, 3, 4)
    return [idx_bytes(array), gzip.compress(idx_bytes(array), mtime=0), gzip.compress(idx_bytes(array), 0, mtime=0)]


def _mnist(folder: Path, data: bytes) -> None:
    """The first byte is the length of the labels' file."""
    labels = data[1 : 1 + data[0]] if data else b""
    _write(folder, "train-labels-idx1-ubyte", labels)
    _write(folder, "train-images-idx3-ubyte", data[1 + len(labels) :])
    images, read = read_mnist(folder, "train")
    assert images.shape == (len(read), *images.shape[1:3], 1)
    assert read.max() <= 9


def _mnist_seeds() -> list[bytes]:
    labels = idx_bytes(np.array([3, 9]))
    return [bytes([len(labels)]) + labels + idx_bytes(np.arange(8).reshape(2, 2, 2))]


def _cifar10(folder: Path, data: bytes) -> None:
    images, labels = read_cifar10(_write(folder, "test_batch.bin", data).parent, "test")
    assert images.shape == (len(labels), 32, 32, 3)
    assert labels.max() <= 9


def _cifar10_archive(folder: Path, data: bytes) -> None:
    packed = data if data[:2] == b"\x1f\x8b" else gzip.compress(data, 1, mtime=0)
    images, labels = read_cifar10(_write(folder, "c.tar.gz", packed), "test")
    assert images.shape == (len(labels), 32, 32, 3)


def _cifar10_archive_seeds() -> list[bytes]:
    content, seeds = cifar10_files(1)[0]["test_batch.bin"], []
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with io.BytesIO() as file:
            with tarfile.open(fileobj=file, mode="w", format=form) as archive:
                info = tarfile.TarInfo(f"{'long' * (0 if form == tarfile.USTAR_FORMAT else 40)}/test_batch.bin")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            seeds.append(file.getvalue().rstrip(b"\0") + bytes(1024))
    return [*seeds, gzip.compress(seeds[0], mtime=0)]


def _check_images(results: object) -> None:
    for result in results:
        assert isinstance(result, SkippedImage) or (result.shape == (8, 8, 3) and result.dtype == np.uint8)
        if isinstance(result, SkippedImage):
            assert 0 < len(result.reason) < 200


def _zip(folder: Path, data: bytes) -> None:
    with open_image_files(_write(folder, "i.zip", data)) as files:
        assert len(files.fingerprint) == 64
        folder_classes(files.names)
        _check_images(decode_all(files, _TRANSFORM, workers=1))


def _zip_seeds() -> list[bytes]:
    gray = encode_image(Image.new("L", (4, 4)))
    seeds = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with io.BytesIO() as file:
            write_zip(file, {"top/a/1.png": gray, "top/ä/2.gif": gray, "top/": b""}, method)
            seeds.append(file.getvalue())
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive, archive.open("1.png", "w", force_zip64=True) as entry:
            entry.write(gray)
        seeds.append(file.getvalue())
    return seeds


def _table(suffix: str) -> Callable[[Path, bytes], None]:
    def read(folder: Path, data: bytes) -> None:
        table = read_table(f"list_attr_celeba{suffix}", data)
        for name in table.names[:3]:
            assert all(type(value) is int for value in table.column(name).values())

    return read


def _table_seeds() -> list[bytes]:
    return [b"2\nSmiling Male\n000001.jpg 1 -1\n000002.jpg -1 1\n", b"000001.jpg 0\n000002.jpg 2\n"]


def _csv_seeds() -> list[bytes]:
    return [b"image_id,Smiling,Male\n000001.jpg,1,-1\n000002.jpg,-1,1\n"]


def _folder(folder: Path, data: bytes) -> None:
    """Each line makes an entry: what it is, its name, and for links and folders where it leads."""
    root = folder / "root"
    root.mkdir()
    for line in data.split(b"\n")[:16]:
        action, name, target = (*line.split(b" ", 2), b"", b"")[:3]
        path = os.path.join(os.fsencode(root), name.replace(b"..", b"__").lstrip(b"/"))  # noqa: PTH118 (bytes)
        with contextlib.suppress(OSError, ValueError):
            if action == b"d":
                os.mkdir(path)  # noqa: PTH102
            elif action == b"l":
                os.symlink(target, path)  # noqa: PTH211
            elif action == b"p":
                os.mkfifo(path)
            elif action == b"n":
                os.mkdir(path, 0)  # noqa: PTH102
            elif name:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
                os.write(descriptor, target)
                os.close(descriptor)
    with open_image_files(root) as files:
        folder_classes(files.names)
        assert len(files.fingerprint) == 64
        _check_images(decode_all(files, _TRANSFORM, workers=1))


def _folder_seeds() -> list[bytes]:
    return [
        b"d a\nd b\nf a/1.png x\nf b/2.jpg\nl a/up ..\nl self .\nl b/3.png ../a/1.png\np b/4.png\nl 5.gif 5.gif\n",
        b"n closed\nf \xe9.png \x89PNG\nd \xff\nf \xff/1.png\nl dev.png /dev/null\nl zero.png /dev/zero\nf .h.png\n",
    ]


def _image(folder: Path, data: bytes) -> None:
    with pillow_warnings():
        for transform in (_TRANSFORM, CropResize((8, 8), 2, 3)):
            _check_images([decode_file(EncodedImage("i", data), transform)])


def _image_seeds() -> list[bytes]:
    color = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    seeds = [encode_image(color.convert(mode)) for mode in ("RGB", "L", "P", "RGBA", "LA", "1")]
    seeds += [encode_image(Image.new("I;16", (3, 4), 999)), encode_image(color, exif=exif, dpi=(9, 9))]
    seeds += [encode_image(color, "JPEG", exif=exif), encode_image(color.convert("CMYK"), "JPEG", progressive=True)]
    seeds += [encode_image(color, "WEBP", lossless=True, exif=exif), encode_image(color.convert("RGBA"), "WEBP")]
    seeds += [encode_image(color, "BMP"), encode_image(color.convert("P"), "BMP"), encode_image(color, "DIB")]
    return [*seeds, encode_image(color, "GIF", save_all=True, append_images=[color.convert("L")], transparency=3)]


def _keras(folder: Path, data: bytes) -> None:
    from dcgan.runs.keras_models import is_generator, load_model

    is_generator(load_model(_write(folder, "generator.keras", data), "generator"))


def _keras_seeds() -> list[bytes]:

    import keras

    from dcgan.runs.keras_models import save_model

    with tempfile.TemporaryDirectory() as folder:
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4), keras.layers.Reshape((2, 2, 1))])
        save_model(model, Path(folder) / "m.keras")
        return [(Path(folder) / "m.keras").read_bytes()]


def _checkpoint(folder: Path, data: bytes) -> None:
    """The checksums of the archive are made right, so that damage reaches what is in it."""
    (folder / "checkpoints").mkdir()
    _write(folder / "checkpoints", "step-00000007.npz", _right_checksums(data))
    with contextlib.redirect_stdout(io.StringIO()):
        Checkpoints(folder / "checkpoints").latest()
        Checkpoints(folder / "checkpoints").at(7)


def _right_checksums(data: bytes) -> bytes:
    """Put the checksum of a stored entry's content into a zip's directory, where that can be found."""
    fixed, place = bytearray(data), -1
    while (place := data.find(b"PK\1\2", place + 1)) >= 0:
        with contextlib.suppress(struct.error):
            size, name_length = struct.unpack_from("<I4xH", data, place + 20)
            local = struct.unpack_from("<I", data, place + 42)[0]
            skipped, extra = struct.unpack_from("<HH", data, local + 26)
            content = data[local + 30 + skipped + extra :][:size]
            struct.pack_into("<I", fixed, place + 16, zlib.crc32(content))
            assert name_length >= 0
    return bytes(fixed)


def _checkpoint_seeds() -> list[bytes]:
    seeds = []
    for save in (np.savez, np.savez_compressed):
        with io.BytesIO() as file:
            save(file, steps_done=np.array(3), kernel=np.arange(4, dtype=np.float32))
            seeds.append(file.getvalue())
    with io.BytesIO() as file:
        np.save(file, np.arange(3))
        return [*seeds, file.getvalue()]


def _config(folder: Path, data: bytes) -> None:
    assert isinstance(read_yaml(TrainConfig, _write(folder, "config.yaml", data)), TrainConfig)


def _config_seeds() -> list[bytes]:
    whole = to_yaml(TrainConfig()).encode()
    return [whole, b"steps: 7\ndata_dir: a/b\nconditional: true\nimage_size: 8x12\ngenerator_lr: 1e-3\n"]


def _jsonl(folder: Path, data: bytes) -> None:
    assert all(isinstance(record, dict) for record in read_jsonl(_write(folder, "log.jsonl", data)))


def _jsonl_seeds() -> list[bytes]:
    return [b'{"step": 1, "d_loss": 0.5, "seconds": 2e1}\n{"step": 2, "note": ["\\u00e4", null, true]}\n']


def _classes(folder: Path, data: bytes) -> None:
    classes = read_classes(_write(folder, "classes.json", data))
    assert len(classes.labels_for(range(4))) == 4
    assert all(type(name) is str and name.encode() for name in classes.input_names)
    assert abs(sum(classes.input_probabilities) - 1) < 1e-4


def _classes_seeds() -> list[bytes]:

    seeds = []
    for classes in (Classes(("a", "ä"), (0.5, 0.5)), Classes(("a", "b"), (0.25, 0.75), ((1.0,), (0.5, 0.5)))):
        with tempfile.TemporaryDirectory() as folder:
            write_classes(classes, Path(folder) / "classes.json")
            seeds.append((Path(folder) / "classes.json").read_bytes())
    return seeds


_MADE_FROM = {"source": "x", "size": [2, 2], "crop": None, "channels": 1}


def _manifest(folder: Path, data: bytes) -> None:
    """The manifest's checksum is made right where it is JSON, and the images' file has the bytes after a zero byte."""
    text, _, images = data.partition(b"\0")
    with contextlib.suppress(ValueError, RecursionError, AttributeError):
        content = json.loads(text)
        content.pop("checksum", None)
        text = json.dumps(content | {"checksum": zlib.crc32(json.dumps(content).encode())}).encode()
    _write(folder, "manifest.json", text)
    _write(folder, "images.npy", images)
    with contextlib.redirect_stderr(io.StringIO()):
        cache = open_cache(folder, _MADE_FROM)
    assert cache is None or (cache.images.ndim == 4 and cache.images.sum() >= 0)


def _manifest_seeds() -> list[bytes]:

    with tempfile.TemporaryDirectory() as folder:
        images = [np.full((2, 2, 1), 7, np.uint8), SkippedImage("2.png", "it is broken")]
        write_cache(Path(folder) / "cache", _MADE_FROM, (2, 2, 1), images)
        manifest, pixels = (Path(folder) / "cache" / name for name in ("manifest.json", "images.npy"))
        return [manifest.read_bytes() + b"\0" + pixels.read_bytes()]


def _container(name: str) -> Callable[[Path, bytes], None]:
    """Return a reader of a file with many images: it lists all and decodes the first ones."""

    def read(folder: Path, data: bytes) -> None:
        with open_image_files(_write(folder, name, data)) as files:
            assert len(files.fingerprint) == 64
            files.describe()
            assert files.labels is None or (files.labels.shape == (len(files.entries),) and files.labels.min() >= 0)
            _check_images(decode_all(_first(files, 6), _TRANSFORM, workers=1))

    return read


def _first(files: ImageFiles, count: int) -> ImageFiles:
    names = set(files.names[:count])
    return files.filter(names.__contains__)


_PIXELS = np.arange(5 * 4 * 4 * 3, dtype=np.uint8).reshape(5, 4, 4, 3)
_NUMBERS = np.array([0, 1, 0, 1, 1])


def _saved(save: Callable[..., None], *arrays: np.ndarray, **named: np.ndarray) -> bytes:
    with io.BytesIO() as file:
        save(file, *arrays, **named)
        return file.getvalue()


def _npy_seeds() -> list[bytes]:
    header = _saved(np.lib.format.write_array, _PIXELS, version=(2, 0))
    return [_saved(np.save, _PIXELS), _saved(np.save, np.asfortranarray(_PIXELS[..., 0])), header]


def _npz(folder: Path, data: bytes) -> None:
    """The checksums of the archive are made right, so that damage reaches what is in it."""
    _container("x.npz")(folder, _right_checksums(data))


def _npz_seeds() -> list[bytes]:
    names = np.array(["a", "b", "a", "b", "b"])
    return [
        _saved(np.savez, x_train=_PIXELS, y_train=_NUMBERS, x_test=_PIXELS[:2], y_test=_NUMBERS[:2]),
        _saved(np.savez_compressed, images=_PIXELS, labels=names),
    ]


def _hdf5(folder: Path, data: bytes) -> None:
    """HDF5 reads damaged texts for ever; a second is enough for others here."""
    with mock.patch.object(hdf5, "TEXT_SECONDS", 1):
        _container("x.h5")(folder, data)


def _hdf5_seeds() -> list[bytes]:
    import h5py

    seeds = []
    for names, options in (
        (_NUMBERS.astype(np.uint8), {}),
        (np.array([b"a", b"b", b"a", b"b", b"b"]), {"chunks": (2, 4, 4, 3), "compression": "gzip", "shuffle": True}),
        (["a", "b", "a", "b", "b"], {"chunks": (1, 4, 4, 3)}),
    ):
        with io.BytesIO() as target:
            with h5py.File(target, "w") as file:
                file.create_dataset("images", data=_PIXELS, **options)
                file.create_dataset("labels", data=names)
            seeds.append(target.getvalue())
    return seeds


def _parquet_seeds() -> list[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = [encode_image(image) for image in _PIXELS]
    names = ["a", "b", "a", "b", "b"]
    info = {"info": {"features": {"img": {"_type": "Image"}, "label": {"names": ["a", "b"], "_type": "ClassLabel"}}}}
    rows = pa.array([{"bytes": data, "path": None} for data in files], pa.struct({"bytes": pa.binary(), "path": "str"}))
    described = pa.table({"img": rows, "label": _NUMBERS}).replace_schema_metadata({"huggingface": json.dumps(info)})
    seeds = []
    for table, options in (
        (described, {"compression": "none", "row_group_size": 2}),
        (pa.table({"image": files, "label": names}), {"compression": "snappy"}),
        (pa.table({"image": files[:1] * 5, "y": names}), {"compression": "zstd", "use_dictionary": True}),
        (pa.table({"image": files}), {"compression": "gzip", "use_dictionary": False}),
    ):
        with io.BytesIO() as target:
            pq.write_table(table, target, store_schema=table is described, write_statistics=False, **options)
            seeds.append(target.getvalue())
    return seeds


def _tfrecord(folder: Path, data: bytes) -> None:
    """The checksums of the lengths are made right, so that damage reaches what is in the records."""
    _container("x.tfrecord")(folder, data if data.startswith(_COMPRESSED_STARTS) else _right_lengths(data))


_COMPRESSED_STARTS = b"\x78\x9c", b"\x1f\x8b"


def _right_lengths(data: bytes) -> bytes:
    """Put the checksums of the lengths into a TFRecord file, as long as there are records."""
    fixed, place = bytearray(data), 0
    while place + 12 <= len(data):
        struct.pack_into("<I", fixed, place + 8, _masked_crc32c(bytes(fixed[place : place + 8])))
        place += 16 + struct.unpack_from("<Q", fixed, place)[0]
    return bytes(fixed)


def _tfrecord_seeds() -> list[bytes]:
    """Two records made by hand: an image file with a name, and pixels with their shape and a number."""

    def field(number: int, content: bytes) -> bytes:
        length = len(content)
        size = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
        return bytes([number << 3 | 2]) + size + content

    def feature(name: bytes, kind: int, values: bytes) -> bytes:
        return field(1, field(1, name) + field(2, field(kind, values)))

    def record(*features: bytes) -> bytes:
        example = field(1, b"".join(features))
        return struct.pack("<QI", len(example), 0) + example + bytes(4)

    named = feature(b"image/encoded", 1, field(1, encode_image(_PIXELS[0]))) + feature(b"label", 1, field(1, b"a"))
    shape = feature(b"shape", 3, field(1, bytes([3, 4, 4]))) + feature(b"label", 3, b"\x08\x01")
    pixels = feature(b"image", 1, field(1, _PIXELS[1].tobytes())) + shape
    plain = [record(named) * 3, record(named) + record(pixels), record(pixels) * 2]
    return [*plain, zlib.compress(_right_lengths(plain[0])), gzip.compress(_right_lengths(plain[1]), mtime=0)]


def _tar_seeds() -> list[bytes]:
    """WebDataset with classes in their own files, and in JSON, and a compressed archive in an archive."""

    def tar(files: dict[str, bytes], mode: str = "w") -> bytes:
        with io.BytesIO() as target:
            with tarfile.open(fileobj=target, mode=mode) as archive:
                for name, data in files.items():
                    info = tarfile.TarInfo(name)
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
            return target.getvalue()

    gray = encode_image(Image.new("L", (4, 4)))
    classes = {f"{number}.{end}": data for number in "12" for end, data in (("png", gray), ("cls", b"3"))}
    named = {f"{number}.{end}": data for number in "12" for end, data in (("png", gray), ("json", b'{"label": "a"}'))}
    return [tar(classes), tar(named), tar({"x.tar.gz": tar(classes, "w:gz")}), *(tar(classes, f"w:{form}") for form in
            ("gz", "bz2", "xz"))]  # fmt: skip


_LABELED = ["00/a.png", "00/b.png", "c.jpg"]
_LABEL_TOKENS = (
    *(b"file_name", b"label", b"class", b",", b";", b"\t", b'"', b"\n", b"\r", b"\0", b"a.png", "ä".encode(), b"\xff"),
    *_JSON_TOKENS,
)


def _label_table(name: str) -> Callable[[Path, bytes], None]:
    def read(folder: Path, data: bytes) -> None:
        for column in (None, "label"):
            with contextlib.suppress(UserError):
                _check_labels(read_label_file(data, name, column, _LABELED))
        read_label_file(data, name, None, _LABELED)

    return read


def _check_labels(labels: Labels) -> None:
    assert labels.labels is not None
    assert len(labels.labels) == len(_LABELED)
    assert set(labels.labels) - {-1} == set(range(len(labels.names)))
    assert all(name.encode() for name in labels.names)


def _label_csv_seeds() -> list[bytes]:
    rows = ["00/a.png,x,1", "b,y,2", "c.jpg,x,1"]
    text = "\n".join(["file_name,label,number", *rows]).encode()
    return [text, text.replace(b",", b"\t"), b"\xef\xbb\xbf" + text.replace(b",", b";"), b"a.png cat\nc dog\n"]


def _label_json_seeds() -> list[bytes]:
    return [
        b'{"labels": [["00/a.png", 3], ["c.jpg", 1.0]]}',
        b'{"a.png": "x", "c": true}',
        b'[{"file_name": "a.png", "label": "x"}, {"file_name": "c.jpg", "label": null, "text": "-"}]',
    ]


def _label_jsonl_seeds() -> list[bytes]:
    return [b'{"file_name": "a.png", "label": "x"}\n{"file_name": "c.jpg", "label": 2}\n["b.png", "z"]\n']


TARGETS = {
    "idx": Target(_idx, _idx_seeds, 150_000),
    "mnist": Target(_mnist, _mnist_seeds, 80_000),
    "cifar10": Target(_cifar10, lambda: [cifar10_files(1)[0]["test_batch.bin"]], 60_000, max_bytes=6200),
    "cifar10_archive": Target(_cifar10_archive, _cifar10_archive_seeds, 40_000, max_bytes=1 << 14),
    "zip": Target(_zip, _zip_seeds, 60_000),
    "celeba_txt": Target(_table(".txt"), _table_seeds, 150_000, _TABLE_TOKENS),
    "celeba_csv": Target(_table(".csv"), _csv_seeds, 120_000, _TABLE_TOKENS),
    "folder": Target(_folder, _folder_seeds, 15_000, _FOLDER_TOKENS),
    "image": Target(_image, _image_seeds, 80_000),
    "keras": Target(_keras, _keras_seeds, 200, max_bytes=1 << 15),
    "checkpoint": Target(_checkpoint, _checkpoint_seeds, 60_000),
    "config": Target(_config, _config_seeds, 3_000, _YAML_TOKENS),
    "jsonl": Target(_jsonl, _jsonl_seeds, 100_000, _JSON_TOKENS),
    "classes": Target(_classes, _classes_seeds, 100_000, _JSON_TOKENS),
    "manifest": Target(_manifest, _manifest_seeds, 60_000, _JSON_TOKENS),
    "npy": Target(_container("x.npy"), _npy_seeds, 60_000, _NPY_TOKENS),
    "npz": Target(_npz, _npz_seeds, 40_000, _NPY_TOKENS),
    "hdf5": Target(_hdf5, _hdf5_seeds, 20_000, max_bytes=1 << 14),
    "parquet": Target(_container("x.parquet"), _parquet_seeds, 20_000, max_bytes=1 << 13, requires="pyarrow"),
    "tfrecord": Target(_tfrecord, _tfrecord_seeds, 60_000),
    "tar": Target(_container("x.tar"), _tar_seeds, 30_000, max_bytes=1 << 14),
    "labels_csv": Target(_label_table("labels.csv"), _label_csv_seeds, 150_000, _LABEL_TOKENS),
    "labels_json": Target(_label_table("dataset.json"), _label_json_seeds, 100_000, _LABEL_TOKENS),
    "labels_jsonl": Target(_label_table("labels.jsonl"), _label_jsonl_seeds, 100_000, _LABEL_TOKENS),
}


def corpus(name: str) -> Iterator[Path]:
    """Yield the inputs of a target that once failed."""
    folder = CORPUS / name
    yield from sorted(folder.iterdir()) if folder.is_dir() else ()


def clear(folder: Path) -> None:
    """Remove what a reader's input put into a folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                for path in [Path(entry), *Path(entry).rglob("*")]:
                    if path.is_dir() and not path.is_symlink():
                        path.chmod(0o700)
                shutil.rmtree(entry)
            else:
                os.unlink(entry)  # noqa: PTH108 (a hundred thousand times)
