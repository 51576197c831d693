"""The run directory: the whole run, and what is where in it.

config.yaml       the options; with them, `python train.py --config` begins the same run again
log.jsonl         one object a logged step
samples/          real.png and one grid for every --sample-every steps
state/            what going on needs: both networks, both optimizers, the averaged generator, the step
classes.json      of a conditional run: its classes' names and shares
generator.keras   what drawing needs; loads with plain `keras.models.load_model`
discriminator.keras  as training ended; what explaining needs once there is no state, as in a run that is handed on
health.jsonl      one object for everything that went wrong and what was done about it
best.keras        with --evaluate-every: the generator when it was nearest to the data; best.json says how near
curves.png        at the end: the log, drawn
real-and-drawn.png  at the end: real images beside drawn ones
evaluation.json   what `python -m dcgan evaluate` found
README.md         of a generator that is handed on: how it was made and how good it is
tensorboard/      what TensorBoard shows: events, and the points of its projector
generated/        what `python generate.py` drew; beside it explained/, exported/, projected/, turned/ and dropped/
"""

import contextlib
import json
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from dcgan.classes import Classes, read_classes, write_classes
from dcgan.config import TrainConfig, differences
from dcgan.errors import UserError
from dcgan.files import remove_leftovers, whole_file
from dcgan.keras_archive import without_circumstances
from dcgan.options import read_yaml, to_yaml

CHECKPOINTS = Path("checkpoints")
"""Where runs lie, unless `--run-dir` says otherwise."""

UNREADABLE = (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, MemoryError, zipfile.BadZipFile)
"""What NumPy raises on a file that is damaged or no `.npz` at all."""


