"""The explain command: what its figure shows, where it is written, and what is refused."""

import importlib
from pathlib import Path
from typing import get_args, get_type_hints

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan import train
from dcgan.cli import main
from dcgan.config import ExplainConfig, TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.interpretation import explain
from dcgan.interpretation.deconvnet import RULES
from dcgan.interpretation.explain import parse_maps
from dcgan.networks import build_discriminator, build_generator
from dcgan.runs import Run
from dcgan.visualization import magnify, read_png, read_png_text, save_png
from dcgan.visualization.figures import normalize_projections

MARGIN, LABEL, PADDING = 8, 14, 2
"""Pixels around a panel, of a panel's title, and around a tile."""


def noise_images(count=30, side=16, channels=3):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, channels), np.uint8)


def folder_options(images):
    """Write the images to a folder, in two classes of equal size, and return the data options."""
    for number, image in enumerate(images):
        save_png(Path("images") / "ab"[number % 2] / f"{number:03d}.png", image)
    options = {"dataset": "folder", "data_dir": Path("images"), "cache_dir": Path("cache")}
    return {**options, "image_size": 16, "channels": images.shape[-1]}


def in_folder_order(images):
    """The images as a folder is read: class by class."""
    return np.concatenate([images[::2], images[1::2]])


def checkpoint_arrays(discriminator):
    return {f"discriminator/{v.path.removeprefix('discriminator/')}": np.asarray(v) for v in discriminator.variables}


def new_run(images, name="tiny", classes=0, **options):
    """Write a run of untrained networks; return it and its discriminator."""
    run = Run(Path("checkpoints") / name)
    run.save_generator(build_generator((16, 16), images.shape[-1], width=2, latent_dim=3, classes=classes))
    sizes = {"kernel": 4, "discriminator_width": 3, "discriminator_hidden": 0, "conditional": bool(classes)}
    config = TrainConfig(**sizes, **folder_options(images), **options)
    run.config_file.write_text(to_yaml(config))
    if classes:
        run.save_classes(Classes(tuple("ab"), (0.5, 0.5)))
    sizes = {"downsampling": config.resolve().downsampling, "classes": classes}
    discriminator = build_discriminator((16, 16), images.shape[-1], width=3, seed=7, **sizes)
    run.checkpoints.save(1, checkpoint_arrays(discriminator), keep=1)
    return run, discriminator


def activations(model, name, images):
    return keras.Model(model.inputs[0], model.get_layer(name).output)(to_float(images), training=False).numpy()


def panel_image(path, column):
    """From a figure of one panel with one image of 16×16, magnified 3 times: the image (column 0) or its projection."""
    side = 3 * 16
    top, left = MARGIN + LABEL + PADDING, MARGIN + PADDING + column * (side + 2 * PADDING)
    return read_png(path)[top : top + side, left : left + side]


@pytest.mark.parametrize(("classes", "downsampling"), [(0, "strided"), (2, "maxpool")])
def test_the_figure_shows_the_image_with_the_largest_activation_and_its_gradient(classes, downsampling, capsys):
    images = noise_images()
    run, model = new_run(images, classes=classes, downsampling=downsampling)
    out = explain(ExplainConfig(maps="2-2", images=1, whole=True, rule="gradient"))
    assert out == run.path / "explained" / "leaky_1-gradient.png"
    assert capsys.readouterr().out == f"Map 2 of leaky_1, 1 image each and their gradient projections: {out}\n"
    images = in_folder_order(images)
    feature_map = activations(model, "leaky_1", images)[..., 2]
    best = images[feature_map.max(axis=(1, 2)).argmax()][None]
    np.testing.assert_array_equal(panel_image(out, 0), magnify(best[0], 40))
    to_map = keras.Model(model.inputs[0], model.get_layer("leaky_1").output)
    with tf.GradientTape() as tape:
        x = tf.constant(to_float(best))
        tape.watch(x)
        largest = tf.reduce_max(to_map(x, training=False)[..., 2])
    expected = magnify(normalize_projections(tape.gradient(largest, x).numpy())[0], 40).astype(int)
    assert np.abs(panel_image(out, 1) - expected).max() <= 1


def test_images_are_cropped_to_the_receptive_field_by_default():
    new_run(noise_images())
    out = explain(ExplainConfig(layer="0", maps="1", images=1))
    assert read_png(out).shape == (LABEL + 40 + 4 + 16, 2 * (40 + 4) + 16, 3)  # a 4×4 kernel, magnified 10 times
    out = explain(ExplainConfig(layer="1", maps="1", images=1))
    assert read_png(out).shape == (LABEL + 40 + 4 + 16, 2 * (40 + 4) + 16, 3)  # 10×10 pixels, magnified 4 times


