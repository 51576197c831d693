"""What a training says and leaves before its first and after its last step."""

import shlex
import shutil
import sys
from pathlib import Path

import keras
import numpy as np

from dcgan import data
from dcgan.config import TrainConfig
from dcgan.core.classes import Classes
from dcgan.data import ImageDataset
from dcgan.data.image_dataset import evenly_spaced
from dcgan.runs import Run
from dcgan.runs.loading import load_discriminator
from dcgan.sampling.generation import generate_images
from dcgan.sampling.selection import Selection, default_selection
from dcgan.sampling.training_animation import animate
from dcgan.training import distributed, tensorboard
from dcgan.training.checkpointing import save_real_grid
from dcgan.training.progress import Progress
from dcgan.training.trainer import Trainer
from dcgan.visualization import save_curves, save_png, tile
from dcgan.visualization.grid import side_by_side

FEW = 100
"""Pictures below which a generator has hardly anything to learn but these."""


def print_introduction(
    run: Run, images: data.ImageDataset, trainer: Trainer, last: int, device: str, job: distributed.Job
) -> None:
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
        save_real_grid(run, images.images)
        print(f"{run.path}: a new run of {last} steps; the first one takes longer")
    if trainer.step < last and len(images) < FEW:
        few = "1 picture: expect copies of it" if len(images) == 1 else f"{len(images)} pictures: expect copies of them"
        print(f"Only {few}{'' if trainer.config.augmentations else '; see --augment'}.")
    if trainer.config.tensorboard and trainer.step < last:
        print(f"Watch it in a browser: {_tensorboard()} --logdir {shlex.quote(str(run.path.parent))}")


def _tensorboard() -> str:
    """What to type for this Python's TensorBoard: its name, if the shell finds it by that, or its place."""
    own, found = shutil.which("tensorboard", path=Path(sys.executable).parent), shutil.which("tensorboard")
    if own is None:
        return f"{shlex.quote(sys.executable)} -m tensorboard.main"
    if found is not None and Path(found).samefile(own):
        return "tensorboard"
    here = Path.cwd()
    return shlex.quote(str(Path(own).relative_to(here) if Path(own).is_relative_to(here) else own))


def write_report(
    config: TrainConfig,
    run: Run,
    images: data.ImageDataset,
    classes: Classes | None,
    trainer: Trainer,
    monitor: Progress,
) -> None:
    """Leave the discriminator, curves, pictures beside real ones and the animation, and say what to do next."""
    if run.checkpoints.exist():
        *size, channels = trainer.discriminator.inputs[0].shape[1:]
        discriminator = load_discriminator(run, tuple(size), channels)  # no part of a strategy, as the trainer's is
        run.save_discriminator(discriminator)
        if monitor.board and monitor.first <= monitor.last == trainer.step:
            monitor.board.embedding(
                lambda folder: tensorboard.write_embedding(
                    folder,
                    discriminator,
                    [tensorboard.real_points(images), tensorboard.generated_points(trainer.snapshot(), classes)],
                )
            )
    if records := run.log_records():
        save_curves(run.path / "curves.png", records)
    print(f"Real images beside drawn ones: {save_real_vs_generated(run, trainer.snapshot(), images, classes)}")
    if config.animate:
        print(f"History: {animate(run, run.path / 'history.gif')}")
    if trainer.step < monitor.last:
        print(f"Stopped and saved after step {trainer.step} of {monitor.last}. The same line goes on from here.")
        return
    print(f"{run.path} holds {trainer.step} steps. Last grid: {run.sample_file(trainer.step)}")
    print(f"Draw new pictures: python generate.py --run-dir {run.path}")


NAME = "real-vs-generated.png"


def save_real_vs_generated(run: Run, generator: keras.Model, images: ImageDataset, classes: Classes | None) -> Path:
    """Draw what `python generate.py` draws when nothing else is asked for, beside as many real images.

    Args:
        run: into whose directory the sheet goes, replacing an older one.
        generator: as for `dcgan.sampling.generation.generate_batches`.
        images: what it learnt from.
        classes: of a conditional training; then both sides show a row a class.

    Returns:
        The file.

    Raises:
        UserError: it can't be written.
    """
    asked = default_selection(classes)
    drawn = generate_images(generator, asked.rows(generator.inputs[0].shape[-1]))
    sides = {"real": images.images[matching_indices(images.labels, len(images), asked)], "drawn": drawn}
    notes = {"Software": "dcgan", "Run": run.path.resolve().name, "Seeds": str(asked.seeds)}
    picture = side_by_side({title: tile(side, asked.columns) for title, side in sides.items()})
    save_png(run.path / NAME, picture, notes)
    return run.path / NAME


def matching_indices(labels: np.ndarray | None, count: int, asked: Selection) -> np.ndarray:
    """Which of `count` images stand beside drawn ones: evenly from all of them, or from those of each class.

    Returns:
        int64 (len(asked),), in the order of what is drawn; where there are fewer, some come twice.
    """
    if asked.classes is None:
        return evenly_spaced(count, len(asked))
    members = (np.flatnonzero(labels == label) for label in asked.labels)
    return np.concatenate([each[evenly_spaced(len(each), len(asked.seeds))] for each in members])
