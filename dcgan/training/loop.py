"""The main job, from a config to a finished run."""

import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from dcgan import data, runs
from dcgan.config import TrainConfig
from dcgan.core import devices
from dcgan.core.classes import Classes, classes_from_labels
from dcgan.core.errors import UserError
from dcgan.core.rng import derived_seed
from dcgan.data.image_dataset import LABELS_HINT
from dcgan.runs import Run
from dcgan.sampling.selection import default_selection
from dcgan.training import distributed, health
from dcgan.training.checkpointing import restore, save, save_samples
from dcgan.training.health import (
    NUM_IMAGES,
    HealthIssue,
    HealthMonitor,
    describe_nonfinite,
    nonfinite_arrays,
    training_stopped,
)
from dcgan.training.progress import Callback, Progress
from dcgan.training.report import print_introduction, write_report
from dcgan.training.rollback import Rollback
from dcgan.training.trainer import METRICS, Trainer

MOST_CLASSES = 100
"""Of a training that is conditional without having been asked to be."""

Evaluator = Callable[[keras.Model, Classes | None], dict[str, float]]
"""Says how near a generator's pictures are to the data: figures by name, `frechet_distance` among them."""


def train(config: TrainConfig, judge: Evaluator | None = None, watch: Callback | None = None) -> Run:
    """Train until the run holds `config.steps` steps; going on is the same call.

    Args:
        config: every option; see `TrainConfig`.
        judge: what measures the pictures every `config.evaluate_every` steps.
        watch: is called with the run after every line of the log and every grid of samples, instead of a bar or lines.

    Returns:
        The run directory, with at least one saved state in it.

    Raises:
        UserError: the data, the run directory or an option is not what it has to be; nothing is lost.
    """
    config = config.resolve()
    job = distributed.resolve_job(config)
    images = data.load(config)
    classes = training_classes(config, images)
    last = _last_step(config, len(images.images))
    with (
        runs.open_run(config, writing=job.is_chief) as run,
        devices.explain_memory_errors(),
        distributed.explain_lost_workers(job),
    ):
        device = devices.configure_tensorflow(config.seed)
        strategy = distributed.strategy_for(job, config.batch_size)
        shares = classes.probabilities if classes else ()
        trainer = Trainer(config, images.image_size, images.channels, strategy, shares)
        restore(trainer, run, images.fingerprint, job.is_chief)
        distributed.check_agreement(job, strategy, config, trainer.step)
        print_introduction(run, images, trainer, last, f"{device}{job.description}", job)
        with Progress(run, config, trainer.step + 1, last, silent=not job.is_chief, watch=watch) as monitor:
            _Loop(config, run, images, classes, trainer, monitor, job, judge).go()
        if job.is_chief:
            write_report(config, run, images, classes, trainer, monitor)
    return run


