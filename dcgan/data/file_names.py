"""Which files of a folder or archive are images, and which folders never hold any."""

from collections.abc import Callable

from dcgan.data.formats import is_image
from dcgan.data.image_files import NotRead

IMAGE_ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heif", ".hif"),
)
"""Endings of files that are taken for images without a look at their content."""

OTHER_ENDINGS = (
    *(".txt", ".md", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".html", ".htm", ".yaml", ".yml", ".toml", ".ini"),
    *(".py", ".ipynb", ".m", ".mat", ".pkl", ".pt", ".pth", ".npy", ".npz", ".h5", ".hdf5", ".keras", ".parquet"),
    *(".tfrecord", ".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".mp4", ".mov", ".avi", ".mkv"),
    *(".webm", ".mp3", ".wav", ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".db", ".log", ".lock", ".part", ".tmp"),
    *(".crdownload", ".sha256", ".md5", ".svg", ".psd"),
)
"""Endings of files that are not opened: images are told by content only where a name says nothing."""

_SYSTEM_FOLDERS = {
    *("__macosx", "@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot"),
    *("$recycle.bin", "recycler", "recycled", "system volume information", "lost+found", "found.000", "ehthumbs.db"),
}
"""Folders of operating systems and network drives, in lower case: recycle bins, thumbnails, snapshots."""

_SYSTEM_FILES = {"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"}

_RUN_FILES = ("checkpoints", "log.jsonl", "samples", "generator.keras")


def is_image_file(name: str, first_bytes: Callable[[], bytes]) -> bool:
    """Return whether a file is an image, by its name, or by its content where the name says nothing.

    Args:
        name: its name, with or without folders.
        first_bytes: returns its first `FIRST_BYTES` bytes; an error of any type says that it is none.
    """
    lower = name.lower()
    if lower.endswith(IMAGE_ENDINGS):
        return True
    if lower.endswith(OTHER_ENDINGS):
        return False
    try:
        return is_image(first_bytes())
    except Exception:  # zipfile and its decompressors raise many types
        return False


def leave_out_folder(name: str, not_read: NotRead) -> bool:
    """Return whether a folder is hidden or the system's, and note it.

    Args:
        name: its name, without those above it.
        not_read: where it is noted.
    """
    if name.lower() in _SYSTEM_FOLDERS or (name.startswith(".") and name not in (".", "..")):
        not_read.folders[name] += 1
        return True
    return False


def leave_out_file(name: str, not_read: NotRead) -> bool:
    """Return whether a file is hidden or the system's, and count it.

    Args:
        name: its name, without folders.
        not_read: where it is counted.
    """
    if name.startswith(".") or name.lower() in _SYSTEM_FILES:
        not_read.others["hidden file|s"] += 1
        return True
    return False


def made_by_training(has: Callable[[str], bool]) -> str | None:
    """Return what a folder is if this program has made it: a run directory or a dataset cache.

    Its sample grids are images, but no training data.

    Args:
        has: returns whether a file or folder of a name is in the folder.

    Returns:
        A noun as in `NotRead.others`; None for any other folder.
    """
    if has("config.yaml") and any(map(has, _RUN_FILES)):
        return "folder|s of runs"
    if has("manifest.json") and has("images.npy"):
        return "dataset cache|s"
    return None
