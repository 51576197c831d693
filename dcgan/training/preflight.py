"""What can be said about a training in a moment before it starts: classes, colors, and the disk.

`dcgan doctor` says more, and takes longer.
"""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dcgan.data import ImageDataset
from dcgan.data.image_dataset import evenly_spaced
from dcgan.runs import Run
from dcgan.training.trainer import Trainer

UNEVEN = 10
"""How many times as many images the largest class has as the smallest one before it is worth a line."""

FEW_COLOR_IMAGES = 1000
"""Number of color images below which the default augmentation may not keep the discriminator from winning."""

_PROBES = 32  # images that are looked at for color


def preflight(run: Run, dataset: ImageDataset, trainer: Trainer, is_conditional: bool) -> list[str]:
    """Return what matters before a training starts, one line each; nothing where all is well.

    Args:
        run: its directory, which exists.
        dataset: its images; a few of them are looked at.
        trainer: knows the size of a checkpoint.
        is_conditional: whether the networks are conditioned on the classes.
    """
    lines = [disk_warning(run.path, checkpoints_bytes(trainer))]
    lines.append(augmentation_note(len(dataset), dataset.channels, trainer.config.augmentations == ("translation",)))
    if is_conditional and dataset.labels is not None:
        counts = np.bincount(dataset.labels, minlength=len(dataset.class_names))
        lines.append(class_balance_warning(dataset.class_names, counts))
    probes = dataset.images[evenly_spaced(len(dataset), min(_PROBES, len(dataset)))]
    if dataset.channels == 3 and len(dataset) >= _PROBES and (probes[..., :1] == probes).all():
        lines.append(gray_note(f"{_PROBES} of {len(dataset)} images were looked at, and all"))
    return [line for line in lines if line]


def augmentation_note(count: int, channels: int, only_translation: bool) -> str:
    """Return a line if stronger augmentation than the default one may be needed; empty otherwise.

    Args:
        count: number of images.
        channels: of the images.
        only_translation: whether they are augmented by translation alone, as by default.
    """
    if not only_translation or channels == 1 or count >= FEW_COLOR_IMAGES:
        return ""
    return (
        f"{count} color images are few: if colors are garish and D(x) is near 1 even after a thousand steps, "
        "--augment color,translation,cutout may help."
    )


def checkpoints_bytes(trainer: Trainer) -> int:
    """Return the bytes that the checkpoints of a run take at most: those that are kept, and the one being written."""
    networks = trainer.generator, trainer.discriminator, trainer.ema_generator
    optimizers = trainer.generator_optimizer, trainer.discriminator_optimizer
    variables = [variable for owner in (*networks, *optimizers) for variable in owner.variables]
    size = sum(math.prod(variable.shape) * np.dtype(variable.dtype).itemsize for variable in variables)
    return size * (trainer.config.keep_checkpoints + 1)


def disk_warning(folder: Path, needed: int) -> str:
    """Return a line if a disk is too full for a run; empty otherwise.

    Args:
        folder: a folder on the disk.
        needed: bytes that the run will write.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError:  # a file system that does not tell
        return ""
    if free >= 2 * needed:
        return ""
    doubt = "is too full for this run" if free < needed else "will be nearly full after this run"
    return (
        f"The disk of {folder} {doubt}: {format_bytes(free)} are free, and it needs {format_bytes(needed)}. Free some "
        "space, choose another --run-dir, or use a lower --keep-checkpoints."
    )


def class_balance_warning(names: Sequence[str], counts: np.ndarray) -> str:
    """Return a line if the classes are very uneven; empty otherwise.

    Args:
        names: one per class.
        counts: integers (classes,), images per class.
    """
    if len(names) < 2:
        return ""
    least, most = int(np.argmin(counts)), int(np.argmax(counts))
    if counts[least] * UNEVEN > counts[most]:
        return ""
    return (
        f"The classes are very uneven: {names[most]} has {counts[most]} images, {names[least]} {counts[least]}. "
        "The small ones will be poor: add images to them, or leave them out; --no-conditional ignores classes."
    )


def gray_note(subject: str) -> str:
    """Return the line for gray images that are trained in color.

    Args:
        subject: which images.
    """
    return f"{subject} are gray, but trained with three channels. --channels 1 is faster and keeps them gray."


def format_bytes(size: float) -> str:
    """Return a number of bytes as text, for example `1.4 GiB`."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 99.5 else f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} GiB"
