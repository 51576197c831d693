"""Which files of a folder or archive may be images, by name and first bytes, and which folders never hold any."""

import re

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

FIRST_BYTES = 32
"""Number of bytes at the beginning of a file by which `is_image` tells."""

_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ISO_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_NETPBM = re.compile(rb"P[1-6][ \t\r\n#]")

_SYSTEM_FOLDERS = {
    *("__macosx", "@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot"),
    *("$recycle.bin", "recycler", "recycled", "system volume information", "lost+found", "found.000", "ehthumbs.db"),
}
"""Folders of operating systems and network drives, in lower case: recycle bins, thumbnails, snapshots."""

_SYSTEM_FILES = {"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"}

_RUN_FILES = {"checkpoints", "log.jsonl", "samples", "generator.keras"}


def is_image(start: bytes) -> bool:
    """Return whether a file is an image of a format that is read.

    Args:
        start: its first bytes, `FIRST_BYTES` of them or all.

    Signatures: ISO 10918-1 (JPEG), ISO 15948 (PNG), GIF89a, TIFF 6.0, RFC 9649 (WebP), ISO 23008-12 (AVIF, HEIC),
    netpbm.sourceforge.net, and Microsoft's BITMAPFILEHEADER.
    """
    if start.startswith(_SIGNATURES) or _NETPBM.match(start):
        return True
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return True
    if start[4:8] == b"ftyp" and start[8:12] in _ISO_BRANDS:
        return True
    is_bitmap = start[:2] == b"BM" and start[6:10] == bytes(4)
    return is_bitmap and start[14:15] in (b"\x0c", b"\x28", b"\x34", b"\x38", b"\x6c", b"\x7c")


def has_image_ending(name: str) -> bool:
    """Return whether a name ends like an image's, in upper or lower case."""
    return name.lower().endswith(IMAGE_ENDINGS)


def has_other_ending(name: str) -> bool:
    """Return whether a name ends like that of a file that is no image."""
    return name.lower().endswith(OTHER_ENDINGS)


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


def made_by_training(names: set[str]) -> str | None:
    """Return what a folder is if this program has made it: a run directory or a dataset cache.

    Its sample grids are images, but no training data.

    Args:
        names: what is in the folder.

    Returns:
        A noun as in `NotRead.others`; None for any other folder.
    """
    if "config.yaml" in names and names & _RUN_FILES:
        return "folder|s of runs"
    if {"images.npy", "manifest.json"} <= names:
        return "dataset cache|s"
    return None
