"""The image files of a folder or zip: their names in a fixed order, their content, and class labels from folders."""

import bisect
import contextlib
import errno
import functools
import hashlib
import os
import stat
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dcgan.core.classes import class_name_problem
from dcgan.core.errors import UserError
from dcgan.core.printable import printable

ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".gif")
MAX_FILE_BYTES = 1 << 27  # an image file above it is a mistake or an attack

_ZIP_READ_BYTES = 1 << 12  # what a decompressor is given at once, as its result may be a million times as large
_LEADS_NOWHERE = (errno.ELOOP, errno.ENOTDIR, errno.ENAMETOOLONG)  # errors of links, beside that of a missing file
_ENCRYPTED = 0x1  # bit 0 of the general purpose flags (PKWARE's APPNOTE, 4.4.4)


@dataclass(frozen=True, slots=True)  # there may be millions
class ImageFile:
    """One image file.

    Args:
        name: path relative to the root, separated by `/`.
        size: size in bytes.
        version: times of the last changes of content and metadata, or CRC: differs when the content does.
    """

    name: str
    size: int
    version: int


Reader = Callable[[ImageFile], bytes]


@dataclass(frozen=True)
class ImageFiles:
    """The image files of one folder or zip, sorted by name: the same order on every system.

    Args:
        root: the folder or zip.
        entries: the image files.
        read: returns the bytes of an entry; may be called from several threads, and without a zip also from another
            process. It raises ValueError, OSError or an error of `zipfile` where the file can't be read.
    """

    root: Path
    entries: tuple[ImageFile, ...]
    read: Reader

    @property
    def is_zip(self) -> bool:
        """Whether the root is a zip."""
        return self.root.is_file()

    @property
    def names(self) -> list[str]:
        """Names of the entries."""
        return [entry.name for entry in self.entries]

    @property
    def fingerprint(self) -> str:
        """Hexadecimal SHA-256: differs when a file is added, removed, renamed or rewritten, not when the root moves."""
        digest = hashlib.sha256()
        for entry in self.entries:  # one by one, since the lines of a million files are a hundred megabytes
            digest.update(f"{entry.name}\0{entry.size}\0{entry.version}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def filter(self, keep: Callable[[str], bool]) -> "ImageFiles":
        """Return the files whose name `keep` accepts."""
        return replace(self, entries=tuple(entry for entry in self.entries if keep(entry.name)))


@contextlib.contextmanager
def open_image_files(root: Path) -> Iterator[ImageFiles]:
    """List the image files in a folder or zip and its subfolders; a zip is read in place and never unpacked.

    Hidden files, `__MACOSX` and files without one of the `ENDINGS` are ignored.

    Args:
        root: the folder or zip.

    Yields:
        The files; a zip is open until the block ends.

    Raises:
        UserError: the root does not exist, can't be read, is not a complete zip, or holds no images.
    """
    if not root.exists():
        raise UserError(f"{root} does not exist.", "Check --data-dir.")
    if root.is_dir():
        entries = sorted(_walk(root), key=lambda entry: entry.name)
        yield _not_empty(ImageFiles(root, tuple(entries), functools.partial(_read_file, root)))
        return
    if not root.is_file():
        raise UserError(f"{root} is neither a folder nor a file.", "Check --data-dir.")
    with _open_zip(root) as archive:
        yield _not_empty(_list_zip(root, archive))


def folder_labels(names: Iterable[str]) -> tuple[list[int] | None, tuple[str, ...]]:
    """Derive class labels from the first-level folders of files.

    Args:
        names: paths relative to the root, separated by `/`.

    Returns:
        One label per name and the sorted class names; None and () unless there are at least two folders and every
        file is in one.

    Raises:
        UserError: a folder's name can't be a class name.
    """
    folders = [name.partition("/")[0] if "/" in name else None for name in names]
    classes = sorted({folder for folder in folders if folder is not None})
    if len(classes) < 2 or None in folders:
        return None, ()
    for name in classes:
        if (problem := class_name_problem(name)) is not None:
            shown = printable(name.encode("utf-8", "backslashreplace").decode())
            raise UserError(f"The name of the class folder {shown} {problem}.", "Rename the folder.")
    position = {name: index for index, name in enumerate(classes)}
    return [position[folder] for folder in folders if folder is not None], tuple(classes)


def is_image_file(name: str) -> bool:
    """Return whether a path, separated by `/`, has an image's ending and no hidden part."""
    return name.lower().endswith(ENDINGS) and not any(_is_hidden(part) for part in name.split("/"))


def _not_empty(image_files: ImageFiles) -> ImageFiles:
    if not image_files.entries:
        raise UserError(f"{image_files.root} holds no images.", f"Image files end in {', '.join(ENDINGS)}.")
    return image_files


def _is_hidden(part: str) -> bool:
    """Return whether a part of a path is hidden; names in a zip may contain `.` and `..`."""
    return part == "__MACOSX" or (part.startswith(".") and part not in (".", ".."))


def _walk(root: Path) -> Iterator[ImageFile]:
    """Yield every image file below a folder; every folder is visited once, so that cycles of links end.

    Folders are told apart by their real paths: some network drives give all of them the same inode number.
    """
    seen, pending = set(), [""]
    while pending:
        prefix = pending.pop()
        try:
            real_path = os.path.realpath(root / prefix)
            if real_path in seen:
                continue
            seen.add(real_path)
            folders = []
            with os.scandir(root / prefix) as found:  # pathlib would need three system calls per file
                for item in found:  # one by one, since each keeps its status: half a kilobyte
                    if not _is_hidden(item.name) and _exists(item.is_dir):
                        folders.append(item.name)
                    elif is_image_file(item.name) and _exists(item.is_file):
                        yield _image_file(prefix, item)
            pending += [f"{prefix}{name}/" for name in sorted(folders, reverse=True)]
        except OSError as error:
            raise UserError(f"{root / prefix} can't be read: {error.strerror or error}.") from error


def _exists(is_kind: Callable[[], bool]) -> bool:
    """Return what `is_file` or `is_dir` of an entry returns; a link to itself, for which they raise, is neither."""
    try:
        return is_kind()
    except OSError as error:
        if error.errno in _LEADS_NOWHERE:
            return False
        raise


def _image_file(prefix: str, item: os.DirEntry) -> ImageFile:
    status = item.stat()
    # A program that writes another image of the same size may restore the modification time, but not st_ctime.
    return ImageFile(f"{prefix}{item.name}", status.st_size, status.st_mtime_ns + status.st_ctime_ns)


def _read_file(root: Path, entry: ImageFile) -> bytes:
    path = root / entry.name
    if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait forever
        raise ValueError("it is not a file any more")
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(_too_large())
    return data


def _too_large() -> str:
    return f"the file is larger than {MAX_FILE_BYTES >> 20} MiB"


def _list_zip(root: Path, archive: zipfile.ZipFile) -> ImageFiles:
    """List the image files of a zip."""
    infos = {name: info for name, info in _zip_members(archive).items() if is_image_file(name)}
    entries = tuple(ImageFile(name, info.file_size, info.CRC) for name, info in sorted(infos.items()))
    starts = sorted({info.header_offset for info in archive.infolist()} | {archive.start_dir})
    lock = threading.Lock()  # ZipFile counts its open files without one

    def read(entry: ImageFile) -> bytes:
        info = infos[entry.name]
        if info.flag_bits & _ENCRYPTED:
            raise ValueError("it is encrypted")
        if info.file_size > MAX_FILE_BYTES:  # zipfile returns no more than what is declared here
            raise ValueError(_too_large())
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

    return ImageFiles(root, entries, read)


def _zip_members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the files of a zip by name, separated by `/`, without a single top folder that contains all of them.

    A zip made of a folder has the folder's name in front; without it, both list the same names.
    """
    infos = {info.filename.replace("\\", "/"): info for info in archive.infolist()}
    infos = {name: info for name, info in infos.items() if name and not name.endswith("/")}
    tops = {name.partition("/")[0] for name in infos if "/" in name and not name.startswith("__MACOSX/")}
    if len(tops) != 1 or any("/" not in name for name in infos):
        return infos
    prefix = len(tops.pop()) + 1
    return {name[prefix:]: info for name, info in infos.items() if not name.startswith("__MACOSX/")}


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
        return UserError(f"{path} can't be read: {error.strerror or error}.")
    with path.open("rb") as file:
        start = file.read(1 << 16).lower()
    if b"quota" in start and b"<" in start:
        return UserError(
            f"{path} is a web page of Google Drive, which says that the file's download quota is exceeded.",
            "Delete it and try again in a day, or download the dataset from another site.",
        )
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        return UserError(f"{path} is a web page, not a zip.", "Delete it, and download the file itself.")
    if start.startswith(b"pk"):
        return UserError(f"{path} is cut off or damaged: {error}.", "Download it again.")
    return UserError(f"{path} is not a zip file.", "--data-dir must be a folder or a .zip of images.")
