"""The command that explains: which images it finds, what it draws, and what it refuses."""

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
from dcgan.interpretation import explain, find_top_activations, top_activations
from dcgan.interpretation.deconvnet import RULES
from dcgan.interpretation.explain import parse_maps
from dcgan.networks import build_discriminator, build_generator
from dcgan.runs import Run
from dcgan.visualization import magnify, read_png, read_png_text, save_png
from dcgan.visualization.figures import cut_out, normalize_projections, projection_grid, projection_panel

MARGIN, LABEL, PADDING = 8, 14, 2
"""Of a sheet, of a block's label, of a tile."""


def made_images(count=30, side=16, channels=3):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, channels), np.uint8)


def data_of(images):
    """Options of a folder with these images, half of them of one class."""
    for number, image in enumerate(images):
        save_png(Path("pictures") / "ab"[number % 2] / f"{number:03d}.png", image)
    where = {"dataset": "folder", "data_dir": Path("pictures"), "cache_dir": Path("store")}
    return {**where, "image_size": 16, "channels": images.shape[-1]}


def in_order(images):
    """As a folder is read: class by class."""
    return np.concatenate([images[::2], images[1::2]])


def state_of(discriminator):
    return {f"discriminator/{v.path.removeprefix('discriminator/')}": np.asarray(v) for v in discriminator.variables}


def new_run(images, name="tiny", classes=0, **options):
    """A run of untrained networks; their discriminator beside it."""
    run = Run(Path("checkpoints") / name)
    run.save_generator(build_generator((16, 16), images.shape[-1], width=2, latent_dim=3, classes=classes))
    form = {"discriminator_width": 3, "discriminator_hidden": 0, "conditional": bool(classes)}
    config = TrainConfig(**form, **data_of(images), **options)
    run.config_file.write_text(to_yaml(config))
    if classes:
        run.save_classes(Classes(tuple("ab"), (0.5, 0.5)))
    form = {"downsampling": config.downsampling, "classes": classes}
    discriminator = build_discriminator((16, 16), images.shape[-1], width=3, seed=7, **form)
    run.checkpoints.save(1, state_of(discriminator), keep=1)
    return run, discriminator


def activations(model, name, images):
    return keras.Model(model.inputs[0], model.get_layer(name).output)(to_float(images), training=False).numpy()


def picture(path, column):
    """From a sheet of one block with one image of 16×16, thrice as large: the image (column 0) or its projection."""
    side = 3 * 16
    top, left = MARGIN + LABEL + PADDING, MARGIN + PADDING + column * (side + 2 * PADDING)
    return read_png(path)[top : top + side, left : left + side]


def test_the_strongest_images_are_those_of_a_full_sort(monkeypatch):
    monkeypatch.setattr(top_activations, "MOST_IMAGES", 7)
    images = made_images()
    model = build_discriminator((16, 16), 3, width=3, seed=1)
    found = find_top_activations(model, "leaky_1", [4, 0], images, 5)
    all_values = activations(model, "leaky_1", images).reshape(30, 16, 6)
    for row, feature in enumerate([4, 0]):
        of_map = all_values[:, :, feature]
        best = sorted(range(30), key=lambda number: -of_map[number].max())[:5]
        assert found.images[row].tolist() == best
        assert found.places[row].tolist() == [int(of_map[number].argmax()) for number in best]
        np.testing.assert_allclose(found.values[row], of_map[best].max(axis=1), rtol=1e-4)


def test_of_equal_images_the_earlier_come_first(monkeypatch):
    monkeypatch.setattr(top_activations, "MOST_IMAGES", 4)
    images = np.repeat(made_images(1), 10, axis=0)
    found = find_top_activations(build_discriminator((16, 16), 3, width=3), "leaky_0", [0], images, 6)
    assert found.images.tolist() == [[0, 1, 2, 3, 4, 5]]


def test_there_are_no_more_images_than_there_are():
    found = find_top_activations(build_discriminator((16, 16), 3, width=3), "logit", [0], made_images(3), 9)
    assert sorted(found.images[0].tolist()) == [0, 1, 2]
    assert found.places.tolist() == [[0, 0, 0]]


class Watched:
    """An array that notes how many rows were read at once."""

    def __init__(self, array):
        self.array, self.shape, self.most = array, array.shape, 0

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        part = self.array[rows]
        self.most = max(self.most, len(part))
        return part


@pytest.mark.parametrize(("side", "at_once"), [(16, 256), (64, 256), (128, 64)])
def test_images_are_read_in_pieces_the_fewer_the_larger_they_are(side, at_once):
    images = Watched(np.zeros((257, side, side, 1), np.uint8))
    find_top_activations(build_discriminator((side, side), 1, width=1), "leaky_0", [0], images, 2)
    assert images.most == at_once


def test_contrast_keeps_0_grey_and_scales_each_picture_by_itself():
    values = np.zeros((3, 1, 2, 1), np.float32)
    values[0, 0, :, 0], values[1, 0, :, 0] = (-2, 1), (1e-9, 0)
    np.testing.assert_array_equal(normalize_projections(values)[..., 0], [[[0, 191]], [[255, 128]], [[128, 128]]])


def test_a_part_that_reaches_over_the_border_is_filled_with_background():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    part = cut_out(image, range(-1, 2), range(2, 6))
    np.testing.assert_array_equal(part[..., 0], [[255] * 4, [2, 3, 255, 255], [6, 7, 255, 255]])
    np.testing.assert_array_equal(cut_out(image, range(3), range(4)), image)


