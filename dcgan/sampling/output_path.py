"""Where the output of `generate` and other commands goes: free names, and checks of names that were given."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from dcgan.core.atomic_io import check_overwrite, first_free_path
from dcgan.core.errors import UserError
from dcgan.sampling.output import check_free_images
from dcgan.sampling.sample_spec import SampleSpec


@contextlib.contextmanager
def reserve_output_path(spec: SampleSpec) -> Iterator[Path]:
    """Yield the file or folder to write.

    A numbered name is reserved by an empty file, so that no other process chooses it. The file is removed if the block
    raises.

    Args:
        spec: what to generate.

    Yields:
        A path that does not exist, or may be overwritten.

    Raises:
        UserError: the path is taken or cannot be written to.
    """
    if not spec.numbered:
        _check(spec)
        yield spec.out
        return
    path = first_free_path(spec.out, lambda name: name.touch(exist_ok=False))
    try:
        yield path
    except BaseException:
        with contextlib.suppress(OSError):
            if not path.stat().st_size:
                path.unlink()
            path.parent.rmdir()  # fails if it is not empty
        raise


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Create a folder, and remove it with its content if the block raises.

    Args:
        path: its name; if that is taken, the first free one of `path`-2, `path`-3, … is used.

    Yields:
        The folder.

    Raises:
        UserError: it cannot be created.
    """
    folder = first_free_path(path, Path.mkdir, suffix="")
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def check_png_path(out: Path | None, overwrite: bool) -> None:
    """Check that `--out` names a PNG file that may be written.

    Args:
        out: value of `--out`; None for the default name, which may always be overwritten.
        overwrite: whether an existing file may be replaced.

    Raises:
        UserError: the name has another extension, or the file exists.
    """
    if out is None:
        return
    if out.suffix.lower() != ".png":
        raise UserError(f"--out {out} is not a PNG file.", "Use a name that ends in .png.")
    check_overwrite(out, overwrite)


def _check(spec: SampleSpec) -> None:
    """Reject a path that is taken."""
    if spec.mode != "folder":
        check_overwrite(spec.out, spec.overwrite)
    elif spec.out.exists() and not spec.out.is_dir():
        raise UserError(f"{spec.out} is a file.", "Choose another name for the folder.")
    elif not spec.overwrite:
        check_free_images(spec.out, spec.selection)
