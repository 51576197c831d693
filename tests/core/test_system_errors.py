"""Advice after an error of the operating system names what mends it, and another place only where that helps."""

import errno
import os

import pytest

from dcgan.core.atomic_io import atomic_write
from dcgan.core.build_lock import build_lock
from dcgan.core.errors import UserError
from dcgan.core.system_errors import remedy, unreadable

PLACE = "place with --out"


@pytest.mark.parametrize(
    ("code", "expected", "elsewhere"),
    [
        (errno.EACCES, "Choose a writable place with --out.", True),
        (errno.EROFS, "Choose a writable place with --out.", True),
        (errno.ENOSPC, "Free some space", True),
        (errno.EMFILE, "Too many files are open: raise the limit (ulimit -n", False),
        (errno.ENFILE, "Too many files are open", False),
        (errno.ENAMETOOLONG, "Choose a shorter name with --out.", False),
        (errno.EIO, "The disk or its connection fails: check it", False),
        (errno.ETIMEDOUT, "The disk or its connection fails", False),
        (errno.EINVAL, "Choose a name without special characters with --out", False),
        (errno.EFBIG, "Raise the limit (ulimit -f unlimited)", False),
        (errno.ENOTDIR, "A part of the path is no folder", False),
        (errno.ELOOP, "A part of the path is no folder", False),
        (errno.EBUSY, "Close the programs that use it", True),
        (errno.ENOMEM, "End other programs", False),
        (errno.ENOENT, "It was removed meanwhile", True),
        (9999, "Start again", True),
        (None, "Start again", True),
    ],
)
def test_each_error_has_its_remedy(code, expected, elsewhere):
    error = OSError(code, "x") if code else OSError("x")
    assert remedy(error, "--out", writing=True).startswith(expected)
    assert (PLACE in remedy(error, "--out", writing=True)) == elsewhere
    assert "--" not in remedy(error, writing=True)
    assert "\n" not in remedy(error, writing=False)
    assert "writable" not in remedy(error, writing=False)


def test_an_error_that_is_not_the_system_s_has_no_advice_for_reading():
    assert remedy(OSError("not a gzipped file"), writing=False) == ""
    assert unreadable("a.gz", OSError("not a gzipped file")).hint == ""
    error = unreadable("a.gz", OSError(errno.EACCES, "Permission denied"), "--data-dir")
    assert error.problem == "a.gz can't be read: Permission denied."
    assert error.hint == "Make it readable, or use a copy with --data-dir, and start again."


@pytest.mark.skipif(not hasattr(errno, "EDQUOT"), reason="Windows has no quota error")
def test_a_full_quota_is_named():
    assert "quota" in remedy(OSError(errno.EDQUOT, "x"), writing=True)


def test_a_name_that_is_too_long_and_a_failing_disk_are_not_taken_for_a_folder_without_permission(
    tmp_path, monkeypatch
):
    with pytest.raises(UserError, match="Choose a shorter name"), atomic_write(tmp_path / ("x" * 300) / "a.png"):
        pass
    with (
        pytest.raises(UserError, match="Choose a shorter name with `cache_dir`"),
        build_lock(tmp_path / ("x" * 300), ""),
    ):
        pass

    def failing(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(UserError, match=r"\nThe disk or its connection fails"), atomic_write(tmp_path / "a.png"):
        pass
