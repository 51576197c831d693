"""One run directory: where everything in it lies, and reading and writing it."""

import json
from pathlib import Path
from typing import Any

from dcgan.config import ResolvedTrainConfig, TrainConfig
from dcgan.config.parser import read_yaml
from dcgan.core.atomic_io import atomic_write
from dcgan.core.classes import Classes, read_classes, write_classes
from dcgan.core.errors import UserError
from dcgan.runs.checkpoints import Checkpoints
from dcgan.runs.jsonl import is_number, parse, read_jsonl, write_jsonl
from dcgan.runs.keras_models import assign_weights, is_generator, load_model, save_model

CHECKPOINTS = Path("checkpoints")
"""Where runs lie, unless `--run-dir` says otherwise."""

BEFORE = {"discriminator_hidden": 0}
"""What options that came later were in the runs that do not name them."""


class Run:
    """One run directory.

    Args:
        path: the directory; it need not exist.
    """

    def __init__(self, path: Path):
        self.path = path
        self.config_file = path / "config.yaml"
        self.log_file = path / "log.jsonl"
        self.samples_dir = path / "samples"
        self.checkpoints = Checkpoints(path / "checkpoints")
        self.generator_file = path / "generator.keras"
        self.discriminator_file = path / "discriminator.keras"
        self.model_card_file = path / "README.md"
        self.classes_file = path / "classes.json"
        self.health_file = path / "health.jsonl"
        self.health_state_file = path / "health_state.jsonl"
        self.best_file, self.best_report = path / "best.keras", path / "best.json"
        self.evaluation_file = path / "evaluation.json"
        self.tensorboard_dir = path / "tensorboard"

    def config(self) -> ResolvedTrainConfig:
        """Read the options the run was last trained with."""
        return read_yaml(TrainConfig, self.config_file, BEFORE).resolve()

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
        with atomic_write(self.classes_file) as path:
            write_classes(classes, path)

    def sample_file(self, step: int) -> Path:
        """Where the grid of `step` lies."""
        return self.samples_dir / f"step-{step:08d}.png"

    def save_generator(self, model) -> None:
        """Write `generator.keras`, whole; the same weights give the same bytes."""
        save_model(model, self.generator_file)

    def save_discriminator(self, model) -> None:
        """Write `discriminator.keras`, whole; the same weights give the same bytes."""
        save_model(model, self.discriminator_file)

    def save_best(self, model, step: int, figures: dict[str, float], scale: str = "") -> None:
        """Keep a generator apart, with the step and the figures it had there.

        Args:
            model: the generator.
            step: at which it was judged.
            figures: by name.
            scale: how they were measured, in words; what was measured otherwise can't be compared with them.
        """
        save_model(model, self.best_file)
        with atomic_write(self.best_report) as path:
            path.write_text(json.dumps({"step": step, **figures, "scale": scale}) + "\n", encoding="utf-8")

    def best_metrics(self, scale: str | None = None) -> dict[str, float]:
        """What `save_best` noted last; empty where there is nothing that can be read, or nothing on that scale."""
        if not (self.best_report.is_file() and self.best_file.is_file()):
            return {}
        report = parse(self.best_report.read_text(encoding="utf-8", errors="replace"))
        if not isinstance(report, dict) or scale not in (None, report.get("scale", "")):
            return {}
        return {name: value for name, value in report.items() if is_number(value)}

    def clear_evaluations(self) -> None:
        """Remove the best generator and what was noted of the training's health: they were another network's."""
        for file in (self.best_file, self.best_report, self.health_file, self.health_state_file):
            file.unlink(missing_ok=True)

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
            raise self._missing(file)
        generator = load_model(file, "generator")
        if not is_generator(generator):
            raise UserError(f"{file} is a model, but no generator of pictures.")
        if weights == "raw":
            try:
                assign_weights(generator, self.checkpoints.latest() or {})
            except ValueError as error:
                hint = "Use --weights ema."
                raise UserError("The run's state does not hold this generator's raw weights.", hint) from error
        return generator

    def _missing(self, file: Path) -> UserError:
        """Say that there is no such generator, and whether there may be one."""
        if self.is_pretrained():
            return UserError(f"{self.path} holds no {file.name}, but the one generator.", "Use --weights ema.")
        best = file == self.best_file
        hint = "Training with --evaluate-every writes it." if best else "Training writes it at its first save."
        return UserError(f"{self.path} holds no {file.name} yet.", hint)

    def load_discriminator(self):
        """Load the discriminator that lies beside the generator: a `keras.Model` from images, and in a conditional
        run their classes, to logits.

        Raises:
            UserError: there is none, or the file is none.
        """
        if not self.discriminator_file.is_file():
            hint = "Training writes them: the one as it goes, the other at its end."
            raise UserError(f"{self.path} holds neither a state nor a {self.discriminator_file.name}.", hint)
        return load_model(self.discriminator_file, "discriminator")

    def log_records(self) -> list[dict[str, Any]]:
        """The log, oldest record first; a line that a crash cut short is left out."""
        return read_jsonl(self.log_file)

    def health_events(self) -> list[dict[str, Any]]:
        """Everything that went wrong, oldest first."""
        return read_jsonl(self.health_file)

    def log_health_event(self, event: dict[str, Any]) -> None:
        """Note something that went wrong: an object with at least `step` and `what`."""
        write_jsonl(self.health_file, [*self.health_events(), event])

    def health_states(self) -> dict[int, dict[str, Any]]:
        """By the step of a state, what the guard thought of it and remembered there; `well` among it."""
        return {int(record["step"]): record for record in read_jsonl(self.health_state_file)}

    def save_health_state(self, step: int, memory: dict[str, Any]) -> None:
        """Note the guard's memory at a step whose state is about to be saved; of states that are gone it is dropped."""
        there = set(self.checkpoints.steps())
        kept = [note for old, note in sorted(self.health_states().items()) if old in there and old < step]
        write_jsonl(self.health_state_file, [*kept, {"step": step, **memory}])

    def trained_seconds(self) -> float:
        """How long the run has been trained, by its log."""
        return max(
            (record["seconds"] for record in self.log_records() if is_number(record.get("seconds"))), default=0.0
        )

    def rewind_log(self, step: int) -> None:
        """Forget what was logged after `step`: those steps are about to be done again."""
        records = self.log_records()
        kept = [record for record in records if record["step"] <= step]
        if records or self.log_file.exists():
            write_jsonl(self.log_file, kept)

    def is_pretrained(self) -> bool:
        """Whether it is a generator with a card and no state: training would begin anew and replace it."""
        return self.generator_file.exists() and self.model_card_file.exists() and not self.checkpoints.exist()