class _Loop:
    """Every step up to the last, or until somebody or the clock asks to stop, and what is done between two of them."""

    def __init__(
        self,
        config: TrainConfig,
        run: Run,
        images: data.ImageDataset,
        classes: Classes | None,
        trainer: Trainer,
        monitor: Progress,
        job: distributed.Job,
        judge: Evaluator | None,
    ):
        self.config, self.run, self.images = config, run, images
        self.trainer, self.monitor, self.job = trainer, monitor, job
        self.classes, self.judge = classes, judge
        self.sheet = default_selection(classes)
        if job.is_chief:
            run.save_classes(classes)
        # One process decides alone; several would have to agree on what each sees of its own.
        guarded = config.health_checks and job.workers == 1 and monitor.first <= monitor.last
        self.scale = getattr(judge, "scale", "")
        best = run.best_metrics(self.scale).get("frechet_distance")
        memory = run.health_states().get(trainer.step)
        self.guard = HealthMonitor(_some(images.images, config.seed), memory, best) if guarded else None
        self.recovery = Rollback(run, trainer, images.fingerprint) if guarded else None

    def go(self) -> None:
        """The loop itself."""
        step, stop, feed = self.trainer.step, self.monitor.first > self.monitor.last, self._feed()
        while not stop:
            asked, at_once = distributed.agree_on_next(
                self.job,
                self.trainer.strategy,
                self.monitor.stop_requested or self.monitor.out_of_time,
                self.monitor.steps_per_call,
            )
            count = 1 if asked else min(at_once, self._next_pause(step) - step)
            metrics = self.trainer.update(feed, tf.constant(count))
            step += count
            stop = asked or step == self.monitor.last
            trouble = self._pause(step, metrics, stop)
            if trouble is not None:
                self.monitor.go_back(step, self._treat(trouble))
                step, stop, feed = self.trainer.step, asked, self._feed()

    def _feed(self):
        return self.trainer.feed(self.images.images, self.monitor.last, self.images.labels)

    def _pause(self, step: int, metrics: dict[str, tf.Tensor], stop: bool) -> HealthIssue | None:
        """Do what is due after a step: show, judge, draw, save; or say what is wrong, and do none of it."""
        config, chief, last = self.config, self.job.is_chief, step == self.monitor.last
        save_due, draw_due = stop or step % config.save_every == 0, stop or step % config.sample_every == 0
        # Not because somebody asks to stop: they may not wait so long.
        judge_due = self.judge is not None and chief and (last or step % config.evaluate_every == 0)
        look_due = self.guard is not None and any(health.check_due(step))
        if not (save_due or judge_due or look_due or step % config.log_every == 0):
            self.monitor.count(step)
            if draw_due and chief:
                self._draw()
            return None
        numbers = {name: float(metrics[name]) for name in METRICS}
        if broken := [name for name in METRICS if not math.isfinite(numbers[name])]:
            return HealthIssue(step, describe_nonfinite([" and ".join(broken)]))
        trouble = self._look(step, numbers, save_due)
        if trouble is None and judge_due:
            trouble = self._broken(step)
        if trouble is not None:
            return trouble
        if judge_due:
            numbers |= self._judge(step)
        if save_due or judge_due or step % config.log_every == 0:
            self.monitor.show(step, numbers)
        if draw_due and chief:
            self._draw()
        if save_due and chief:
            return self._save(step)
        return None

    def _next_pause(self, step: int) -> int:
        """The next step after `step` at which there is something to show, draw, judge, save or look at."""
        config, guard = self.config, self.guard is not None
        every = [config.log_every, config.sample_every, config.save_every, config.evaluate_every or 0]
        every += [health.NUMBERS_EVERY, health.PICTURES_EVERY] if guard else []
        return min(self.monitor.last, *(step + interval - step % interval for interval in every if interval))

    def _look(self, step: int, numbers: dict[str, float], save_due: bool) -> HealthIssue | None:
        """Have the guard look, if it is time or a state is to be saved; what it has to go back for."""
        if self.guard is None:
            return None
        numbers_due, pictures_due = health.check_due(step)
        warning, what = self.guard.look_at_numbers(numbers) if numbers_due else (None, None)
        self._warn(step, warning)
        if (pictures_due or save_due) and not what:
            pictures = self.trainer.pictures(len(self.guard.real))
            found, what = self.guard.look_at_pictures(step, pictures, counts=pictures_due)
            numbers["diversity"] = round(found, 4)
        return HealthIssue(step, what) if what else None

    def _broken(self, step: int) -> HealthIssue | None:
        """What is wrong with the weights, if they are no numbers any more."""
        broken = nonfinite_arrays(self.trainer.state())
        return HealthIssue(step, describe_nonfinite(broken)) if broken else None

    def _judge(self, step: int) -> dict[str, float]:
        """Measure the pictures; keep the generator if it was never better."""
        with self.monitor.paused():
            generator = self.trainer.snapshot()
            figures = self.judge(generator, self.classes)
            distance = figures["frechet_distance"]
            if distance < self.run.best_metrics(self.scale).get("frechet_distance", math.inf):
                self.run.save_best(generator, step, figures, self.scale)
            if self.guard is not None:
                self._warn(step, self.guard.look_at_distance(distance))
        return figures

    def _draw(self) -> None:
        """Draw the sheet of samples."""
        self.monitor.show_samples(self.trainer.step, save_samples(self.trainer, self.run, self.sheet))

    def _save(self, step: int) -> HealthIssue | None:
        """Save the run; weights that are no numbers any more are trouble."""
        state = self.trainer.state()
        if self.recovery is not None and (broken := nonfinite_arrays(state)):
            return HealthIssue(step, describe_nonfinite(broken))
        save(self.trainer, self.run, self.images.fingerprint, state, self.guard.memory() if self.guard else None)
        if self.recovery is not None and self.guard.well:
            self.recovery.note(state)
        return None

    def _treat(self, trouble: HealthIssue) -> str:
        """Go back, or end with what was seen."""
        if self.recovery is None:
            raise training_stopped(self.run, trouble, 0)
        return self.recovery.go_back(trouble, self.guard)

    def _warn(self, step: int, warning: str | None) -> None:
        """Say something that training can go on with, and note it."""
        if warning is not None:
            self.monitor.say(f"step {step}: {warning}")
            self.run.log_health_event({"step": step, "message": warning})


def _some(images: np.ndarray, seed: int) -> np.ndarray:
    """Some images, chosen at random: a folder is sorted by class."""
    bits = np.random.Philox(key=derived_seed(seed, "guard"))
    chosen = np.random.Generator(bits).choice(len(images), min(NUM_IMAGES, len(images)), replace=False)
    return images[np.sort(chosen)]


def training_classes(config: TrainConfig, images: data.ImageDataset) -> Classes | None:
    """The classes of a conditional training; None for one that is not."""
    names, labels = images.class_names, images.labels
    if config.conditional is None:
        every = labels is not None and len(np.unique(labels)) == len(names)
        return classes_from_labels(labels, names) if every and 2 <= len(names) <= MOST_CLASSES else None
    if config.conditional and labels is None:
        raise UserError(f"--conditional needs labels, and {config.dataset} has none here.", LABELS_HINT)
    return classes_from_labels(labels, names) if config.conditional else None


def _last_step(config: TrainConfig, count: int) -> int:
    """The number of the step at which `--steps` or `--epochs` ends the run."""
    if count < config.batch_size:
        raise UserError(
            f"The data set has {count} images, fewer than the batch size of {config.batch_size}.",
            f"Choose --batch-size {count} or less, or add pictures.",
        )
    if config.epochs is None:
        return config.steps
    return min(config.steps, math.ceil(config.epochs * count / config.batch_size))
