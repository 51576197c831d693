"""Zip and tar archives of images, which are read in place; what is packed twice is unpacked to a temporary file."""

import bisect
import bz2
import contextlib
import functools
import gzip
import lzma
import shutil
import tarfile
import tempfile
import threading
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

from dcgan.core.errors import UserError
from dcgan.core.system_errors import unreadable
from dcgan.data.file_names import is_image_file, leave_out_file, leave_out_folder, made_by_training
from dcgan.data.formats import FIRST_BYTES, describe_unknown
from dcgan.data.image_files import ImageFile, ImageFiles, NotRead, check_file_size

TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
ARCHIVE_ENDINGS = (".zip", *TAR_ENDINGS)

_ZIP_READ_BYTES = 1 << 12  # what a decompressor is given at once, as its result may be a million times as large
_COPY_BYTES = 1 << 20
_MAX_UNPACKED_BYTES = 1 << 30  # of any file
_MAX_UNPACKED_RATIO = 100  # of a larger one; Deflate reaches 1,032
_RESERVED_BYTES = 1 << 30  # of the disk with temporary files, which are left free
_MAX_NESTED = 3  # archives in an archive; there are zips that hold themselves
_ENCRYPTED = 0x1  # bits of the general purpose flags (PKWARE's APPNOTE, 4.4.4)
_UTF_8 = 0x800
_COMPRESSIONS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
COMPRESSED = tuple(_COMPRESSIONS)
"""How files begin that gzip, bzip2 or xz compressed."""


_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_DEFLATE64 = 9  # APPNOTE, 4.4.5
_ODD_NAMES = "its file names are not in UTF-8 and may be misread"


@contextlib.contextmanager
def open_zip(path: Path, root: Path, nested: int = 0) -> Iterator[ImageFiles]:
    """List the images of a zip.

    Args:
        path: the zip.
        root: what the user named: the zip, or what it was found in.
        nested: number of archives that it was found in.

    Yields:
        The files; the zip is open until the block ends.

    Raises:
        UserError: it can't be read, is not a complete zip, or is packed by a method that can't be read.
    """
    with _open_zip(path) as archive:
        infos, odd_names = _zip_infos(archive)

        def first_bytes(name: str) -> bytes:
            with archive.open(infos[name]) as stream:
                return stream.read(FIRST_BYTES)

        names, not_read = select_images(infos, first_bytes)
        inner = _only_archive(infos, names)
        if inner is not None:
            with contextlib.ExitStack() as stack:
                size = infos[inner].file_size
                try:
                    stream = stack.enter_context(archive.open(infos[inner]))
                except Exception as error:
                    raise _zip_error(path, error) from error
                copy = stack.enter_context(temporary_copy(stream, root, size, infos[inner].compress_size))
                yield stack.enter_context(open_archive(copy, root, infos[inner].CRC, nested + 1))
            return
        _check_methods(path, [infos[name] for name in names])
        entries = tuple(ImageFile(name, infos[name].file_size, infos[name].CRC) for name in names)

        def read_other(name: str) -> bytes | None:
            found = find_by_end(infos, name)
            return None if found is None else _read_member(archive, path, infos[found])

        yield ImageFiles(
            root,
            entries,
            _zip_reader(archive, infos),
            in_process=True,
            not_read=not_read,
            read_other=read_other,
            remark=_ODD_NAMES * odd_names,
        )


@contextlib.contextmanager
def open_tar(path: Path, root: Path, version: int | None = None, nested: int = 0) -> Iterator[ImageFiles]:
    """List the images of a tar archive; a compressed one is unpacked to a temporary file first.

    Args:
        path: the archive, uncompressed or compressed by gzip, bzip2 or xz.
        root: what the user named: the archive, or what it was found in.
        version: differs when the archive does; by default the times of its last changes.
        nested: as for `open_zip`.

    Yields:
        The files; temporary ones exist until the block ends.

    Raises:
        UserError: it can't be read, is damaged, or does not fit on the disk.
    """
    with contextlib.ExitStack() as stack:
        with _tar_errors(path):  # an error in the caller's block is not one of the archive
            with path.open("rb") as file:
                start = file.read(FIRST_BYTES)
            if version is None:
                status = path.stat()
                version = status.st_mtime_ns + status.st_ctime_ns
            for signature, opener in _COMPRESSIONS.items():
                if start.startswith(signature):
                    stream = stack.enter_context(opener(path, "rb"))
                    path = stack.enter_context(temporary_copy(stream, root, None, path.stat().st_size))
                    break
            image_files, inner = _list_tar(path, root, version)
            if inner is not None:
                stream = stack.enter_context(path.open("rb"))
                stream.seek(inner[0])
                copy = stack.enter_context(temporary_copy(stream, root, inner[1], inner[1]))
                image_files = stack.enter_context(open_archive(copy, root, version, nested + 1))
        yield image_files


