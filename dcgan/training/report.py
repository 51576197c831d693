"""What training prints and writes before its first and after its last step."""

import shutil
import sys
from pathlib import Path

import keras
import numpy as np

from dcgan.config import ResolvedTrainConfig
from dcgan.core.classes import Classes
from dcgan.core.devices import explain_missing_gpu
from dcgan.core.paths import typed_path
from dcgan.core.wording import counted
from dcgan.data import ImageDataset
from dcgan.data.image_dataset import evenly_spaced
from dcgan.runs import Run
from dcgan.sampling.generate import animate
from dcgan.sampling.generation import generate_images
from dcgan.sampling.selection import Selection, default_selection
from dcgan.training import tensorboard
from dcgan.training.checkpointing import save_real_grid
from dcgan.training.conditioning import describe_unused_classes
from dcgan.training.distributed import Job
from dcgan.training.preflight import preflight
from dcgan.training.progress import Progress, optional_image
from dcgan.training.trainer import Trainer
from dcgan.visualization import save_curves, save_png, tile
from dcgan.visualization.grid import side_by_side

FEW_IMAGES = 100
"""Number of images below which a generator has little to learn but copies of them."""

REAL_VS_GENERATED = "real-vs-generated.png"


def print_introduction(run: Run, dataset: ImageDataset, trainer: Trainer, last: int, device: str, job: Job) -> None:
    """Print what is about to happen, and write a grid of real images for a new run.

    Args:
        run: the run.
        dataset: what it is trained on.
        trainer: in the state that training starts from.
        last: number of the last step.
        device: the devices, in one line.
        job: this process and its workers; the chief prints and writes for all.
    """
    if not job.is_chief:
        print(f"{job.description.lstrip(', ')}; worker 0 reports progress")
        return
    if trainer.step == 0 or not run.real_grid_file.exists():
        with optional_image(print):
            save_real_grid(run, dataset.images)
    if unused := describe_unused_classes(trainer.config, dataset):
        print(unused)
    height, width = dataset.image_size
    print(f"{dataset.name}: {counted(len(dataset), 'image')} of {height}x{width}x{dataset.channels} on {device}")
    if (classes := run.classes()) is not None:
        clusters = counted(len(classes.input_probabilities), "cluster") if classes.clusters else ""
        parts = [counted(len(classes), "class") if classes.labeled else "", clusters]
        print(f"Conditioned on {' in '.join(filter(None, reversed(parts)))}")
    if trainer.config.device == "auto" and (reason := explain_missing_gpu()):
        print(reason)
    if trainer.step >= last:
        print(f"{run.path} already has {counted(trainer.step, 'step')}; a larger --steps or --epochs continues it.")
    elif trainer.step:
        print(f"{run.path}: resuming after step {trainer.step}, up to step {last}{_time_limit(trainer.config)}")
    else:
        print(
            f"{run.path}: new run of {counted(last, 'step')}{_time_limit(trainer.config)}; the first step takes longer"
        )
    if trainer.step < last and len(dataset) < FEW_IMAGES:
        images = (
            "1 image: expect copies of it" if len(dataset) == 1 else f"{len(dataset)} images: expect copies of them"
        )
        print(f"Only {images}{'' if trainer.config.augmentations else '; see --augment'}.")
    if trainer.step < last and (names := trainer.config.augmentations):
        adaptive = ", with a probability that adapts" if trainer.config.adaptive_augment else ""
        print(f"Augmentation of what the discriminator sees: {', '.join(names)}{adaptive}; --augment none turns it off")
    if trainer.step < last:
        for line in preflight(run, dataset, trainer, classes is not None and classes.labeled):
            print(line)
    if trainer.config.tensorboard and trainer.step < last:
        print(f"TensorBoard: {_tensorboard_command()} --logdir {typed_path(run.path.parent)}")


def _time_limit(config: ResolvedTrainConfig) -> str:
    """Return what `--minutes` adds to a number of steps; empty without it."""
    return "" if config.minutes is None else f" or {config.minutes:g} minute{'s' * (config.minutes != 1)}"