def test_a_block_has_images_on_the_left_and_projections_in_the_same_order_on_the_right():
    images = made_images(3, side=40)
    both = projection_panel("map 1", images, 255 - images)
    assert both.shape == (LABEL + 86, 2 * 86, 3)
    for number, (row, column) in enumerate([(0, 0), (0, 1), (1, 0)]):
        top, left = LABEL + PADDING + 42 * row, PADDING + 42 * column
        np.testing.assert_array_equal(both[top : top + 40, left : left + 40], images[number])
        np.testing.assert_array_equal(both[top : top + 40, left + 86 : left + 126], 255 - images[number])
    assert both[:LABEL].min() < 100  # something is written there
    assert projection_grid([both, both], 2).shape == (both.shape[0] + 16, 2 * both.shape[1] + 24, 3)


@pytest.mark.parametrize(("classes", "downsampling"), [(0, "strided"), (2, "maxpool")])
def test_the_sheet_shows_the_image_with_the_largest_activation_and_its_gradient(classes, downsampling, capsys):
    images = made_images()
    run, model = new_run(images, classes=classes, downsampling=downsampling)
    out = explain(ExplainConfig(maps="2-2", images=1, whole=True, rule="gradient"))
    assert out == run.path / "explained" / "leaky_1-gradient.png"
    assert capsys.readouterr().out == f"Map 2 of leaky_1, 1 image each and their gradient projections: {out}\n"
    images = in_order(images)
    of_map = activations(model, "leaky_1", images)[..., 2]
    best = images[of_map.max(axis=(1, 2)).argmax()][None]
    np.testing.assert_array_equal(picture(out, 0), magnify(best[0], 40))
    to_map = keras.Model(model.inputs[0], model.get_layer("leaky_1").output)
    with tf.GradientTape() as tape:
        x = tf.constant(to_float(best))
        tape.watch(x)
        largest = tf.reduce_max(to_map(x, training=False)[..., 2])
    expected = magnify(normalize_projections(tape.gradient(largest, x).numpy())[0], 40).astype(int)
    assert np.abs(picture(out, 1) - expected).max() <= 1


def test_unless_they_are_wanted_whole_pictures_are_cut_to_what_the_unit_sees():
    new_run(made_images())
    out = explain(ExplainConfig(layer="0", maps="1", images=1))
    assert read_png(out).shape == (LABEL + 40 + 4 + 16, 2 * (40 + 4) + 16, 3)  # a 4×4 kernel, ten times as large
    out = explain(ExplainConfig(layer="1", maps="1", images=1))
    assert read_png(out).shape == (LABEL + 40 + 4 + 16, 2 * (40 + 4) + 16, 3)  # 10×10 pixels, four times


def test_random_weights_stand_beside_the_trained_and_follow_from_the_seed():
    new_run(made_images(8))
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


def test_a_sheet_says_what_it_shows():
    new_run(made_images())
    text = read_png_text(explain(ExplainConfig(maps="3,1", images=1, random_weights=True)))
    own = {"Run": "tiny", "Layer": "leaky_1", "Maps": "3,1", "Rule": "guided", "Random seed": "0"}
    assert text == {"Software": "dcgan", **own}


def test_grey_images_and_a_logit_are_explained_too():
    new_run(made_images(channels=1), classes=2)
    assert read_png(explain(ExplainConfig(layer="logit", images=4))).shape[2] == 1
    assert explain(ExplainConfig(layer="class_embedding", images=4)).name == "class_embedding-guided.png"


@pytest.mark.slow
def test_a_conditional_max_pooling_run_that_was_trained_is_explained(capsys):
    options = data_of(made_images(12))
    small = {"batch_size": 4, "latent_dim": 3, "generator_width": 2, "discriminator_width": 3, "tensorboard": False}
    train(TrainConfig(**options, **small, steps=2, downsampling="maxpool", compile="none"))
    assert main.main(["explain", "--rule", "deconvnet", "--random-weights", "--out", "a.png"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "Maps 0-5 of leaky_1, 9 images each and their deconvnet projections; on the right the same with random "
        "weights: a.png"
    )
    assert read_png(Path("a.png")).std() > 10


def test_only_the_run_directorys_own_sheet_is_replaced_unasked():
    new_run(made_images())
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
        ({"layer": "class"}, "does not lead"),
        ({"maps": "4,6"}, r"no map 6[\s\S]*0 to 5"),
        ({"maps": "0"}, "names no maps"),
        ({"maps": "all"}, r"names no maps[\s\S]*3,5,9-12"),
        ({"out": Path("a.jpg")}, "is no picture"),
        ({"out": Path()}, "is no picture"),
        ({"image_size": 32}, "32x32x3 and 16x16x3"),
        ({"run_dir": Path("nowhere")}, "no run directory"),
    ],
)
def test_what_can_not_be_explained_is_said(options, problem):
    new_run(made_images(4), classes=2)
    with pytest.raises(UserError, match=problem):
        explain(ExplainConfig(**options))
    assert not list(Path().rglob("explained/*"))


def test_a_folder_in_the_sheets_place_is_refused():
    new_run(made_images(4))
    Path("a.png").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        explain(ExplainConfig(out=Path("a.png"), overwrite=True))


def test_too_many_pictures_for_a_sheet_are_refused(monkeypatch):
    new_run(made_images(4))
    monkeypatch.setattr("dcgan.interpretation.explain.MOST_PIXELS", 10_000)
    with pytest.raises(UserError, match="too many pictures"):
        explain(ExplainConfig(images=4))


def test_a_number_of_maps_means_the_first_ones_and_at_most_all():
    assert list(parse_maps("3", 8)) == [0, 1, 2]
    assert list(parse_maps("30", 8)) == list(range(8))
    assert list(parse_maps("6-6", 8)) == [6]
    assert list(parse_maps("7,2-3", 8)) == [7, 2, 3]


def test_the_options_name_every_rule():
    assert set(get_args(get_type_hints(ExplainConfig)["rule"])) == set(RULES)