class Run:
    """One run directory.

    Args:
        path: the directory; it need not exist.
    """

    def __init__(self, path: Path):
        self.path = path
        self.config_file = path / "config.yaml"
        self.log_file = path / "log.jsonl"
        self.samples = path / "samples"
        self.states = path / "state"
        self.generator_file = path / "generator.keras"
        self.discriminator_file = path / "discriminator.keras"
        self.card_file = path / "README.md"
        self.classes_file = path / "classes.json"
        self.health_file = path / "health.jsonl"
        self.best_file, self.best_report = path / "best.keras", path / "best.json"
        self.evaluation_file = path / "evaluation.json"
        self.events = path / "tensorboard"

    def config(self) -> TrainConfig:
        """The options the run was last trained with."""
        return read_yaml(TrainConfig, self.config_file)

    def classes(self) -> Classes | None:
        """What the run's generator can be asked for; None where it is not conditional.

        Raises:
            UserError: the file is damaged.
        """
        return read_classes(self.classes_file) if self.classes_file.exists() else None

    def save_classes(self, classes: Classes | None) -> None:
        """Note the classes of a conditional run, or that it is none."""
        if classes is None:
            self.classes_file.unlink(missing_ok=True)
            return
        with whole_file(self.classes_file) as path:
            write_classes(classes, path)

    def sample_file(self, step: int) -> Path:
        """Where the grid of `step` lies."""
        return self.samples / f"step-{step:08d}.png"

    def save_state(self, step: int, state: dict[str, np.ndarray], keep: int) -> None:
        """Write a state, whole, and remove all but the newest `keep`."""
        with whole_file(self._state_file(step)) as path, path.open("wb") as file:
            np.savez(file, **state)
        for old in self._state_files()[keep:]:
            old.unlink()

    def latest_state(self) -> dict[str, np.ndarray] | None:
        """Read the newest state, or, where that is damaged, the newest that is not.

        Returns:
            Arrays by name, as given to `save_state`; None when nothing has been saved.

        Raises:
            UserError: there are states, and none of them can be read.
        """
        files = self._state_files()
        for file in files:
            try:
                return _read_arrays(file)
            except UNREADABLE as error:
                print(f"{file} is damaged and passed over: {error}")
        if files:
            raise UserError(f"No saved state in {self.states} can be read.", "A new --run-dir starts afresh.")
        return None

    def forget_states_after(self, step: int) -> None:
        """Remove the states of later steps: they were not well."""
        for file in self._state_files():
            if file > self._state_file(step):
                file.unlink()

    def save_generator(self, model) -> None:
        """Write `generator.keras`, whole; the same weights give the same bytes."""
        _save_model(model, self.generator_file)

    def save_discriminator(self, model) -> None:
        """Write `discriminator.keras`, whole; the same weights give the same bytes."""
        _save_model(model, self.discriminator_file)

    def save_best(self, model, step: int, figures: dict[str, float]) -> None:
        """Keep a generator apart, with the step and the figures it had there."""
        _save_model(model, self.best_file)
        with whole_file(self.best_report) as path:
            path.write_text(json.dumps({"step": step, **figures}) + "\n", encoding="utf-8")

    def best(self) -> dict[str, float]:
        """What `save_best` noted last; empty where there is nothing, or nothing that can be read."""
        if not (self.best_report.is_file() and self.best_file.is_file()):
            return {}
        report = _parse(self.best_report.read_text(encoding="utf-8", errors="replace"))
        return {k: v for k, v in report.items() if _is_number(v)} if isinstance(report, dict) else {}

    def load_generator(self, weights: str = "ema"):
        """Load the generator for drawing.

        Args:
            weights: `"ema"` for the averaged weights, `"raw"` for those training left, `"best"` for the averaged
                ones when they were nearest to the data.

        Returns:
            A `keras.Model` from (N, latent_dim), and in a conditional run (N, classes), to (N, H, W, C) in [-1, 1].

        Raises:
            UserError: there is no generator yet, or the file is none.
        """
        file = self.best_file if weights == "best" else self.generator_file
        if not file.is_file():
            hint = "--evaluate-every writes it." if weights == "best" else "Training writes it at its first save."
            raise UserError(f"{self.path} holds no {file.name} yet.", hint)
        generator = _load_model(file, "generator")
        if not _draws_pictures(generator):
            raise UserError(f"{file} is a model, but no generator of pictures.")
        if weights == "raw":
            try:
                assign(generator, self.latest_state() or {})
            except ValueError as error:
                hint = "Use --weights ema."
                raise UserError("The run's state does not hold this generator's raw weights.", hint) from error
        return generator

    def load_discriminator(self):
        """Load the discriminator that lies beside the generator: a `keras.Model` from images, and in a conditional
        run their classes, to logits.

        Raises:
            UserError: there is none, or the file is none.
        """
        if not self.discriminator_file.is_file():
            hint = "Training writes them: the one as it goes, the other at its end."
            raise UserError(f"{self.path} holds neither a state nor a {self.discriminator_file.name}.", hint)
        return _load_model(self.discriminator_file, "discriminator")

    def records(self) -> list[dict[str, Any]]:
        """The log, oldest record first; a line that a crash cut short is left out."""
        return _records(self.log_file)

    def health(self) -> list[dict[str, Any]]:
        """Everything that went wrong, oldest first."""
        return _records(self.health_file)

    def note_health(self, event: dict[str, Any]) -> None:
        """Note something that went wrong: an object with at least `step` and `what`."""
        with whole_file(self.health_file) as path:
            lines = (json.dumps(record) + "\n" for record in [*self.health(), event])
            path.write_text("".join(lines), encoding="utf-8")

    def seconds(self) -> float:
        """How long the run has been trained, by its log."""
        return max((record["seconds"] for record in self.records() if _is_number(record.get("seconds"))), default=0.0)

    def rewind_log(self, step: int) -> None:
        """Forget what was logged after `step`: those steps are about to be done again."""
        records = self.records()
        kept = [record for record in records if record["step"] <= step]
        if records or self.log_file.exists():
            with whole_file(self.log_file) as path:
                path.write_text("".join(json.dumps(record) + "\n" for record in kept), encoding="utf-8")

    def _state_file(self, step: int) -> Path:
        return self.states / f"step-{step:08d}.npz"

    def latest_step(self) -> int:
        """The step of the newest state, by its name; 0 where there is none."""
        names = (file.stem.removeprefix("step-") for file in self._state_files())
        return max((int(name) for name in names if name.isdigit()), default=0)

    def is_published(self) -> bool:
        """Whether it is a generator with a card and no state: training would begin anew and replace it."""
        return self.generator_file.exists() and self.card_file.exists() and not self.has_state()

    def has_state(self) -> bool:
        """Whether anything has been saved to go on from."""
        return bool(self._state_files())

    def _state_files(self) -> list[Path]:
        """The saved states, newest first; a folder that can't be read is not an empty one."""
        try:
            files = list(self.states.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UserError(f"{self.states} can't be read: {error.strerror}.", "Mend its permissions.") from error
        return sorted((file for file in files if file.match("step-*.npz")), reverse=True)


@contextlib.contextmanager
def opened(config: TrainConfig, writing: bool = True) -> Iterator[Run]:
    """Open the config's run directory for training, making it if need be, and keep other trainings out.

    Args:
        config: the run's options.
        writing: whether this process writes into it; of the processes that share a job, one does.

    Raises:
        UserError: it can't be written to, holds something else or a run of another config, or is in use.
    """
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
    if run.is_published():
        raise UserError(
            f"{run.path} holds a generator without the state that going on would need.", "Choose another --run-dir."
        )
    with _locked(run.path):
        _begin(run, config)
        yield run


def find(path: Path | None = None, root: Path = CHECKPOINTS) -> Run:
    """Find a run to draw from.

    Args:
        path: the run directory; None for the one under `root` whose generator was written last.
        root: where runs lie.

    Raises:
        UserError: there is no such run.
    """
    if path is not None:
        if not path.is_dir():
            raise UserError(f"There is no run directory {path}.", "`python train.py` makes one.")
        return Run(path)
    generators = sorted(root.glob("*/generator.keras"), key=lambda file: file.stat().st_mtime)
    if not generators:
        raise UserError(f"There is no trained generator under {root}/.", "`python train.py` makes one.")
    return Run(generators[-1].parent)


def _default_directory(config: TrainConfig) -> Path:
    """Named after the data set, or the folder of the user's own pictures; beside a generator that came with the
    program, if that has the name."""
    name = config.dataset
    if name == "folder" and config.data_dir is not None:
        name = config.data_dir.resolve().stem or name
    path = CHECKPOINTS / name
    return path.with_name(f"{name}-new") if Run(path).is_published() else path


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


def _begin(run: Run, config: TrainConfig) -> None:
    """Compare the config with the run's own, clean up after a crash, and note the config.

    A run that never saved anything has nothing to lose, and takes any config.
    """
    if run.config_file.exists():
        different = differences(config, run.config())
        if different and run.has_state():
            raise UserError(
                f"{run.path} was begun with another config: "
                + "; ".join(f"{name} is {theirs}, now {ours}" for name, (ours, theirs) in different.items()),
                "Give the run's own values to go on, or another --run-dir to start afresh.",
            )
    remove_leftovers(run.path)
    with whole_file(run.config_file) as path:
        path.write_text(to_yaml(config), encoding="utf-8")


def _read_arrays(file: Path) -> dict[str, np.ndarray]:
    """Every array of an `.npz`; the archive's checksums tell a damaged one."""
    with file.open("rb") as content, np.load(content, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def assign(network, state: dict[str, np.ndarray]) -> None:
    """Give a network, a `keras.Model`, the weights that training left in `state` under its name.

    Raises:
        ValueError: they are not there, or of other shapes.
    """
    try:
        for variable in network.variables:
            variable.assign(state[f"{network.name}/{variable.path.removeprefix(f'{network.name}/')}"])
    except KeyError as error:
        raise ValueError(f"The state has no {error.args[0]}.") from error


def _records(file: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines that belong to a step."""
    if not file.exists():
        return []
    parsed = map(_parse, file.read_text(encoding="utf-8", errors="replace").splitlines())
    return [record for record in parsed if isinstance(record, dict) and _is_number(record.get("step"))]


def _save_model(model, file: Path) -> None:
    """Write a model in Keras' format, whole; the same weights give the same bytes."""
    with whole_file(file) as path:
        model.save(path)
        without_circumstances(path)


def _load_model(file: Path, what: str):
    """Load a model, `what` by name, and run no code that its file may hold."""
    import keras

    try:
        return keras.models.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # whatever a damaged or hostile file makes Keras raise
        raise UserError(f"{file} is no {what}: {_first_line(error)}") from error


def _parse(line: str) -> Any:
    """A line of the log, or None."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _draws_pictures(model) -> bool:
    """Whether a model goes from (None, dim), and perhaps (None, classes), to (None, height, width, 1 or 3)."""
    try:
        (output,) = model.outputs
        shapes = [tuple(tensor.shape) for tensor in (*model.inputs, output)]
    except (AttributeError, TypeError, ValueError):  # not built, or several outputs
        return False
    known = all(shape and shape[0] is None and all(type(side) is int for side in shape[1:]) for shape in shapes)
    *inputs, picture = shapes
    return (
        known
        and 1 <= len(inputs) <= 2
        and {len(s) for s in inputs} == {2}
        and len(picture) == 4
        and picture[3] in (1, 3)
    )


def _is_number(value: Any) -> bool:
    """Whether a value of the log is a finite number."""
    return type(value) in (int, float) and math.isfinite(value)


def _first_line(error: Exception) -> str:
    """What an exception says, cut to a line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
