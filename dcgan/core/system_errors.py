"""What mends an error of the operating system in reading or writing a file."""

import errno
from pathlib import Path

from dcgan.core.errors import UserError

_CONNECTION = (
    "EIO", "ENXIO", "ENODEV", "EREMOTEIO", "ESTALE", "ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN",
    "ENETUNREACH", "ENOTCONN", "ECONNABORTED", "ECONNRESET", "ENOLINK", "ENOMEDIUM", "ESHUTDOWN",
)  # fmt: skip
"""Names of what failing disks, unplugged ones and network drives without connection answer."""

_NOT_HERE = ("EACCES", "EPERM", "EROFS")
_NO_SPACE = ("ENOSPC", "EDQUOT")


def remedy(error: OSError, option: str = "", *, writing: bool | None) -> str:
    """Return what to do about an error, in one line.

    Args:
        error: what reading or writing a file or folder raised.
        option: option that names the file or folder; empty where none does.
        writing: whether it was to be written; None if that is not known.

    Returns:
        The advice; another place is named only where it helps. Empty for an error that is not the system's.
    """
    if not error.errno and not writing:  # of a decompressor
        return ""
    name = errno.errorcode.get(error.errno or 0, "")
    with_option = f" with {option}" if option else ""
    if name in _NO_SPACE:
        quota = ", also in your quota" if name == "EDQUOT" else " (on Linux, see df -h and df -i)"
        return f"Free some space{quota}, or choose another place{with_option}."
    if name in _NOT_HERE and writing is None:
        return "Check the permissions of the file and its folder."
    if name in _NOT_HERE:
        return (
            f"Choose a writable place{with_option}."
            if writing
            else f"Make it readable, or use a copy{with_option}, and start again."
        )
    if name in _CONNECTION:
        return (
            "The disk or its connection fails: check it (on Linux, see dmesg), then start again; or use another "
            f"disk{with_option}."
        )
    if name in ("EMFILE", "ENFILE"):
        return "Too many files are open: raise the limit (ulimit -n 4096) or end other programs, then start again."
    if name == "ENAMETOOLONG":
        return f"Choose a shorter name{with_option}."
    if name in ("EILSEQ", "EINVAL"):
        return f"Choose a name without special characters{with_option}, or another disk: this one may not take it."
    if name == "EFBIG":
        return f"Raise the limit (ulimit -f unlimited), or choose a disk for larger files{with_option}."
    if name in ("ENOTDIR", "EEXIST", "ELOOP"):
        return f"A part of the path is no folder: choose another one{with_option}."
    if name in ("EBUSY", "ETXTBSY"):
        return f"Close the programs that use it, or choose another place{with_option}."
    if name == "ENOMEM":
        return "End other programs, then start again."
    if name == "ENOENT" and not writing:
        return "Check that it is there, and start again."
    if name == "ENOENT":
        return f"It was removed meanwhile, or its disk was: start again, or choose another place{with_option}."
    return f"Start again; if that does not help, choose another place{with_option}."


def unreadable(path: Path | str, error: OSError, option: str = "") -> UserError:
    """Return the error for a file or folder that can't be read, with what mends it.

    Args:
        path: the file or folder.
        error: what reading it raised.
        option: option that names it; empty where none does.
    """
    return UserError(f"{path} can't be read: {error.strerror or error}.", remedy(error, option, writing=False))
