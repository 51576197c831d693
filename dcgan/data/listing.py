"""List the images of what `--data-dir` names: a folder, an archive, or a file with many images."""

import contextlib
import errno
import functools
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from dcgan.core.errors import UserError
from dcgan.core.system_errors import unreadable
from dcgan.data import image_files as limits
from dcgan.data.archives import ARCHIVE_ENDINGS, is_tar, open_archive, open_tar, open_zip
from dcgan.data.containers import container_of, has_container_ending
from dcgan.data.file_names import is_image_file, leave_out_file, leave_out_folder, made_by_training
from dcgan.data.formats import FIRST_BYTES, is_image
from dcgan.data.image_files import ImageFile, ImageFiles, NotRead, check_file_size, read_bounded
from dcgan.data.layout import common_folder

_LEADS_NOWHERE = (errno.ELOOP, errno.ENOTDIR, errno.ENAMETOOLONG)  # errors of links, beside that of a missing file


@contextlib.contextmanager
def open_image_files(root: Path) -> Iterator[ImageFiles]:
    """List the images of a folder and its subfolders, of an archive, or of a file with many images.

    What a file is, its content decides. A folder without images, with one archive or with containers of one type in
    it, stands for these. Hidden files, recycle bins and thumbnails of the system, run directories and dataset caches
    are left out.

    Args:
        root: the folder or file.

    Yields:
        The files, sorted by name; an archive is open until the block ends.

    Raises:
        UserError: the root does not exist, can't be read, is damaged, or holds no images.
    """
    if not root.exists():
        raise UserError(f"{root} does not exist.", "Check --data-dir.")
    if not root.is_dir() and not root.is_file():
        raise UserError(f"{root} is neither a folder nor a file.", "Check --data-dir.")
    with contextlib.ExitStack() as stack:
        image_files = stack.enter_context(_open_folder(root) if root.is_dir() else _open_file(root, root))
        if not image_files.entries:
            omitted = image_files.not_read.describe()
            raise UserError(
                f"{root} holds no images{f', only {omitted}' if omitted else ''}.",
                "Check --data-dir; docs/training.md lists the formats that are read.",
            )
        yield image_files


def _open_file(path: Path, root: Path) -> contextlib.AbstractContextManager[ImageFiles]:
    """List the images of a file with many images; a UserError says what other files are."""
    try:
        container = container_of(path)
        if container is not None:
            return container.open([path], root)
        if is_image(_first_bytes(path)):
            raise UserError(f"{path} is a single image.", "--data-dir must be a folder of images; name its folder.")
        return open_tar(path, root) if is_tar(path) else open_zip(path, root)
    except OSError as error:
        raise unreadable(path, error) from error


@contextlib.contextmanager
def _open_folder(root: Path) -> Iterator[ImageFiles]:
    not_read = NotRead()
    packed: list[str] = []  # archives and containers
    entries = tuple(sorted(_walk(root, not_read, packed), key=lambda entry: entry.name))
    reader = functools.partial(_read_file, root)
    read_other = functools.partial(_read_other, root, common_folder([entry.name for entry in entries]))
    image_files = ImageFiles(root, entries, reader, not_read=not_read, read_other=read_other)
    if entries or not packed:
        yield image_files
        return
    paths = [root / name for name in sorted(packed)]
    containers = [container_of(path) for path in paths]
    if containers[0] is not None and all(container == containers[0] for container in containers):
        with containers[0].open(paths, root) as found:
            yield found
        return
    if len(paths) > 1:
        raise UserError(
            f"{root} holds no images, but {len(paths)} archives: {', '.join(path.name for path in paths[:5])}.",
            "Name one of them with --data-dir, or unpack them.",
        )
    with open_archive(paths[0], root) as found:
        yield found


def _walk(root: Path, not_read: NotRead, packed: list[str]) -> Iterator[ImageFile]:
    """Yield every image file below a folder; every folder is visited once, so that cycles of links end.

    Folders are told apart by their real paths: some network drives give all of them the same inode number.

    Args:
        root: the folder.
        not_read: where everything else is noted.
        packed: where the names of archives and containers are added.
    """
    seen, pending = set(), [""]
    while pending:
        prefix = pending.pop()
        try:
            real_path = os.path.realpath(root / prefix)
            if real_path in seen:
                continue
            seen.add(real_path)
            if prefix and (made := made_by_training(functools.partial(_contains, root / prefix))):
                not_read.others[made] += 1
                continue
            folders = []
            with os.scandir(root / prefix) as found:  # pathlib would need three system calls per file
                for item in found:  # one by one, since each keeps its status: half a kilobyte
                    if _exists(item.is_dir):
                        if not leave_out_folder(item.name, not_read):
                            folders.append(item.name)
                    elif leave_out_file(item.name, not_read):
                        pass
                    elif not _exists(item.is_file):
                        not_read.others["broken link|s" if item.is_symlink() else "pipe|s or device|s"] += 1
                    elif is_image_file(item.name, functools.partial(_first_bytes, item.path)):
                        yield _image_file(prefix, item)
                    else:
                        if item.name.lower().endswith(ARCHIVE_ENDINGS) or has_container_ending(item.name):
                            packed.append(f"{prefix}{item.name}")
                        not_read.add_file(item.name)
            pending += [f"{prefix}{name}/" for name in sorted(folders, reverse=True)]
        except OSError as error:
            raise unreadable(root / prefix, error) from error


def _contains(folder: Path, name: str) -> bool:
    return (folder / name).exists()


def _first_bytes(path: str | Path) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(FIRST_BYTES)


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


def _read_other(root: Path, wrapper: str, name: str) -> bytes | None:
    """Read a table in a folder, or in the one that holds all images."""
    for path in (root / name, root / wrapper / name):
        if path.is_file():
            return read_bounded(path)
    return None


def _read_file(root: Path, entry: ImageFile) -> bytes:
    path = root / entry.name
    if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait forever
        raise ValueError("it is not a file any more")
    with path.open("rb") as file:
        data = file.read(limits.MAX_FILE_BYTES + 1)
    check_file_size(len(data))
    return data
