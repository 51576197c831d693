"""The main job, from a config to a finished run."""

import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from dcgan import data, runs
from dcgan.config import TrainConfig
from dcgan.core import devices
from dcgan.core.classes import Classes, classes_of
from dcgan.core.errors import UserError
from dcgan.core.rng import derived_seed
from dcgan.data.image_dataset import WHERE_LABELS_ARE
from dcgan.runs import Run
from dcgan.sampling.selection import sheet
from dcgan.training import distributed, health
from dcgan.training.checkpointing import restore, save, save_samples
from dcgan.training.health import PICTURES, Guard, Trouble, broken_arrays, not_a_number, stopped
from dcgan.training.progress import Monitor, Watch
from dcgan.training.report import finish, introduce
from dcgan.training.rollback import Recovery
from dcgan.training.trainer import METRICS, Trainer

MOST_CLASSES = 100
"""Of a training that is conditional without having been asked to be."""

Judge = Callable[[keras.Model, Classes | None], dict[str, float]]
"""Says how near a generator's pictures are to the data: figures by name, `frechet_distance` among them."""


def train(config: TrainConfig, judge: Judge | None = None, watch: Watch | None = None) -> Run:
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
    job = distributed.job(config)
    images = data.load(config)
    classes = classes_for(config, images)
    last = _last_step(config, len(images.images))
    with (
        runs.opened(config, writing=job.is_chief) as run,
        devices.memory_errors_in_words(),
        distributed.lost_workers_in_words(job),
    ):
        device = devices.set_up(config.seed)
        strategy = distributed.strategy_for(job, config.batch_size)
        shares = classes.shares if classes else ()
        trainer = Trainer(config, images.image_size, images.channels, strategy, shares)
        restore(trainer, run, images.fingerprint, job.is_chief)
        distributed.check_agreement(job, strategy, config, trainer.step)
        introduce(run, images, trainer, last, f"{device}{job.description}", job)
        with Monitor(run, config, trainer.step + 1, last, silent=not job.is_chief, watch=watch) as monitor:
            _Loop(config, run, images, classes, trainer, monitor, job, judge).go()
        if job.is_chief:
            finish(config, run, images, classes, trainer, monitor)
    return run


