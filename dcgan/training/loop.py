"""The main job, from a config to a finished run."""

import math

from dcgan import data, devices, runs
from dcgan.config import TrainConfig
from dcgan.data.batches import batches
from dcgan.errors import UserError
from dcgan.pictures import save_curves
from dcgan.runs import Run
from dcgan.sampling.generate import animate
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
    images = data.load(config)
    last = _last_step(config, len(images.images))
    with runs.opened(config) as run, devices.memory_errors_in_words():
        device = devices.set_up(config.seed)
        trainer = Trainer(config, images.image_size, images.channels)
        restore(trainer, run, images.fingerprint)
        _introduce(run, images, trainer, last, device)
        with Monitor(run, config, trainer.step + 1, last) as monitor:
            _run_steps(config, run, images, trainer, monitor)
        _finish(config, run, trainer, monitor)
    return run


def _run_steps(config: TrainConfig, run: Run, images: data.ImageSet, trainer: Trainer, monitor: Monitor) -> None:
    """The loop itself: every step up to the last, or until somebody or the clock asks to stop."""
    steps = range(monitor.first, monitor.last + 1)
    for step, batch in zip(steps, batches(images.images, config.batch_size, config.seed, steps), strict=True):
        metrics = trainer.update(batch)
        stop = monitor.stop_asked or monitor.out_of_time or step == monitor.last
        save_due = stop or step % config.save_every == 0
        monitor.show(step, metrics, due=save_due or step % config.log_every == 0)
        if stop or step % config.sample_every == 0:
            monitor.show_samples(step, save_samples(trainer, run, step))
        if save_due:
            save(trainer, run, images.fingerprint)
        if stop:
            break


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


def _introduce(run: Run, images: data.ImageSet, trainer: Trainer, last: int, device: str) -> None:
    """Say what is about to happen, and draw what the network will see."""
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