def test_random_weights_are_shown_beside_the_trained_ones_and_depend_on_the_seed():
    new_run(noise_images(8))
    alone, beside, again, other = (
        read_png(explain(ExplainConfig(maps="1", images=1, out=Path(f"{number}.png"), **options)))
        for number, options in enumerate([{}, *({"random_weights": True, "seed": seed} for seed in (0, 0, 1))])
    )
    np.testing.assert_array_equal(beside, again)
    middle, below = alone.shape[1] - MARGIN, MARGIN + LABEL
    np.testing.assert_array_equal(beside[:, :middle], alone[:, :middle])
    np.testing.assert_array_equal(other[:, :middle], alone[:, :middle])
    random = beside[below:, middle + MARGIN :]
    assert (random != other[below:, middle + MARGIN :]).mean() > 0.1
    assert (random != alone[below:, MARGIN:]).mean() > 0.1


def test_the_png_file_records_what_it_shows():
    new_run(noise_images())
    text = read_png_text(explain(ExplainConfig(maps="3,1", images=1, random_weights=True)))
    expected = {"Run": "tiny", "Layer": "leaky_1", "Maps": "3,1", "Rule": "guided", "Random seed": "0"}
    assert text == {"Software": "dcgan", **expected}


def test_gray_images_and_dense_layers_are_explained():
    new_run(noise_images(channels=1), classes=2)
    assert read_png(explain(ExplainConfig(layer="logit", images=4))).shape[2] == 1
    assert explain(ExplainConfig(layer="class_embedding", images=4)).name == "class_embedding-guided.png"


@pytest.mark.slow
def test_a_trained_conditional_run_with_max_pooling_is_explained(capsys):
    options = folder_options(noise_images(12))
    small = {"batch_size": 4, "latent_dim": 3, "generator_width": 2, "discriminator_width": 3, "tensorboard": False}
    train(TrainConfig(**options, **small, steps=2, downsampling="maxpool", compile="none"))
    assert main.main(["explain", "--rule", "deconvnet", "--random-weights", "--out", "a.png"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "Maps 0-5 of leaky_1, 9 images each and their deconvnet projections; on the right the same with random "
        "weights: a.png"
    )
    assert read_png(Path("a.png")).std() > 10


def test_only_the_figure_in_the_run_directory_is_replaced_without_overwrite():
    new_run(noise_images())
    few = {"maps": "1", "images": 1}
    assert explain(ExplainConfig(**few)) == explain(ExplainConfig(**few))
    out = Path("a.png")
    out.write_bytes(b"mine")
    with pytest.raises(UserError, match="exists already"):
        explain(ExplainConfig(**few, out=out))
    assert out.read_bytes() == b"mine"
    explain(ExplainConfig(**few, out=out, overwrite=True))
    assert read_png(out).ndim == 3


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"layer": "leaky_7"}, r"no layer 'leaky_7'[\s\S]*leaky_1"),
        ({"layer": "2"}, r"no convolution stage 2[\s\S]*0 to 1"),
        ({"layer": "conditional_logit"}, "several inputs"),
        ({"layer": "class"}, "does not depend"),
        ({"maps": "4,6"}, r"no feature map 6[\s\S]*0 to 5"),
        ({"maps": "0"}, "names no feature maps"),
        ({"maps": "all"}, r"names no feature maps[\s\S]*3,5,9-12"),
        ({"out": Path("a.jpg")}, "is not a PNG file"),
        ({"out": Path()}, "is not a PNG file"),
        ({"image_size": 32}, "32x32x3 and 16x16x3"),
        ({"run_dir": Path("nowhere")}, "no run directory"),
    ],
)
def test_options_that_do_not_fit_the_run_are_refused(options, problem):
    new_run(noise_images(4), classes=2)
    with pytest.raises(UserError, match=problem):
        explain(ExplainConfig(**options))
    assert not list(Path().rglob("explained/*"))


def test_a_folder_as_output_path_is_refused():
    new_run(noise_images(4))
    Path("a.png").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        explain(ExplainConfig(out=Path("a.png"), overwrite=True))


def test_too_many_images_for_a_figure_are_refused(monkeypatch):
    new_run(noise_images(4))
    # The module, whose name in the package refers to the function.
    monkeypatch.setattr(importlib.import_module("dcgan.interpretation.explain"), "MAX_GRID_PIXELS", 10_000)
    with pytest.raises(UserError, match="too many images"):
        explain(ExplainConfig(images=4))


def test_a_number_of_maps_selects_the_first_ones_and_at_most_all():
    assert list(parse_maps("3", 8)) == [0, 1, 2]
    assert list(parse_maps("30", 8)) == list(range(8))
    assert list(parse_maps("6-6", 8)) == [6]
    assert list(parse_maps("7,2-3", 8)) == [7, 2, 3]


def test_the_option_offers_every_rule():
    assert set(get_args(get_type_hints(ExplainConfig)["rule"])) == set(RULES)
