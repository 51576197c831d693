"""Which run directory is meant: the one a training opens and keeps to itself, the one that is drawn from."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from dcgan.config import ResolvedTrainConfig, TrainConfig, differing_options
from dcgan.config.parser import to_yaml
from dcgan.core.atomic_io import atomic_write, remove_stale_files_below
from dcgan.core.errors import UserError
from dcgan.runs.run import CHECKPOINTS, Run


@contextlib.contextmanager
def open_run(config: TrainConfig, writing: bool = True) -> Iterator[Run]:
    """Open the config's run directory for training, making it if need be, and keep other trainings out.

    Args:
        config: the run's options.
        writing: whether this process writes into it; of the processes that share a job, one does.

    Raises:
        UserError: it can't be written to, holds something else or a run of another config, or is in use.
    """
    config = config.resolve()
    run = Run(config.run_dir or _default_directory(config))
    if not writing:
        yield run
        return
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        strangers = [entry.name for entry in run.path.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise UserError(f"{run.path} can't be used as a run directory: {error.strerror}.") from error
    if strangers and not run.config_file.exists():
        raise UserError(f"{run.path} is not empty and no run.", "Choose another --run-dir.")
    if run.is_pretrained():
        raise UserError(
            f"{run.path} holds a generator without the state that going on would need.", "Choose another --run-dir."
        )
    with _locked(run.path):
        _begin(run, config)
        yield run


def find_run(path: Path | None = None, root: Path = CHECKPOINTS) -> Run:
    """Find a run to draw from.

    Args:
        path: the run directory; None for the one under `root` whose generator was written last.
        root: where runs lie.

    Raises:
        UserError: there is no such run, or the directory is none.
    """
    if path is not None:
        if not path.is_dir():
            raise UserError(f"There is no run directory {path}.", "`python train.py` makes one.")
        if not _is_run(path):
            below = sorted(str(entry) for entry in path.iterdir() if entry.is_dir() and _is_run(entry))
            hint = f"Runs in it: {', '.join(below[:5])}{', …' * (len(below) > 5)}." if below else ""
            raise UserError(f"{path} is no run: it holds no trained generator.", hint or "`python train.py` makes one.")
        return Run(path)
    generators = sorted(root.glob("*/generator.keras"), key=lambda file: file.stat().st_mtime)
    if not generators:
        raise UserError(f"There is no trained generator under {root}/.", "`python train.py` makes one.")
    return Run(generators[-1].parent)


def _is_run(path: Path) -> bool:
    """Whether a directory is a run's, or holds at least what others draw from."""
    run = Run(path)
    return any(part.exists() for part in (run.config_file, run.generator_file, run.samples_dir))


def _default_directory(config: TrainConfig) -> Path:
    """Named after the data set, or the folder of the user's own pictures; beside a generator that came with the
    program, if that has the name."""
    name = config.dataset
    if name == "folder" and config.data_dir is not None:
        name = config.data_dir.resolve().stem.encode("utf-8", "ignore").decode() or name  # a link may lead anywhere
    path = CHECKPOINTS / name
    return path.with_name(f"{name}-new") if Run(path).is_pretrained() else path


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the directory's lock; the system lets it go when the process ends, however it ends."""
    lock = FileLock(path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(
            f"Another process is training in {path}.", "Wait for it, or choose another --run-dir."
        ) from error
    except OSError as error:
        raise UserError(f"{path} can't be written to: {error.strerror}.", "Choose another --run-dir.") from error
    try:
        yield
    finally:
        lock.release()


def _begin(run: Run, config: ResolvedTrainConfig) -> None:
    """Compare the config with the run's own, clean up after a crash, and note the config.

    A run that never saved anything has nothing to lose, and takes any config.
    """
    if run.config_file.exists():
        different = differing_options(config, run.config())
        if different and run.checkpoints.exist():
            raise UserError(
                f"{run.path} was begun with another config: "
                + "; ".join(f"{name} is {theirs}, now {ours}" for name, (ours, theirs) in different.items()),
                "Give the run's own values to go on, or another --run-dir to start afresh.",
            )
    if not run.checkpoints.exist():
        run.clear_evaluations()
    remove_stale_files_below(run.path)
    with atomic_write(run.config_file) as path:
        path.write_text(to_yaml(config), encoding="utf-8")
