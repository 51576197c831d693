"""Time the parts of a training: steps as the training does them, and everything between them, in a temporary folder."""

import contextlib
import io
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from dcgan.config import ResolvedTrainConfig
from dcgan.core.classes import Classes
from dcgan.core.resources import track_memory
from dcgan.data import ImageDataset
from dcgan.data.batches import ResidentImages
from dcgan.runs import Run
from dcgan.sampling.generation import generate_images
from dcgan.sampling.selection import default_selection
from dcgan.training.checkpointing import save_checkpoint, save_samples
from dcgan.training.health import HealthMonitor
from dcgan.training.progress import SECONDS_PER_CALL, Progress
from dcgan.training.report import write_report
from dcgan.training.trainer import Trainer

WARM_UP_CALLS = 3
MIN_CALLS, MAX_CALLS = 8, 400
STABLE = 0.02
"""Standard error of the mean time of a step, relative to it, below which measuring ends."""

_EVER = 2**40
"""The last step of the batches, which no measurement reaches."""


@dataclass
class Costs:
    """What the parts of a training cost: seconds unless named otherwise.

    Args:
        build: networks and optimizers.
        first_step: the first call, which compiles the step.
        step: one step.
        step_error: standard error of `step`.
        steps_measured: number of steps that were timed.
        events_once: what the first sample grid, check and checkpoint take beyond the later ones.
        diversity: one check of the generated images.
        sample: one sample grid.
        checkpoint: one checkpoint.
        log: one logged step.
        report: what follows after the last step.
        generated_image: one generated image of an evaluation.
        recalibration: statistics of BatchNorm for the EMA weights, before images are generated for an evaluation.
        checkpoint_bytes: size of one checkpoint.
        sample_bytes: size of one sample grid, in the run and in TensorBoard.
        log_bytes: size of one logged step, in the log and in TensorBoard.
        generator_bytes: size of the generator alone, of which `best.keras` is another one.
        other_bytes: size of everything else that a run leaves.
        memory: largest memory of this process in bytes; None where the system does not tell.
        gpu_memory: largest memory on the GPU in bytes; None without one.
    """

    build: float = 0.0
    first_step: float = 0.0
    step: float = 0.0
    step_error: float = 0.0
    steps_measured: int = 0
    events_once: float = 0.0
    diversity: float = 0.0
    sample: float = 0.0
    checkpoint: float = 0.0
    log: float = 0.0
    report: float = 0.0
    generated_image: float = 0.0
    recalibration: float = 0.0
    checkpoint_bytes: int = 0
    sample_bytes: int = 0
    log_bytes: int = 0
    generator_bytes: int = 0
    other_bytes: int = 0
    memory: int | None = None
    gpu_memory: int | None = None