def print_evaluation(evaluator: object | None, is_training: bool) -> None:
    """Print what the evaluations during training compare, if there are any and the evaluator describes it.

    Args:
        evaluator: what measures the generated images; None without evaluations.
        is_training: whether there are steps left to train.
    """
    if is_training and (description := getattr(evaluator, "description", "")):
        print(description)


def write_report(
    config: ResolvedTrainConfig,
    run: Run,
    dataset: ImageDataset,
    classes: Classes | None,
    trainer: Trainer,
    progress: Progress,
    *,
    finished: bool,
) -> None:
    """Write the discriminator, curves, real and generated images and the animation; print what to do next.

    Args:
        config: options of the run.
        run: where to write.
        dataset: what the run was trained on.
        classes: of a conditional run.
        trainer: after the last step.
        progress: which steps were done, and what they were logged to.
        finished: whether the last step was evaluated, if it is to be.
    """
    if run.checkpoints.exist():
        discriminator = trainer.inference_discriminator()
        run.save_discriminator(discriminator)
        if progress.tensorboard and finished and progress.first <= progress.last == trainer.step:
            points = [
                tensorboard.real_points(dataset),
                tensorboard.generated_points(trainer.sampling_generator(), classes),
            ]
            progress.tensorboard.embedding(lambda folder: tensorboard.write_embedding(folder, discriminator, points))
    with optional_image(print):
        if records := run.log_records():
            save_curves(run.path / "curves.png", records)
    with optional_image(print):
        path = save_real_vs_generated(run, trainer.sampling_generator(), dataset, classes)
        print(f"Real and generated images: {path}")
    if config.animate:
        print(f"Animation: {animate(run, run.path / 'history.gif')}")
    if trainer.step < progress.last or not finished:
        print(f"Stopped and saved after step {trainer.step} of {progress.last}. The same command resumes from here.")
        return
    latest = run.sample_file(trainer.step)
    print(f"{run.path} has {counted(trainer.step, 'step')}.{f' Latest samples: {latest}' if latest.exists() else ''}")
    print(f"Generate new images: python -m dcgan generate --run-dir {typed_path(run.path)}")


def save_real_vs_generated(run: Run, generator: keras.Model, dataset: ImageDataset, classes: Classes | None) -> Path:
    """Write the images that `python generate.py` generates by default beside as many real images.

    Args:
        run: the image goes into its directory and replaces an older one.
        generator: as for `dcgan.sampling.generation.generate_batches`.
        dataset: what the generator was trained on.
        classes: of a conditional run; both sides then have one row per class.

    Returns:
        The file.

    Raises:
        UserError: the file can't be written.
    """
    selection = default_selection(classes)
    generated = generate_images(generator, selection.rows(generator.inputs[0].shape[-1]))
    real = dataset.images[matching_indices(dataset.labels, len(dataset), selection)]
    grids = {title: tile(side, selection.columns) for title, side in {"real": real, "generated": generated}.items()}
    notes = {"Software": "dcgan", "Run": run.path.resolve().name, "Seeds": str(selection.seeds)}
    save_png(run.path / REAL_VS_GENERATED, side_by_side(grids), notes)
    return run.path / REAL_VS_GENERATED


def matching_indices(labels: np.ndarray | None, count: int, selection: Selection) -> np.ndarray:
    """Return which of `count` images are shown beside generated ones: evenly spaced, overall or within each class.

    Args:
        labels: integer labels (count,) of the images; None if there are none.
        count: number of images.
        selection: which images are generated.

    Returns:
        int64 (len(selection),), in the order of the selection; where there are fewer images, some occur twice.
    """
    if labels is None or selection.labels is None:
        return evenly_spaced(count, len(selection))
    members = (np.flatnonzero(labels == label) for label in selection.labels)
    return np.concatenate([each[evenly_spaced(len(each), len(selection.seeds))] for each in members])


def _tensorboard_command() -> str:
    """Return the command for this Python's TensorBoard: its name if the shell finds it by that, otherwise its path."""
    own, found = shutil.which("tensorboard", path=Path(sys.executable).parent), shutil.which("tensorboard")
    if own is None:
        return f"{typed_path(sys.executable)} -m tensorboard.main"
    if found is not None and Path(found).samefile(own):
        return "tensorboard"
    here = Path.cwd()
    return typed_path(Path(own).relative_to(here) if Path(own).is_relative_to(here) else own)
