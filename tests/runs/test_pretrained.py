"""The generator that comes with the program: it loads, it is small, and it is as good as its card says."""

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
MOST_BYTES, MOST_BYTES_BESIDE = 3_000_000, 4_000_000
"""Of all that drawing needs or says, and of the discriminator beside it."""


def test_it_is_small_with_everything_that_belongs_to_it():
    sizes = {file.name: file.stat().st_size for file in MNIST.path.iterdir() if file.is_file()}
    assert sizes.pop(MNIST.discriminator_file.name) < MOST_BYTES_BESIDE
    assert sum(sizes.values()) < MOST_BYTES


def test_it_draws_a_row_of_each_digit_without_any_training(tmp_path):
    out = generate(GenerateConfig(run_dir=MNIST.path, out=tmp_path / "digits.png"))
    assert read_png(out).shape[0] > read_png(out).shape[1]  # ten rows of eight
    assert MNIST.classes().names == tuple("0123456789")
    assert MNIST.is_pretrained()


def test_the_discriminator_beside_it_tells_drawn_digits_from_real_ones():
    discriminator, generator = load_discriminator(MNIST, (28, 28), 1), MNIST.load_generator()
    digits = load(DataConfig())
    kinds = keras.ops.convert_to_tensor(np.eye(10, dtype=np.float32)[digits.labels[:256]])
    drawn = generator([keras.ops.convert_to_tensor(latents(range(256), 64)), kinds], training=False)
    real, made = (
        np.median(discriminator([images, kinds], training=True)) for images in (to_float(digits.images[:256]), drawn)
    )
    assert real > made


def test_its_card_tells_what_the_report_beside_it_says():
    figures = json.loads((MNIST.path / "evaluation.json").read_text())["figures"]
    card = MNIST.model_card_file.read_text(encoding="utf-8")
    for name in ("frechet_distance", "one_nn_error", "precision", "recall"):
        row = re.search(rf"^\| {name} \| ([\d.]+) \| ([\d.]+) \|", card, re.MULTILINE)
        assert float(row[1]) == pytest.approx(figures[name]["drawn"], rel=0.01)
        assert float(row[2]) == pytest.approx(figures[name]["real"], rel=0.01)


@pytest.mark.slow
def test_its_digits_are_as_near_to_real_ones_as_its_card_says(tmp_path):
    """Against the embedded digits, with a classifier trained here: features differ a little from machine to machine."""
    card = MNIST.model_card_file.read_text(encoding="utf-8")
    told = re.search(r"embedded digits: ([\d.]+) for 5,000 pictures; 1-NN error ([\d.]+)", card)
    options = {"run_dir": MNIST.path, "dataset": "mnist10k", "metrics": "frechet,neighbours", "json": tmp_path / "f"}
    figures = evaluate(EvaluateConfig(**options))["figures"]
    assert figures["frechet_distance"]["drawn"] == pytest.approx(float(told[1]), rel=0.3)
    assert figures["one_nn_error"]["drawn"] == pytest.approx(float(told[2]), rel=0.2)
