"""The main job, from a config to a finished run."""

import math

import tensorflow as tf

from dcgan import data, devices, runs
from dcgan.config import TrainConfig
from dcgan.errors import UserError
from dcgan.pictures import save_curves
from dcgan.runs import Run
from dcgan.sampling.generate import animate
from dcgan.training import cluster
from dcgan.training.monitor import Monitor
from dcgan.training.saving import restore, save, save_samples, show_real_images
from dcgan.training.trainer import Trainer


def train(config: TrainConfig) -> Run:
    """Train until the run holds `config.steps` steps; going on is the same call.

    Args:
        config: every option; see `TrainConfig`.

    Returns:
        The run directory, with at least one saved state in it.

    Raises:
        UserError: the data, the run directory or an option is not what it has to be; nothing is lost.
    """
    job = cluster.job(config)
    images = data.load(config)
    last = _last_step(config, len(images.images))
    with (
        runs.opened(config, writing=job.is_chief) as run,
        devices.memory_errors_in_words(),
        cluster.lost_workers_in_words(job),
    ):
        device = devices.set_up(config.seed)
        strategy = cluster.strategy_for(job, config.batch_size)
        trainer = Trainer(config, images.image_size, images.channels, strategy)
        restore(trainer, run, images.fingerprint, job.is_chief)
        cluster.check_agreement(job, strategy, config, trainer.step)
        _introduce(run, images, trainer, last, f"{device}{job.description}", job)
        with Monitor(run, config, trainer.step + 1, last, silent=not job.is_chief) as monitor:
            _run_steps(config, run, images, trainer, monitor, job)
        if job.is_chief:
            _finish(config, run, trainer, monitor)
    return run


def _run_steps(config: TrainConfig, run: Run, images: data.ImageSet, trainer: Trainer, monitor: Monitor, job) -> None:
    """The loop itself: every step up to the last, or until somebody or the clock asks to stop."""
    feed, step, stop = trainer.feed(images.images, monitor.last), trainer.step, monitor.first > monitor.last
    while not stop:
        asked, at_once = cluster.agree(
            job, trainer.strategy, monitor.stop_asked or monitor.out_of_time, monitor.steps_at_once
        )
        count = 1 if asked else min(at_once, _next_pause(config, step, monitor.last) - step)
        metrics = trainer.update(feed, tf.constant(count))
        step += count
        stop = asked or step == monitor.last
        save_due = stop or step % config.save_every == 0
        monitor.show(step, metrics, due=save_due or step % config.log_every == 0)
        if job.is_chief and (stop or step % config.sample_every == 0):
            monitor.show_samples(step, save_samples(trainer, run, step))
        if job.is_chief and save_due:
            save(trainer, run, images.fingerprint)


def _next_pause(config: TrainConfig, step: int, last: int) -> int:
    """The next step after `step` at which there is something to show, draw or save."""
    every = (config.log_every, config.sample_every, config.save_every)
    return min(last, *(step + interval - step % interval for interval in every))


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


def _introduce(run: Run, images: data.ImageSet, trainer: Trainer, last: int, device: str, job: cluster.Job) -> None:
    """Say what is about to happen, and draw what the network will see."""
    if not job.is_chief:
        print(f"{job.description.lstrip(', ')}; what happens is shown by worker 0")
        return
    height, width = images.image_size
    print(f"{images.name}: {len(images.images)} images of {height}x{width}x{images.channels} on {device}")
    if trainer.step >= last:
        print(f"{run.path} already holds {trainer.step} steps; a larger --steps or --epochs goes on.")
    elif trainer.step:
        print(f"{run.path}: going on after step {trainer.step}, to step {last}")
    else:
        show_real_images(run, images.images)
        print(f"{run.path}: a new run of {last} steps; the first one takes longer")


def _finish(config: TrainConfig, run: Run, trainer: Trainer, monitor: Monitor) -> None:
    """Leave the curves and the animation, and say what to do next."""
    if records := run.records():
        save_curves(run.path / "curves.png", records)
    if config.animate:
        print(f"History: {animate(run, run.path / 'history.gif')}")
    if trainer.step < monitor.last:
        print(f"Stopped and saved after step {trainer.step} of {monitor.last}. The same line goes on from here.")
        return
    print(f"{run.path} holds {trainer.step} steps. Last grid: {run.sample_file(trainer.step)}")
    print(f"Draw new pictures: python generate.py --run-dir {run.path}")
