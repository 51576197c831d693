"""Finding a run to generate from, and the default directory of a new one."""

import os
import re
from pathlib import Path

from dcgan.config import PRETRAINED_NAMES, TrainConfig
from dcgan.core.errors import UserError
from dcgan.core.paths import to_path
from dcgan.core.printable import printable
from dcgan.runs.hub import download_run, parse_repository
from dcgan.runs.run import CHECKPOINTS, Run

_PACKAGE = Path(__file__).parents[1]
PACKAGED = _PACKAGE / "pretrained"
"""The pretrained runs of an installed package; commands write next to the user's files, not into them."""

_GALLERY = PACKAGED if PACKAGED.is_dir() else _PACKAGE.parent / CHECKPOINTS
GALLERY = {name: _GALLERY / name for name in PRETRAINED_NAMES}
"""The pretrained runs by name: inside an installed package, under `checkpoints/` in a source tree."""

PRETRAINED = GALLERY["mnist"]
"""The pretrained run that is used where no other is named."""

_TRAIN_HINT = "`python -m dcgan train` creates one."
_LINK_HINT = "Replace it by what it leads to, or move the whole run and link to that."


def find_run(path: Path | str | None = None) -> Run:
    """Find a run with a trained generator.

    Args:
        path: run directory; the name of a pretrained run, whose outputs go to the current folder, where there is no
            such directory; the address of a repository of Hugging Face, `hf://user/name`, whose outputs go there as
            well; None for the run under `checkpoints/` whose generator was written last, or if there is none, the
            pretrained run.

    Returns:
        The run.

    Raises:
        UserError: the directory does not exist or is not a run, there is no run, or `check_links` refuses it; or as
            `dcgan.runs.hub.download_run`.
    """
    if path is not None:
        repository = parse_repository(path)
        if repository is not None:
            return download_run(repository)
        pretrained = GALLERY.get(str(path))
        if pretrained is not None and pretrained.is_dir() and not Path(path).exists():
            return Run(pretrained, output_dir=Path())
        return _run_at(to_path(path))
    others = {path.resolve() for path in GALLERY.values() if path != PRETRAINED}  # found by name alone
    generators = [file for file in CHECKPOINTS.glob("*/generator.keras") if file.parent.resolve() not in others]
    generators.sort(key=lambda file: file.stat().st_mtime)
    if generators:
        return _run_at(generators[-1].parent)
    if (PRETRAINED / "generator.keras").is_file():
        return Run(PRETRAINED, output_dir=Path())
    raise UserError(f"There is no trained generator under {CHECKPOINTS}/.", _TRAIN_HINT)


def _run_at(path: Path) -> Run:
    """Return the run in a directory; if it is none, name the runs in its subdirectories."""
    if re.search(r"[\r\n]", str(path)):
        raise UserError(f"The name of {path} has a line break.", "Rename the folder.")
    if not path.is_dir():
        names = ", ".join(GALLERY)
        raise UserError(f"There is no run directory {path}.", f"{_TRAIN_HINT} Pretrained runs: {names}.")
    if not _is_run(path):
        runs = sorted(str(entry) for entry in path.iterdir() if entry.is_dir() and _is_run(entry))
        hint = f"Runs in it: {', '.join(runs[:5])}{', …' * (len(runs) > 5)}." if runs else _TRAIN_HINT
        raise UserError(f"{path} is not a run: it has no trained generator.", hint)
    check_links(path, files=False)
    return Run(path, output_dir=Path() if path.resolve().parent == PACKAGED.resolve() else None)


def check_links(path: Path, files: bool = True) -> None:
    """Check that nothing is written outside of a run directory through a link in it.

    Args:
        path: the directory, which may be a link itself.
        files: whether links to files count. Training appends to files; other commands replace them, and where models
            are stored under their checksums, a run's files are links.

    Raises:
        UserError: a link in it leads out of it.
    """
    inside = path.resolve()
    for folder, folders, names in os.walk(path):
        for entry in (Path(folder, name) for name in (*folders, *(names if files else ()))):
            if entry.is_symlink() and not entry.resolve().is_relative_to(inside):
                raise UserError(
                    f"{entry} is a link that leads out of the run directory, to {entry.resolve()}.",
                    _LINK_HINT,
                )


def check_inside(path: Path, file: Path) -> None:
    """Check that a file is in a run directory, and not elsewhere through a link in it.

    Args:
        path: the directory, which may be a link itself.
        file: a path below it, which need not exist.

    Raises:
        UserError: it leads out of the directory.
    """
    target = Path(os.path.realpath(file))
    if not target.is_relative_to(os.path.realpath(path)):
        raise UserError(f"{file} is a link that leads out of the run directory, to {target}.", _LINK_HINT)


def _is_run(path: Path) -> bool:
    """Whether a directory is a run or has a part of one that images can be generated from."""
    run = Run(path)
    return any(part.exists() for part in (run.config_file, run.generator_file, run.samples_dir))


def default_run_dir(config: TrainConfig) -> Path:
    """Return the directory of a new run: `checkpoints/` and the name of the dataset or of the folder of images.

    Args:
        config: the options, of which `dataset` and `data_dir` decide.

    Returns:
        The path; `-new` is added to the name if a pretrained generator has it.
    """
    name = config.dataset
    if name == "folder" and config.data_dir is not None:
        name = config.data_dir.resolve().stem.encode("utf-8", "ignore").decode() or name  # the target of a link
        name = printable(name)
    path = CHECKPOINTS / name
    return path.with_name(f"{name}-new") if Run(path).is_pretrained() else path