class _Loop:
    """Every step up to the last, or until somebody or the clock asks to stop, and what is done between two of them."""

    def __init__(
        self,
        config: TrainConfig,
        run: Run,
        images: data.ImageSet,
        classes: Classes | None,
        trainer: Trainer,
        monitor: Monitor,
        job: distributed.Job,
        judge: Judge | None,
    ):
        self.config, self.run, self.images = config, run, images
        self.trainer, self.monitor, self.job = trainer, monitor, job
        self.classes, self.judge = classes, judge
        self.sheet = sheet(classes)
        if job.is_chief:
            run.save_classes(classes)
        # One process decides alone; several would have to agree on what each sees of its own.
        guarded = config.guard == "on" and job.workers == 1 and monitor.first <= monitor.last
        self.scale = getattr(judge, "scale", "")
        best = run.best(self.scale).get("frechet_distance")
        memory = run.guard_notes().get(trainer.step)
        self.guard = Guard(_some(images.images, config.seed), memory, best) if guarded else None
        self.recovery = Recovery(run, trainer, images.fingerprint) if guarded else None

    def go(self) -> None:
        """The loop itself."""
        step, stop, feed = self.trainer.step, self.monitor.first > self.monitor.last, self._feed()
        while not stop:
            asked, at_once = distributed.agree(
                self.job,
                self.trainer.strategy,
                self.monitor.stop_asked or self.monitor.out_of_time,
                self.monitor.steps_at_once,
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

    def _pause(self, step: int, metrics: dict[str, tf.Tensor], stop: bool) -> Trouble | None:
        """Do what is due after a step: show, judge, draw, save; or say what is wrong, and do none of it."""
        config, chief, last = self.config, self.job.is_chief, step == self.monitor.last
        save_due, draw_due = stop or step % config.save_every == 0, stop or step % config.sample_every == 0
        # Not because somebody asks to stop: they may not wait so long.
        judge_due = self.judge is not None and chief and (last or step % config.evaluate_every == 0)
        look_due = self.guard is not None and any(health.look_due(step))
        if not (save_due or judge_due or look_due or step % config.log_every == 0):
            self.monitor.count(step)
            if draw_due and chief:
                self._draw()
            return None
        numbers = {name: float(metrics[name]) for name in METRICS}
        if broken := [name for name in METRICS if not math.isfinite(numbers[name])]:
            return Trouble(step, not_a_number([" and ".join(broken)]))
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

    def _look(self, step: int, numbers: dict[str, float], save_due: bool) -> Trouble | None:
        """Have the guard look, if it is time or a state is to be saved; what it has to go back for."""
        if self.guard is None:
            return None
        numbers_due, pictures_due = health.look_due(step)
        warning, what = self.guard.look_at_numbers(numbers) if numbers_due else (None, None)
        self._warn(step, warning)
        if (pictures_due or save_due) and not what:
            pictures = self.trainer.pictures(len(self.guard.real))
            found, what = self.guard.look_at_pictures(step, pictures, counts=pictures_due)
            numbers["diversity"] = round(found, 4)
        return Trouble(step, what) if what else None

    def _broken(self, step: int) -> Trouble | None:
        """What is wrong with the weights, if they are no numbers any more."""
        broken = broken_arrays(self.trainer.state())
        return Trouble(step, not_a_number(broken)) if broken else None

    def _judge(self, step: int) -> dict[str, float]:
        """Measure the pictures; keep the generator if it was never better."""
        with self.monitor.paused():
            generator = self.trainer.snapshot()
            figures = self.judge(generator, self.classes)
            distance = figures["frechet_distance"]
            if distance < self.run.best(self.scale).get("frechet_distance", math.inf):
                self.run.save_best(generator, step, figures, self.scale)
            if self.guard is not None:
                self._warn(step, self.guard.look_at_distance(distance))
        return figures

    def _draw(self) -> None:
        """Draw the sheet of samples."""
        self.monitor.show_samples(self.trainer.step, save_samples(self.trainer, self.run, self.sheet))

    def _save(self, step: int) -> Trouble | None:
        """Save the run; weights that are no numbers any more are trouble."""
        state = self.trainer.state()
        if self.recovery is not None and (broken := broken_arrays(state)):
            return Trouble(step, not_a_number(broken))
        save(self.trainer, self.run, self.images.fingerprint, state, self.guard.memory() if self.guard else None)
        if self.recovery is not None and self.guard.well:
            self.recovery.note(state)
        return None

    def _treat(self, trouble: Trouble) -> str:
        """Go back, or end with what was seen."""
        if self.recovery is None:
            raise stopped(self.run, trouble, 0)
        return self.recovery.go_back(trouble, self.guard)

    def _warn(self, step: int, warning: str | None) -> None:
        """Say something that training can go on with, and note it."""
        if warning is not None:
            self.monitor.say(f"step {step}: {warning}")
            self.run.note_health({"step": step, "what": warning})


def _some(images: np.ndarray, seed: int) -> np.ndarray:
    """Some images, chosen at random: a folder is sorted by class."""
    bits = np.random.Philox(key=derived_seed(seed, "guard"))
    chosen = np.random.Generator(bits).choice(len(images), min(PICTURES, len(images)), replace=False)
    return images[np.sort(chosen)]


def classes_for(config: TrainConfig, images: data.ImageSet) -> Classes | None:
    """The classes of a conditional training; None for one that is not."""
    names, labels = images.class_names, images.labels
    if config.conditional is None:
        every = labels is not None and len(np.unique(labels)) == len(names)
        return classes_of(labels, names) if every and 2 <= len(names) <= MOST_CLASSES else None
    if config.conditional and labels is None:
        raise UserError(f"--conditional needs labels, and {config.dataset} has none here.", WHERE_LABELS_ARE)
    return classes_of(labels, names) if config.conditional else None


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