@dataclass
class _Clock:
    """Notes how long blocks take, by name."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    @contextlib.contextmanager
    def time(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds.setdefault(name, []).append(time.perf_counter() - began)


def measure_costs(
    config: ResolvedTrainConfig,
    dataset: ImageDataset,
    classes: Classes | None,
    labels: np.ndarray | None,
    limit: float,
) -> Costs:
    """Train some steps on real images with the real batch size, and do once what training does between steps.

    Everything is written to a temporary folder and removed.

    Args:
        config: options of the training.
        dataset: images to train on, at least a batch of them.
        classes: of a conditional run.
        labels: int64 (N,), elements of the class input, as `divide_into_clusters` returns them.
        limit: seconds for the timed steps.

    Raises:
        UserError: what would end the training in its first steps, such as a lack of memory.
    """
    costs, clock = Costs(), _Clock()
    with track_memory() as peak:
        with clock.time("build"):
            trainer = Trainer(config, dataset.image_size, dataset.channels, class_probabilities=_probabilities(classes))
            initial = trainer.checkpoint() if config.health_checks else {}  # training keeps it, in case of a rollback
        batches = trainer.batches(dataset.images, _EVER, labels)
        with clock.time("first_step"):
            _wait(trainer.train_steps(batches, tf.constant(1)))
        costs.step, costs.step_error, costs.steps_measured = _time_steps(trainer, batches, limit)
        with tempfile.TemporaryDirectory(prefix="dcgan-doctor-") as folder:
            run = Run(Path(folder) / "run")
            run.path.mkdir()
            _measure_events(trainer, batches, run, dataset, classes, clock, costs)
        del initial
    costs.memory = peak.get("resident")
    costs.gpu_memory = _gpu_memory()
    for name in ("build", "first_step", "report"):
        setattr(costs, name, clock.seconds[name][0])
    for name in ("diversity", "sample", "checkpoint", "log"):
        first, *later = clock.seconds[name]
        setattr(costs, name, min(later))
        costs.events_once += max(0.0, first - min(later))
    return costs


def _probabilities(classes: Classes | None) -> tuple[float, ...]:
    return classes.input_probabilities if classes else ()


def _wait(metrics: dict[str, tf.Tensor]) -> dict[str, float]:
    """Return metrics as numbers, as training does when it logs; that waits for the device."""
    return {name: float(value) for name, value in metrics.items()}


def _time_steps(trainer: Trainer, batches: Iterator[Any] | ResidentImages, limit: float) -> tuple[float, float, int]:
    """Time calls of several steps until the mean is stable.

    Returns:
        Seconds per step, their standard error, and the number of steps.
    """
    for _ in range(WARM_UP_CALLS):
        began = time.perf_counter()
        _wait(trainer.train_steps(batches, tf.constant(1)))
        last = time.perf_counter() - began
    steps = max(1, round(SECONDS_PER_CALL / max(last, 1e-6)))
    if steps > 1:
        _wait(trainer.train_steps(batches, tf.constant(steps)))
    seconds: list[float] = []
    give_up = time.perf_counter() + limit
    while len(seconds) < MAX_CALLS:
        began = time.perf_counter()
        _wait(trainer.train_steps(batches, tf.constant(steps)))
        now = time.perf_counter()
        seconds.append((now - began) / steps)
        if now > give_up or (len(seconds) >= MIN_CALLS and _error(seconds) < STABLE * np.mean(seconds)):
            break
    return float(np.mean(seconds)), _error(seconds), steps * len(seconds)


def _error(seconds: list[float]) -> float:
    """Return the standard error of a mean."""
    return float(np.std(seconds, ddof=1) / np.sqrt(len(seconds))) if len(seconds) > 1 else float(seconds[0])


def _measure_events(
    trainer: Trainer,
    batches: Iterator[Any] | ResidentImages,
    run: Run,
    dataset: ImageDataset,
    classes: Classes | None,
    clock: _Clock,
    costs: Costs,
) -> None:
    """Do what training does between steps, twice, in its order; the first time compiles. Then the report."""
    config = trainer.config
    monitor = HealthMonitor(dataset.images[: min(128, len(dataset))])
    first = trainer.step + 1
    sizes: list[dict[str, int]] = []
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        Progress(run, config, first, trainer.step + 3, callback=lambda run: None) as progress,
    ):
        for _ in range(3):
            metrics = _wait(trainer.train_steps(batches, tf.constant(1)))
            with clock.time("diversity"):
                images = trainer.sample_raw(len(monitor.real))
                metrics["diversity"] = monitor.check_diversity(trainer.step, images, scheduled=False)[0]
            with clock.time("log"):
                progress.log(trainer.step, metrics)
            before = _size(run.path)
            with clock.time("sample"):
                progress.show_samples(trainer.step, save_samples(trainer, run, classes))
            costs.sample_bytes = _size(run.path) - before
            with clock.time("checkpoint"):
                progress.sync_log()
                save_checkpoint(trainer, run, dataset.fingerprint)
            sizes.append({"log": run.log_file.stat().st_size})
        run.save_classes(classes)
        with clock.time("report"):
            write_report(config, run, dataset, classes, trainer, progress, finished=True)
        stopped = progress.stop_requested
    if stopped:
        raise KeyboardInterrupt
    costs.checkpoint_bytes = run.checkpoints.file(trainer.step).stat().st_size
    costs.generator_bytes = run.generator_file.stat().st_size
    costs.log_bytes = sizes[-1]["log"] - sizes[-2]["log"]
    checkpoints = sum(file.stat().st_size for file in run.checkpoints.folder.iterdir())
    costs.other_bytes = _size(run.path) - checkpoints - 3 * costs.sample_bytes - sizes[-1]["log"]
    if config.tensorboard:
        costs.log_bytes += 1000  # ten tags of some hundred bytes
    selection = default_selection(classes)
    _wait(trainer.train_steps(batches, tf.constant(1)))
    began = time.perf_counter()
    trainer.sampling_generator()
    costs.recalibration = time.perf_counter() - began
    began = time.perf_counter()
    generate_images(trainer.sampling_generator(), selection.rows(config.latent_dim))
    costs.generated_image = (time.perf_counter() - began) / len(selection)


def _size(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _gpu_memory() -> int | None:
    """Return the largest memory on the first GPU in bytes; None without a GPU."""
    gpus = tf.config.list_logical_devices("GPU")
    return int(tf.config.experimental.get_memory_info(gpus[0].name.removeprefix("/device:"))["peak"]) if gpus else None
