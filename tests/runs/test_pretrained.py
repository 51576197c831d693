"""The pretrained generator: it loads, it is small, and it is as good as its model card says."""

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from dcgan import latents, load
from dcgan.config import DataConfig, EvaluateConfig, GenerateConfig
from dcgan.core.image_range import to_float
from dcgan.evaluation import evaluate
from dcgan.runs import Run
from dcgan.runs.loading import load_discriminator
from dcgan.sampling import generate
from dcgan.visualization import read_png

MNIST = Run(Path(__file__).parents[2] / "checkpoints" / "mnist")
MAX_BYTES, MAX_DISCRIMINATOR_BYTES = 3_000_000, 4_000_000
"""Of everything that generating needs or that describes it, and of the discriminator beside it."""


def test_it_is_small_with_all_its_files():
    sizes = {file.name: file.stat().st_size for file in MNIST.path.iterdir() if file.is_file()}
    assert sizes.pop(MNIST.discriminator_file.name) < MAX_DISCRIMINATOR_BYTES
    assert sum(sizes.values()) < MAX_BYTES


def test_it_generates_one_row_per_digit_without_any_training(tmp_path):
    out = generate(GenerateConfig(run_dir=MNIST.path, out=tmp_path / "digits.png"))
    assert read_png(out).shape[0] > read_png(out).shape[1]  # ten rows of eight
    assert MNIST.classes().names == tuple("0123456789")
    assert MNIST.is_pretrained()


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


def test_its_model_card_agrees_with_its_report():
    metrics = json.loads((MNIST.path / "evaluation.json").read_text())["metrics"]
    card = MNIST.model_card_file.read_text(encoding="utf-8")
    for name in ("frechet_distance", "one_nn_error", "precision", "recall"):
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
