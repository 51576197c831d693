"""A run with transparency: premultiplied in training, straight in every file."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import dcgan
from dcgan.core.transparency import on_white
from dcgan.evaluation.features import _resize_to_input
from dcgan.training.augmentation import NUM_RANDOM, augment_images
from tests.support.synthetic_datasets import encode_image, write_files

SIDE = 8


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transparent")
    pixels = np.random.default_rng(0).integers(0, 256, (12, SIDE, SIDE, 4), np.uint8)
    root = write_files(folder / "p", {f"{number:02d}.png": encode_image(image) for number, image in enumerate(pixels)})
    data = {"dataset": "folder", "data_dir": root, "channels": 4, "image_size": SIDE, "cache_dir": folder / "caches"}
    small = {"batch_size": 4, "latent_dim": 4, "steps": 2, "generator_width": 4, "discriminator_width": 4}
    config = dcgan.TrainConfig(
        **data, **small, run_dir=folder / "run", compile="none", tensorboard=False, augment="color,translation,cutout"
    )
    return dcgan.train(config), pixels


def test_the_grid_of_real_images_has_the_straight_colors_of_the_files(run):
    trained, pixels = run
    with Image.open(trained.real_grid_file) as image:
        assert image.mode == "RGBA"
        grid = np.asarray(image)
    found = [grid[top : top + SIDE, left : left + SIDE] for top in range(grid.shape[0] - SIDE + 1)
             for left in range(grid.shape[1] - SIDE + 1)]  # fmt: skip
    for source in pixels:
        nearest = min(np.abs(part[..., 3].astype(int) - source[..., 3]).sum() for part in found)
        assert nearest == 0


@pytest.mark.parametrize("name", ["a.npy", "a.png", "folder"])
def test_generated_files_have_transparency(run, tmp_path, name):
    trained, _ = run
    dcgan.generate(dcgan.GenerateConfig(run_dir=trained.path, num=3, out=tmp_path / name))
    if name == "a.npy":
        assert np.load(tmp_path / name).shape == (3, SIDE, SIDE, 4)
        return
    with Image.open(next((tmp_path / name).glob("*.png")) if name == "folder" else tmp_path / name) as image:
        assert image.mode == "RGBA"


def test_color_augmentation_leaves_transparency_as_it_is():
    rng = np.random.default_rng(0)
    images = tf.constant(rng.uniform(-1, 1, (3, SIDE, SIDE, 4)), tf.float32)
    random = tf.constant(rng.uniform(size=(3, NUM_RANDOM)), tf.float32)
    result = augment_images(images, random, ["color"])
    np.testing.assert_array_equal(result[..., 3], images[..., 3])
    np.testing.assert_allclose(result[..., :3], augment_images(images[..., :3], random, ["color"]), atol=1e-6)


def test_networks_that_take_color_see_premultiplied_images_on_white():
    images = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 4), np.uint8)
    images[..., :3] = np.minimum(images[..., :3], images[..., 3:])
    seen = _resize_to_input(tf.constant(images / 127.5 - 1, tf.float32), (None, None, 3))
    np.testing.assert_allclose((seen + 1) * 127.5, on_white(images), atol=1e-3)
