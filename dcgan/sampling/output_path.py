"""Where pictures go: what `--out` means, and a free name where it is left out."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from dcgan.config import GenerateConfig
from dcgan.core.atomic_io import check_overwrite, numbered_paths, parse_paths
from dcgan.core.errors import UserError
from dcgan.runs import Run
from dcgan.sampling.output import refuse_existing
from dcgan.sampling.selection import Selection

KINDS = {
    ".png": "grid",
    ".npy": "array",
    ".npz": "archive",
    ".gif": "animation",
    ".mp4": "animation",
    "": "folder",
}
"""What is written, by the ending of its name."""


def kind_of(out: Path) -> str:
    """What is to be written to `out`, one of `KINDS`.

    Raises:
        UserError: an ending that means nothing; a folder of that name would hardly be what was wanted.
    """
    if not out.name:
        raise UserError("--out is empty.", "Name a file or a folder.")
    try:
        return KINDS[out.suffix.lower()]
    except KeyError:
        hint = "Write .png, .npy, .npz, .gif or .mp4, or a folder's name without a dot."
        raise UserError(f"--out {out} ends in {out.suffix}, which can't be written.", hint) from None


@contextlib.contextmanager
def reserve_output_path(config: GenerateConfig, run: Run, asked: Selection) -> Iterator[Path]:
    """The file or folder to write.

    Args:
        config: with `out`, or without it for a new name in the run directory; that is held by an empty file, so that no
            other process chooses it, and given up when the block raises.
        run: the run that is drawn from.
        asked: what is drawn.

    Yields:
        A path that is free, or may be overwritten.

    Raises:
        UserError: it is taken, or its ending means nothing.
    """
    if config.out is not None or config.overwrite:
        yield _named(config, run, asked)
        return
    named = _default(config, run, asked)
    held = _first_free(named, named.suffix, lambda path: path.touch(exist_ok=False))
    try:
        yield held
    except BaseException:
        with contextlib.suppress(OSError):
            if not held.stat().st_size:
                held.unlink()
            held.parent.rmdir()  # if nothing else is in it
        raise


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Make a folder of that name, or of the first of `path`-2, `path`-3, … that nobody has.

    It is removed with all that is in it when the block raises.

    Raises:
        UserError: it can't be made.
    """
    made = _first_free(path, "", lambda name: name.mkdir())
    try:
        yield made
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def check_png_path(out: Path | None, overwrite: bool) -> None:
    """Refuse a name that is taken or no picture's; only a sheet of the run directory's own is replaced unasked."""
    if out is None:
        return
    if out.suffix.lower() != ".png":
        raise UserError(f"--out {out} is no picture.", "Its name ends in .png.")
    check_overwrite(out, overwrite)


def _named(config: GenerateConfig, run: Run, asked: Selection) -> Path:
    """`--out`, if it may be written to."""
    if config.out is None:
        return _default(config, run, asked)
    if kind_of(config.out) == "folder":
        _check_folder(config, asked)
    else:
        check_overwrite(config.out, config.overwrite)
    return config.out


def _default(config: GenerateConfig, run: Run, asked: Selection) -> Path:
    """A name that says what is in it; a long list of seeds is left at its length."""
    if config.animate:
        return run.path / "history.gif"
    what, which = _what(config, asked)
    which = which if len(which) <= 40 else f"{len(asked.seeds)}-chosen"
    label = "" if asked.labels is None else "-each-class" if asked.per_class else f"-class-{asked.labels[0]}"
    weights = "" if config.weights == "ema" else f"-{config.weights}"
    return run.path / "generated" / f"{what}-{which}{label}{weights}.png"


def _what(config: GenerateConfig, asked: Selection) -> tuple[str, str]:
    """The kind of picture, and of which seeds."""
    if config.arithmetic is not None:
        return "arithmetic", "".join(config.arithmetic.split())
    if config.along is not None:
        return f"along-{''.join(config.along.split())}", str(asked.seeds)
    if config.stages:
        others = parse_paths(config.beside)
        return f"stages-of-{1 + len(others)}-runs" if others else "stages", str(asked.seeds)
    return "walk" if config.walk else "seeds", str(asked.seeds)


def _first_free(path: Path, ending: str, make: Callable[[Path], None]) -> Path:
    """Make `path`, or the first with -2, -3, … before its ending that is not there yet; no two processes make one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for name in numbered_paths(path, ending):
            with contextlib.suppress(FileExistsError):
                make(name)
                return name
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror}.", "Choose another --out.") from error
    raise AssertionError("there are infinitely many names")


def _check_folder(config: GenerateConfig, asked: Selection) -> None:
    """Refuse a folder that is a file, or holds a picture that would be drawn."""
    if config.out.exists() and not config.out.is_dir():
        raise UserError(f"{config.out} is a file.", "Give the folder another name.")
    if not config.overwrite:
        refuse_existing(config.out, asked)
