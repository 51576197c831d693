"""Finding a run to generate from, and the default directory of a new one."""

from pathlib import Path

from dcgan.config import TrainConfig
from dcgan.core.errors import UserError
from dcgan.runs.run import CHECKPOINTS, Run

_PACKAGE = Path(__file__).parents[1]
PACKAGED = _PACKAGE / "pretrained" / "mnist"
"""The pretrained MNIST run of an installed package; commands write next to the user's files, not into it."""

PRETRAINED = PACKAGED if PACKAGED.is_dir() else _PACKAGE.parent / CHECKPOINTS / "mnist"
"""The pretrained MNIST run: inside an installed package, under `checkpoints/` in a source tree."""

_TRAIN_HINT = "`python -m dcgan train` creates one."


def find_run(path: Path | str | None = None) -> Run:
    """Find a run with a trained generator.

    Args:
        path: run directory; None for the run under `checkpoints/` whose generator was written last, or if there is
            none, the pretrained run, whose outputs go to the current folder.

    Returns:
        The run.

    Raises:
        UserError: the directory does not exist or is not a run, or there is no run.
    """
    if path is not None:
        return _run_at(Path(path))
    generators = sorted(CHECKPOINTS.glob("*/generator.keras"), key=lambda file: file.stat().st_mtime)
    if generators:
        return Run(generators[-1].parent)
    if (PRETRAINED / "generator.keras").is_file():
        return Run(PRETRAINED, output_dir=Path())
    raise UserError(f"There is no trained generator under {CHECKPOINTS}/.", _TRAIN_HINT)


def _run_at(path: Path) -> Run:
    """Return the run in a directory; if it is none, name the runs in its subdirectories."""
    if not path.is_dir():
        raise UserError(f"There is no run directory {path}.", _TRAIN_HINT)
    if not _is_run(path):
        runs = sorted(str(entry) for entry in path.iterdir() if entry.is_dir() and _is_run(entry))
        hint = f"Runs in it: {', '.join(runs[:5])}{', …' * (len(runs) > 5)}." if runs else _TRAIN_HINT
        raise UserError(f"{path} is not a run: it has no trained generator.", hint)
    return Run(path, output_dir=Path() if path.resolve() == PACKAGED.resolve() else None)


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
    path = CHECKPOINTS / name
    return path.with_name(f"{name}-new") if Run(path).is_pretrained() else path
