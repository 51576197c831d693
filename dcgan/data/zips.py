"""A zip of pictures, read in place, whatever state it is in."""

import contextlib
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from dcgan.errors import UserError

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