def open_archive(
    path: Path, root: Path, version: int | None = None, nested: int = 0
) -> contextlib.AbstractContextManager[ImageFiles]:
    """List the images of an archive, a tar where it is not a zip.

    Args:
        path: the archive.
        root: what the user named.
        version: as for `open_tar`.
        nested: as for `open_zip`.

    Returns:
        The files, until the block ends.

    Raises:
        UserError: it was found in too many archives, one in another.
    """
    if nested > _MAX_NESTED:
        raise UserError(
            f"{root} holds an archive in an archive more than {_MAX_NESTED} times.",
            "Unpack it yourself and name the folder of the images.",
        )
    return open_tar(path, root, version, nested) if is_tar(path) else open_zip(path, root, nested)


def is_tar(path: Path) -> bool:
    """Return whether a file is a tar archive or a compressed file."""
    with path.open("rb") as file:
        start = file.read(512)
    return start[257:262] == b"ustar" or start.startswith(COMPRESSED)


def select_images(names: Iterable[str], first_bytes: Callable[[str], bytes]) -> tuple[list[str], NotRead]:
    """Choose the images of an archive by the rules for folders.

    Args:
        names: paths of the files in the archive, separated by `/`.
        first_bytes: returns the beginning of a file, for names that say nothing.

    Returns:
        The sorted names of the images, and what else there is.
    """
    not_read = NotRead()
    contents: dict[str, set[str]] = defaultdict(set)
    for name in names:
        for folder, child in _path_parts(name):
            contents[folder].add(child)
    below = {folder: children for folder, children in contents.items() if folder}
    made = {folder: noun for folder, names in below.items() if (noun := made_by_training(names.__contains__))}
    left_out = {folder for folder in below if leave_out_folder(folder.rpartition("/")[2], not_read)}
    not_read.others.update(made.values())
    chosen = []
    for name in sorted(names):
        if any(folder in made or folder in left_out for folder, _ in _path_parts(name)):
            continue
        basename = name.rpartition("/")[2]
        if leave_out_file(basename, not_read):
            continue
        if is_image_file(basename, functools.partial(first_bytes, name)):
            chosen.append(name)
        else:
            not_read.add_file(basename)
    return chosen, not_read


def find_by_end(names: Mapping[str, Any], end: str) -> str | None:
    """Find a file by its path or the end of its path, in upper or lower case; the shortest path of several.

    Args:
        names: paths of files, separated by `/`.
        end: name of the file, with or without folders.
    """
    if isinstance(names, Mapping) and end in names:  # at once, as it is asked for each image
        return end
    wanted = end.replace("\\", "/").casefold()
    found = (name for name in names if f"/{name}".casefold().endswith(f"/{wanted}"))
    return min(found, key=lambda name: (name.count("/"), name), default=None)


def _path_parts(name: str) -> Iterator[tuple[str, str]]:
    """Yield each folder of a path, from the top, with the next part of the path."""
    position = 0
    while (slash := name.find("/", position)) >= 0:
        yield name[: max(position - 1, 0)], name[position:slash]
        position = slash + 1
    yield name[: max(position - 1, 0)], name[position:]


def _only_archive(names: Iterable[str], images: list[str]) -> str | None:
    """Return the archive in an archive that holds nothing else to read."""
    if images:
        return None
    found = [name for name in names if name.lower().endswith(ARCHIVE_ENDINGS)]
    return found[0] if len(found) == 1 else None


# ---------------------------------------------------------------- zip


