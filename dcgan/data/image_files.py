"""Which pictures a folder or a zip holds, and how to read one of them."""

import contextlib
import hashlib
import os
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dcgan.core.errors import UserError

ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".gif")
LARGEST_FILE = 1 << 27  # bytes; a picture file above it is a mistake or an attack


@dataclass(frozen=True)
class Entry:
    """One picture file.

    Args:
        name: its path from the root on, parted by `/`.
        size: its size in bytes.
        mark: what changes when its content does: the time it was written, or its CRC.
    """

    name: str
    size: int
    mark: int


@dataclass(frozen=True)
class ImageFiles:
    """The pictures of one folder or zip, sorted by name: the same order on every system.

    Args:
        root: the folder or zip.
        entries: its pictures.
        read: gives the bytes of an entry; may be called from several threads.
            It raises ValueError, OSError or what `zipfile` raises where the file can't be read.
    """

    root: Path
    entries: tuple[Entry, ...]
    read: Callable[[Entry], bytes]

    @property
    def fingerprint(self) -> str:
        """Changes when a picture is added, taken away, renamed or rewritten, and stays when the root moves."""
        lines = (f"{entry.name}\0{entry.size}\0{entry.mark}\n" for entry in self.entries)
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()

    def only(self, wanted: Callable[[str], bool]) -> "ImageFiles":
        """The listing of those pictures whose name is wanted."""
        return replace(self, entries=tuple(entry for entry in self.entries if wanted(entry.name)))


@contextlib.contextmanager
def open_image_files(root: Path) -> Iterator[ImageFiles]:
    """List the pictures under a folder, or in a zip, which is read in place and never unpacked.

    What is hidden, lies in `__MACOSX` or does not end like a picture (`ENDINGS`) is passed over.

    Args:
        root: the folder or zip; both may be nested.

    Yields:
        The listing; a zip stays open as long as the block.

    Raises:
        UserError: the root does not exist, can't be read, is no whole zip, or holds no pictures.
    """
    if not root.exists():
        raise UserError(f"{root} does not exist.", "Check --data-dir.")
    if root.is_dir():
        yield _some(ImageFiles(root, _sorted(_walk(root)), lambda entry: _read_file(root / entry.name)))
        return
    if not root.is_file():
        raise UserError(f"{root} is neither a folder nor a file.", "Check --data-dir.")
    with open_zip(root) as archive:
        yield _some(_list_zip(root, archive))


def _list_zip(root: Path, archive: zipfile.ZipFile) -> ImageFiles:
    infos = {name: info for name, info in list_zip(archive).items() if is_image_file(name)}
    entries = (Entry(name, info.file_size, info.CRC) for name, info in infos.items())
    read = zip_reader(archive, LARGEST_FILE)
    return ImageFiles(root, _sorted(entries), lambda entry: read(infos[entry.name]))


def _some(listing: ImageFiles) -> ImageFiles:
    if not listing.entries:
        raise UserError(f"{listing.root} holds no pictures.", f"Pictures end in {', '.join(ENDINGS)}.")
    return listing


def _sorted(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda entry: entry.name))


def is_image_file(name: str) -> bool:
    """Whether a path, parted by `/`, is one of a picture that is meant to be seen."""
    return name.lower().endswith(ENDINGS) and not any(_is_hidden(part) for part in name.split("/"))


def _is_hidden(part: str) -> bool:
    """Whether a file or folder is not meant to be seen; a zip may lead its names through `.` and `..`."""
    return part == "__MACOSX" or (part.startswith(".") and part not in (".", ".."))


def _walk(root: Path) -> Iterator[Entry]:
    """Every picture file under a folder, each folder once, so that links in a circle come to an end."""
    seen, waiting = set(), [""]
    while waiting:
        prefix = waiting.pop()
        try:
            status = os.stat(root / prefix)  # noqa: PTH116 (as below)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(root / prefix) as found:  # pathlib would ask the disk three times a file
                items = sorted(found, key=lambda item: item.name, reverse=True)
            waiting += [f"{prefix}{item.name}/" for item in items if not _is_hidden(item.name) and item.is_dir()]
            files = [item for item in items if is_image_file(item.name) and item.is_file()]
            yield from (_entry(prefix, item) for item in files)
        except OSError as error:
            raise UserError(f"{root / prefix} can't be read: {error.strerror or error}.") from error


def _entry(prefix: str, item: os.DirEntry) -> Entry:
    status = item.stat()
    return Entry(f"{prefix}{item.name}", status.st_size, status.st_mtime_ns)


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise ValueError(f"the file is larger than {LARGEST_FILE >> 20} MiB")
    return data


_ENCRYPTED = 0x1  # bit 0 of the general purpose flags (PKWARE's APPNOTE, 4.4.4)


@contextlib.contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip for reading.

    Raises:
        UserError: the file can't be read, is no zip, or only part of one; a web page saved as `.zip` is told apart.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            archive = stack.enter_context(zipfile.ZipFile(file))
        except Exception as error:  # zipfile lets struct, Unicode and value errors of a broken directory through
            raise _complaint(path, error) from error
        yield archive


def list_zip(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files of a zip by name: parted by `/`, without the one folder that everything lies in.

    A zip made of a folder carries the folder's name in front; without it, both list the same.
    """
    infos = {info.filename.replace("\\", "/"): info for info in archive.infolist()}
    infos = {name: info for name, info in infos.items() if name and not name.endswith("/")}
    tops = {name.partition("/")[0] for name in infos if "/" in name and not name.startswith("__MACOSX/")}
    if len(tops) != 1 or any("/" not in name for name in infos):
        return infos
    cut = len(tops.pop()) + 1
    return {name[cut:]: info for name, info in infos.items() if not name.startswith("__MACOSX/")}


def zip_reader(archive: zipfile.ZipFile, largest: int) -> Callable[[zipfile.ZipInfo], bytes]:
    """A function that reads one file of the zip, at most `largest` bytes, and may be called from several threads."""
    lock = threading.Lock()  # ZipFile counts its open files without one

    def read(info: zipfile.ZipInfo) -> bytes:
        if info.flag_bits & _ENCRYPTED:
            raise ValueError("it is encrypted")
        if info.file_size > largest:  # zipfile gives no more than the size declared here
            raise ValueError(f"the file is larger than {largest >> 20} MiB")
        with lock:
            stream = archive.open(info)
        try:
            return stream.read()
        finally:
            with lock:
                stream.close()

    return read


def _complaint(path: Path, error: Exception) -> UserError:
    """Say why the file is no zip."""
    if isinstance(error, OSError):
        return UserError(f"{path} can't be read: {error.strerror or error}.")
    with path.open("rb") as file:
        start = file.read(1 << 16).lower()
    if b"quota" in start and b"<" in start:
        return UserError(
            f"{path} is a web page on which Google Drive says that too many people fetched the file.",
            "Delete it and try again in a day, or get the data set elsewhere.",
        )
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        return UserError(f"{path} is a web page, not a zip.", "Delete it, and download the file itself.")
    if start.startswith(b"pk"):
        return UserError(f"{path} is cut off or damaged: {error}.", "Download it again.")
    return UserError(f"{path} is no zip file.", "--data-dir is a folder or a .zip of pictures.")
