"""A training of seconds that has every part, for trying again and again what can happen to it."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from dcgan.config.parser import to_yaml
from tests.support.tiny_runs import make_images, tiny_config

STEPS = 7
TIMES = "images_per_second", "seconds", "checksum"
LEFT_OUT = "curves.png", "config.yaml", "log.jsonl", "manifest.json"
"""Files that hold times or paths; the log is compared without its times."""


def prepare(folder: Path, images: int = 12, **options) -> Path:
    """Import what the trainings need once, since they run in forks of this process, and write their images and config.

    Args:
        folder: gets the images in `template/`, and the config.
        images: number of images.
        options: of the training.

    Returns:
        The template of the folder that a training starts in.
    """
    from dcgan.core.imports import import_tensorflow

    import_tensorflow()
    import dcgan.cli.main
    import dcgan.training.loop  # noqa: F401

    template = folder / "template"
    template.mkdir()
    os.chdir(template)
    tiny = tiny_config(Path(), data_dir=make_images(Path("images"), images))
    config = replace(tiny, steps=STEPS, evaluate_every=2, keep_checkpoints=1, **options)
    for index, image in enumerate(sorted((template / "images").iterdir())):  # two classes
        (template / "images" / "ab"[index % 2]).mkdir(exist_ok=True)
        image.rename(template / "images" / "ab"[index % 2] / image.name)
    (folder / "config.yaml").write_text(to_yaml(config))
    return template


def fresh(template: Path, work: Path) -> None:
    """Make the folder that a training starts in."""
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(template, work)


def train(*arguments: str) -> int:
    """Run `python train.py` in the working directory, with a generator that collapses once; return its exit code.

    Its steps are sums that take no time: what is tested is what a training writes, not what it computes.

    Args:
        arguments: options beside those of the config.
    """
    import numpy as np
    import tensorflow as tf

    from dcgan.cli.main import run_command
    from dcgan.training import bn_recalibration, health, loop, schedule
    from dcgan.training.trainer import Trainer

    def train_steps(trainer: Trainer, batches: object, count: int) -> dict[str, tf.Tensor]:
        for _ in range(int(count)):
            trainer.steps_done.assign_add(1)
            change = float(trainer.generator_optimizer.learning_rate) * trainer.step
            for network in (trainer.generator, trainer.discriminator, trainer.ema_generator):
                for variable in network.trainable_variables:
                    variable.assign_add(tf.fill(variable.shape, change))
        return dict.fromkeys(("d_loss", "g_loss", "d_real", "d_fake"), tf.constant(0.5))

    def sample_raw(trainer: Trainer, count: int) -> np.ndarray:
        rolled_back = float(trainer.generator_optimizer.learning_rate) < 0.9 * trainer.config.generator_lr
        return np.full((count, 1), trainer.step < 4 or rolled_back)

    Trainer.train_steps, Trainer.sample_raw = train_steps, sample_raw
    bn_recalibration.BatchNormRecalibration.__call__ = lambda self: None
    health.diversity = lambda images, real: float(images.mean())
    schedule.LOSS_CHECK_INTERVAL = schedule.DIVERSITY_CHECK_INTERVAL = 1
    loop.Evaluator = lambda config: (
        lambda generator, classes: {"frechet_distance": float(np.abs(generator.weights[0]).mean())}
    )
    return run_command("train", ["--config", "../config.yaml", *arguments], "train.py")


def collect(work: Path) -> dict[str, Any]:
    """Return what two equal trainings have in common: their files without times and paths in them."""
    found: dict[str, Any] = {}
    for file in work.rglob("*"):
        if file.is_file() and file.name not in LEFT_OUT and not file.name.endswith(".lock"):
            found[str(file.relative_to(work))] = file.read_bytes()
    records = [json.loads(line) for line in (work / "run" / "log.jsonl").read_text().splitlines()]
    found["log.jsonl"] = [{name: value for name, value in record.items() if name not in TIMES} for record in records]
    return found