def _zip_infos(archive: zipfile.ZipFile) -> tuple[dict[str, zipfile.ZipInfo], bool]:
    """Return the files of a zip by name, separated by `/`, and whether a name's encoding is unknown."""
    infos, unknown = {}, False
    for info in archive.infolist():
        name = info.filename
        if not info.flag_bits & _UTF_8 and not name.isascii():  # which zipfile takes for code page 437
            try:
                name = name.encode("cp437").decode("utf-8")  # written without the flag on Linux and macOS
            except UnicodeError:
                unknown = True
        name = name.replace("\\", "/").lstrip("/")
        if name and not name.endswith("/"):
            infos[name] = info
    return infos, unknown


def _read_member(archive: zipfile.ZipFile, path: Path, info: zipfile.ZipInfo) -> bytes:
    """Read a table from a zip."""
    try:
        check_file_size(info.file_size)
        with archive.open(info) as stream:
            return b"".join(iter(lambda: stream.read(_ZIP_READ_BYTES), b""))
    except Exception as error:  # zipfile and its decompressors raise many types
        raise UserError(f"{info.filename} in {path} can't be read: {error}.", "Download it again.") from error


def _check_methods(path: Path, infos: Iterable[zipfile.ZipInfo]) -> None:
    """Refuse a zip whose images are packed by a method that Python does not have."""
    methods = {info.compress_type for info in infos} - _METHODS
    if methods:
        name = "Deflate64, as Windows packs large files" if _DEFLATE64 in methods else f"method {min(methods)}"
        raise UserError(
            f"{path} is packed by {name}, which can't be read.",
            "Unpack it and name the folder, or pack it again with Deflate or as .tar.",
        )


def _zip_reader(archive: zipfile.ZipFile, infos: dict[str, zipfile.ZipInfo]) -> Callable[[ImageFile], bytes]:
    starts = sorted({info.header_offset for info in archive.infolist()} | {archive.start_dir})
    lock = threading.Lock()  # ZipFile counts its open files without one

    def read(entry: ImageFile) -> bytes:
        info = infos[entry.name]
        if info.flag_bits & _ENCRYPTED:
            raise ValueError("it is encrypted")
        check_file_size(info.file_size)  # zipfile returns no more than what is declared here
        following = bisect.bisect_right(starts, info.header_offset)
        if info.header_offset < 0:  # seeking there is an error of the system, which would be taken for one of the disk
            raise ValueError("it lies outside of the zip")
        if info.header_offset + info.compress_size > starts[min(following, len(starts) - 1)]:
            raise ValueError("it overlaps with another file of the zip")  # which can make a small zip a huge one
        with lock:
            stream = archive.open(info)
        try:
            return b"".join(iter(lambda: stream.read(_ZIP_READ_BYTES), b""))
        finally:
            with lock:
                stream.close()

    return read


