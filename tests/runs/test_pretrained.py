"""The pretrained generators: they load, they are small, and they are as good as their model cards say."""

import json
import re

import keras
import numpy as np
import pytest

from dcgan import latents, load
from dcgan.config import DataConfig, EvaluateConfig, GenerateConfig
from dcgan.core.image_range import to_float
from dcgan.evaluation import evaluate
from dcgan.runs import Run
from dcgan.runs.finding import GALLERY
from dcgan.runs.loading import load_discriminator
from dcgan.sampling import generate
from dcgan.visualization import read_png

MNIST = Run(GALLERY["mnist"])
MAX_BYTES, MAX_DISCRIMINATOR_BYTES = 3_000_000, 4_000_000
"""Of everything that generating needs or that describes it, and of a discriminator beside it."""

each_run = pytest.mark.parametrize("run", [Run(path) for path in GALLERY.values()], ids=list(GALLERY))


@each_run
def test_it_is_small_with_all_its_files(run):
    sizes = {file.name: file.stat().st_size for file in run.path.iterdir() if file.is_file()}
    assert sizes.pop(run.discriminator_file.name, 0) < MAX_DISCRIMINATOR_BYTES
    assert sum(sizes.values()) < MAX_BYTES


@each_run
def test_it_generates_without_any_training(run, tmp_path):
    assert run.is_pretrained()
    image = read_png(generate(GenerateConfig(run_dir=run.path, seeds="0-7", out=tmp_path / "images.png")))
    assert image.std() > 20  # out of 255: not one color


def test_a_grid_of_digits_has_one_row_per_class(tmp_path):
    out = generate(GenerateConfig(run_dir=MNIST.path, out=tmp_path / "digits.png"))
    assert read_png(out).shape[0] > read_png(out).shape[1]  # ten rows of eight
    assert MNIST.classes().names == tuple("0123456789")


def test_its_discriminator_separates_generated_from_real_digits():
    discriminator, generator = load_discriminator(MNIST, (28, 28), 1), MNIST.load_generator()
    digits = load(DataConfig())
    one_hot = keras.ops.convert_to_tensor(np.eye(10, dtype=np.float32)[digits.labels[:256]])
    generated = generator([keras.ops.convert_to_tensor(latents(range(256), 64)), one_hot], training=False)
    real_logit, fake_logit = (
        np.median(discriminator([images, one_hot], training=True))
        for images in (to_float(digits.images[:256]), generated)
    )
    assert real_logit > fake_logit


@each_run
def test_its_model_card_agrees_with_its_report(run):
    metrics = json.loads((run.path / "evaluation.json").read_text())["metrics"]
    card = run.model_card_file.read_text(encoding="utf-8")
    for name in {"frechet_distance", "one_nn_error", "precision", "recall"} & metrics.keys():
        row = re.search(rf"^\| {name} \| ([\d.]+) \| ([\d.]+) \|", card, re.MULTILINE)
        assert float(row[1]) == pytest.approx(metrics[name]["generated"], rel=0.01)
        assert float(row[2]) == pytest.approx(metrics[name]["real"], rel=0.01)


@pytest.mark.slow
def test_its_digits_are_as_close_to_real_digits_as_its_model_card_says(tmp_path):
    """Against the embedded digits, with a classifier trained here: features vary slightly from machine to machine."""
    card = MNIST.model_card_file.read_text(encoding="utf-8")
    stated = re.search(r"embedded digits: ([\d.]+) for 2,000 images; 1-NN error ([\d.]+)", card)
    config = EvaluateConfig(
        run_dir=MNIST.path, dataset="mnist10k", metrics="frechet,nearest_neighbors", json=tmp_path / "f"
    )
    metrics = evaluate(config)["metrics"]
    assert metrics["frechet_distance"]["generated"] == pytest.approx(float(stated[1]), rel=0.3)
    assert metrics["one_nn_error"]["generated"] == pytest.approx(float(stated[2]), rel=0.2)
