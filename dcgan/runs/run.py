"""One run directory: the paths of its files, and reading and writing them."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dcgan.config import ResolvedTrainConfig, TrainConfig
from dcgan.config.parser import read_yaml, to_yaml
from dcgan.core.atomic_io import atomic_write
from dcgan.core.checksum import checksum
from dcgan.core.classes import Classes, read_classes, write_classes
from dcgan.core.errors import UserError
from dcgan.core.paths import to_path
from dcgan.runs.checkpoints import Checkpoints
from dcgan.runs.jsonl import is_number, parse_json, read_jsonl, write_jsonl
from dcgan.runs.keras_models import assign_weights, is_generator, load_model, save_model

if TYPE_CHECKING:
    import keras

CHECKPOINTS = Path("checkpoints")
"""Parent folder of runs, unless `--run-dir` names another."""

EARLIER_DEFAULTS = {
    "discriminator_hidden": 0,
    "discriminator_norm": "batch",
    "loss": "non_saturating",
    "gradient_penalty": 0.0,
    "generator_lr_decay_start": 0,
    "clusters": 0,
    "adaptive_augment": False,
    "fit": None,
    "background": None,
    "color_profile": None,
}
"""Values of options that did not exist yet when a run without them in its `config.yaml` was trained."""


_CHECKSUM = "# checksum: "


def _checksum_line(text: str) -> str:
    """Return the comment that ends `config.yaml`."""
    return f"{_CHECKSUM}{checksum(text)}\n"


class Run:
    """One run directory. Attributes name the files in it, whether they exist or not.

    Args:
        path: the directory; it need not exist.
        output_dir: where commands write their outputs by default; by default `path`.
        source: where the run was downloaded from, as `hf://user/name`; empty for a run of this machine.
    """

    def __init__(self, path: Path | str, output_dir: Path | str | None = None, source: str = ""):
        self.path = path = to_path(path)
        self.source = source
        self.output_dir = path if output_dir is None else to_path(output_dir)
        self.config_file = path / "config.yaml"
        self.log_file = path / "log.jsonl"
        self.samples_dir = path / "samples"
        self.real_grid_file = self.samples_dir / "real.png"
        self.checkpoints = Checkpoints(path / "checkpoints")
        self.generator_file = path / "generator.keras"
        self.discriminator_file = path / "discriminator.keras"
        self.model_card_file = path / "README.md"
        self.classes_file = path / "classes.json"
        self.clusters_file = path / "clusters.npy"
        self.health_file = path / "health.jsonl"
        self.best_file, self.best_report = path / "best.keras", path / "best.json"
        self.evaluation_file = path / "evaluation.json"
        self.tensorboard_dir = path / "tensorboard"

    @property
    def name(self) -> str:
        """Name of the directory, or of the repository the run was downloaded from, for titles and metadata."""
        return self.source.removeprefix("hf://") or self.path.resolve().name

    @property
    def description(self) -> str:
        """Where the run is, for messages: its directory as it was given, or its repository."""
        return self.source or str(self.path)

    def config(self) -> ResolvedTrainConfig:
        """Read the options the run was last trained with.

        Raises:
            UserError: `config.yaml` is missing or not valid.
        """
        config = read_yaml(TrainConfig, self.config_file, EARLIER_DEFAULTS)
        if config.dataset == "folder" and config.channels is None:  # from a version that always took color
            config = replace(config, channels=3)
        config = config.resolve()
        *lines, last = self.config_file.read_text(encoding="utf-8").splitlines(keepends=True)
        if last.startswith(_CHECKSUM) and last != _checksum_line("".join(lines)):
            print(f"{self.config_file} was changed since training wrote it.", file=sys.stderr)
        return config

    def save_config(self, config: ResolvedTrainConfig) -> None:
        """Write `config.yaml` atomically."""
        text = to_yaml(config)
        with atomic_write(self.config_file) as path:
            path.write_text(text + _checksum_line(text), encoding="utf-8")

    def classes(self) -> Classes | None:
        """Read the classes of a conditional run; None for an unconditional one.

        Raises:
            UserError: the file is damaged.
        """
        return read_classes(self.classes_file) if self.classes_file.exists() else None

    def save_classes(self, classes: Classes | None) -> None:
        """Write the classes of a conditional run; None removes the file."""
        if classes is None:
            self.classes_file.unlink(missing_ok=True)
            return
        with atomic_write(self.classes_file) as path:
            write_classes(classes, path)

    def clusters(self, count: int) -> np.ndarray | None:
        """Read the number of each training image's cluster within its class.

        Args:
            count: number of training images.

        Returns:
            int64 (count,); None if the file is missing or damaged.
        """
        try:
            with self.clusters_file.open("rb") as file:
                clusters = np.lib.format.read_array(file, allow_pickle=False)
        except Exception:  # NumPy raises many types
            return None
        return clusters.astype(np.int64) if clusters.shape == (count,) and clusters.dtype == np.uint16 else None

    def save_clusters(self, clusters: np.ndarray) -> None:
        """Write the number of each training image's cluster within its class, integers (N,) below 65,536."""
        with atomic_write(self.clusters_file) as path, path.open("wb") as file:
            np.save(file, clusters.astype(np.uint16))

    def sample_file(self, step: int) -> Path:
        """Return the path of the sample grid of a step."""
        return self.samples_dir / f"step-{step:08d}.png"

    def sample_grids(self) -> list[Path]:
        """Return the grids of generated images, oldest first; an empty list if there are none yet."""
        return sorted(self.samples_dir.glob("step-*.png"), key=lambda file: (len(file.name), file.name))

    def save_generator(self, model: "keras.Model") -> None:
        """Write `generator.keras` atomically; equal weights give equal bytes."""
        save_model(model, self.generator_file)

    def save_discriminator(self, model: "keras.Model") -> None:
        """Write `discriminator.keras` atomically; equal weights give equal bytes."""
        save_model(model, self.discriminator_file)

    def save_best(self, model: "keras.Model", step: int, metrics: dict[str, float], scale: str = "") -> None:
        """Write `best.keras`, and its step and metrics to `best.json`.

        Args:
            model: the generator.
            step: step at which it was evaluated.
            metrics: values by name.
            scale: features and number of images of the evaluation; values are comparable on the same scale alone.
        """
        save_model(model, self.best_file)
        report: dict[str, Any] = {"step": step, **metrics, "scale": scale}
        report["checksum"] = checksum(json.dumps(report), self.best_file.read_bytes())
        with atomic_write(self.best_report) as path:
            path.write_text(json.dumps(report) + "\n", encoding="utf-8")

    def best_metrics(self, scale: str | None = None) -> dict[str, float]:
        """Read the step and the metrics of the best generator.

        Args:
            scale: as for `save_best`; None takes any.

        Returns:
            Values by name; empty if there is no readable report of the file, or none on that scale.
        """
        if not self.best_file.is_file() and not self.best_report.is_file():
            return {}
        report = self._read_best_report()
        if report is None:
            print(f"{self.best_file} and {self.best_report.name} are damaged, or don't belong together.")
            return {}
        if scale not in (None, report.get("scale", "")):
            return {}
        return {name: value for name, value in report.items() if is_number(value)}

    def _read_best_report(self) -> dict[str, Any] | None:
        """Read `best.json`; None if it is damaged or does not belong to `best.keras`."""
        if not (self.best_file.is_file() and self.best_report.is_file()):
            return None
        report = parse_json(self.best_report.read_text(encoding="utf-8", errors="replace"))
        if not isinstance(report, dict):
            return None
        written = report.pop("checksum", None)  # earlier versions wrote none
        return report if written in (None, checksum(json.dumps(report), self.best_file.read_bytes())) else None

    def clear_evaluations(self) -> None:
        """Remove the best generator and the health records, which belong to other weights."""
        for file in (self.best_file, self.best_report, self.health_file):
            file.unlink(missing_ok=True)

    def load_generator(self, weights: str = "ema") -> "keras.Model":
        """Load a generator of the run.

        Args:
            weights: `"ema"` for the EMA weights, `"raw"` for the weights without averaging, `"best"` for the EMA
                weights of the best evaluation.

        Returns:
            Model from latents (N, latent_dim), and for a conditional run one-hot classes (N, classes), to images
            (N, H, W, C) in [-1, 1].

        Raises:
            UserError: the run has no such generator, or the file is not one.
        """
        file = self.best_file if weights == "best" else self.generator_file
        if not file.is_file():
            raise self._missing_generator(file)
        generator = load_model(file, "generator")
        if not is_generator(generator):
            raise UserError(f"{file} is a model, but not a generator of images.")
        if weights == "raw":
            try:
                assign_weights(generator, self.checkpoints.latest() or {})
            except ValueError as error:
                hint = "Use --weights ema."
                raise UserError(
                    f"{self.description} has no checkpoint with the raw weights of its generator.", hint
                ) from error
        return generator

    def _missing_generator(self, file: Path) -> UserError:
        """Return the error for a missing generator; the hint says what writes the file."""
        if self.is_pretrained():
            problem = f"{self.description} has no {file.name}: it is a pretrained generator."
            return UserError(problem, "Use --weights ema.")
        if file == self.best_file:
            return UserError(f"{self.description} has no {file.name} yet.", "Training with --evaluate-every writes it.")
        return UserError(f"{self.description} has no {file.name} yet.", "Training writes it with the first checkpoint.")

    def load_discriminator(self) -> "keras.Model":
        """Load `discriminator.keras`.

        Returns:
            Model from images (N, H, W, C), and for a conditional run one-hot classes (N, classes), to logits (N, 1).

        Raises:
            UserError: the file does not exist or is not a model.
        """
        if not self.discriminator_file.is_file():
            hint = "Training writes checkpoints as it goes, and the discriminator at its end."
            raise UserError(f"{self.description} has neither a checkpoint nor a {self.discriminator_file.name}.", hint)
        return load_model(self.discriminator_file, "discriminator")

    def log_records(self) -> list[dict[str, Any]]:
        """Read the log, oldest record first; a line that a crash cut short is left out."""
        return read_jsonl(self.log_file)

    def trained_seconds(self) -> float:
        """Return the training time of the run in seconds, from its log."""
        records = self.log_records()
        return max((record["seconds"] for record in records if is_number(record.get("seconds"))), default=0.0)

    def rewind_log(self, step: int) -> None:
        """Remove the log records after a step, which is to be repeated from there."""
        records = self.log_records()
        if records or self.log_file.exists():
            write_jsonl(self.log_file, [record for record in records if record["step"] <= step])

    def health_events(self) -> list[dict[str, Any]]:
        """Read the health events, oldest first."""
        return read_jsonl(self.health_file)

    def log_health_event(self, event: dict[str, Any]) -> None:
        """Append a health event: an object with at least `step` and `message`."""
        write_jsonl(self.health_file, [*self.health_events(), event])

    def rewind_health_events(self, count: int) -> None:
        """Remove all but the first `count` health events; the others are of steps that are to be repeated."""
        if len(events := self.health_events()) > count:
            write_jsonl(self.health_file, events[:count])

    def is_pretrained(self) -> bool:
        """Return whether it is a published generator: downloaded, or with a model card and without checkpoints."""
        if self.source:
            return True
        return self.generator_file.exists() and self.model_card_file.exists() and not self.checkpoints.exist()