@contextlib.contextmanager
def _open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip for reading; a UserError says what the file is instead."""
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            archive = stack.enter_context(zipfile.ZipFile(file))
        except Exception as error:  # zipfile lets struct, Unicode and value errors of a broken directory through
            raise _zip_error(path, error) from error
        yield archive


def _zip_error(path: Path, error: Exception) -> UserError:
    """Explain why a file is not a complete zip."""
    if isinstance(error, OSError):
        return unreadable(path, error)
    with path.open("rb") as file:
        start = file.read(1 << 16)
    if b"quota" in start.lower() and b"<" in start:
        return UserError(
            f"{path} is a web page of Google Drive, which says that the file's download quota is exceeded.",
            "Delete it and try again in a day, or download the dataset from another site.",
        )
    if start.startswith(b"PK"):
        return UserError(f"{path} is cut off or damaged: {error}.", "Download it again.")
    return UserError(
        f"{path} is neither a zip nor a tar file: {describe_unknown(start)}.",
        "--data-dir must be a folder, a .zip or .tar, or another file of images; download it again if it was one.",
    )


# ---------------------------------------------------------------- tar


def _list_tar(path: Path, root: Path, version: int) -> tuple[ImageFiles, tuple[int, int] | None]:
    """List the images of an uncompressed tar, and return the offset and size of the only archive in it."""
    places: dict[str, tuple[int, int]] = {}
    links = 0
    with tarfile.open(path, "r:") as archive:
        while (member := archive.next()) is not None:
            cast(Any, archive).members.clear()  # a kilobyte each
            name = member.name.removeprefix("./")
            if member.isreg() and not member.issparse() and name:
                places[name] = (member.offset_data, member.size)
            links += member.islnk() or member.issym()
        ended = _has_end(path, archive.offset)

    def read(entry: ImageFile) -> bytes:
        check_file_size(entry.size)
        return _read_slice(path, *places[entry.name])

    def read_other(name: str) -> bytes | None:
        found = find_by_end(places, name)
        if found is None:
            return None
        try:
            check_file_size(places[found][1])
        except ValueError as error:
            raise UserError(f"{found} in {root} can't be read: {error}.") from error
        return _read_slice(path, *places[found])

    names, not_read = select_images(places, lambda name: _read_slice(path, places[name][0], FIRST_BYTES))
    if links:
        not_read.others["link|s"] = links
    entries = tuple(ImageFile(name, places[name][1], version + places[name][0]) for name in names)
    inner = _only_archive(places, names)
    remark = "" if ended else "the archive has no end marker, it may be cut off"
    files = ImageFiles(root, entries, read, in_process=True, not_read=not_read, read_other=read_other, remark=remark)
    return files, None if inner is None else places[inner]


def _has_end(path: Path, offset: int) -> bool:
    """Return whether a tar ends with a block of zeros, which some writers leave out; a part of a header is an error."""
    block = _read_slice(path, offset, tarfile.BLOCKSIZE)
    if any(block):  # tarfile takes that for the end as well
        raise tarfile.ReadError("unexpected end of data")
    return bool(block)


def _read_slice(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)


@contextlib.contextmanager
def _tar_errors(path: Path) -> Iterator[None]:
    """Explain what is wrong with a tar archive."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:  # tarfile and the decompressors raise many types
        if isinstance(error, OSError) and error.errno is not None:  # not of gzip and bz2
            raise unreadable(path, error) from error
        raise UserError(f"{path} is cut off, damaged or not an archive of images: {error}.", "Get it again.") from error


def most_unpacked(packed: int) -> int:
    """Return the number of bytes that a file may unpack to; more is a mistake, or made to fill memory or a disk.

    Args:
        packed: size of the file.
    """
    return max(_MAX_UNPACKED_BYTES, _MAX_UNPACKED_RATIO * packed)


@contextlib.contextmanager
def temporary_copy(stream: IO[bytes], root: Path, size: int | None, packed: int) -> Iterator[Path]:
    """Copy a stream to a temporary file.

    Args:
        stream: what to copy.
        root: what the user named, for the error.
        size: number of bytes to copy at most; None for everything.
        packed: number of bytes that they are packed in.

    Yields:
        The file, which is removed when the block ends.

    Raises:
        UserError: it is damaged, unpacks to more than `most_unpacked`, or does not fit on the disk.
    """
    limit = most_unpacked(packed)
    with tempfile.TemporaryDirectory(prefix="dcgan-") as folder:
        path = Path(folder) / "archive"
        with path.open("wb") as file:
            remaining = size
            while chunk := _read_chunk(stream, root, _COPY_BYTES if remaining is None else min(_COPY_BYTES, remaining)):
                if file.tell() + len(chunk) > limit:
                    raise UserError(
                        f"{root} unpacks to more than {limit >> 20} MiB, over {_MAX_UNPACKED_RATIO} times its size.",
                        "It may be made to fill a disk. If you trust it, unpack it yourself and name the result.",
                    )
                if shutil.disk_usage(folder).free < _RESERVED_BYTES + len(chunk):
                    raise UserError(
                        f"{root} has to be unpacked, and the disk of {folder} is almost full.",
                        "Unpack it yourself and name the folder, or let TMPDIR name a folder with more space.",
                    )
                file.write(chunk)
                remaining = None if remaining is None else remaining - len(chunk)
        yield path


def _read_chunk(stream: IO[bytes], root: Path, size: int) -> bytes:
    """Read from a stream that is decompressed."""
    try:
        return stream.read(size)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # the decompressors raise many types
        if isinstance(error, OSError) and error.errno is not None:
            raise unreadable(root, error) from error
        raise UserError(f"{root} is cut off or damaged: {error}.", "Get it again.") from error
