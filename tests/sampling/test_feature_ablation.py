"""Dropping maps, with a generator whose maps are known to draw one thing each."""

import keras
import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.networks import build_generator
from dcgan.sampling import latents
from dcgan.sampling.feature_ablation import (
    ablate_maps,
    feature_maps,
    masks_of_boxes,
    split_generator,
    weights_by_labels,
    weights_by_masks,
)
from dcgan.sampling.generation import generate_batches

PLACES = {0: np.s_[:4, :4], 1: np.s_[4:, 4:], 2: np.s_[0:0, 0:0]}
"""Where in a map of 8×8 the maps of the made generator draw; the third one draws nothing."""

BRIGHTNESS = 0.2


def made_generator():
    """Map k is |z_k| in its place and 0 elsewhere; a pixel is a fifth of the sum of the maps where it is."""
    latent = keras.Input((3,))
    project = keras.layers.Dense(8 * 8 * 3, use_bias=False)
    stamps = np.zeros((3, 8, 8, 3), np.float32)
    for number, place in PLACES.items():
        stamps[(number, *place, number)] = 1
    maps = keras.layers.Reshape((8, 8, 3), name="maps")(project(keras.layers.Lambda(keras.ops.abs)(latent)))
    enlarge = keras.layers.Conv2DTranspose(1, 2, strides=2, use_bias=False, name="enlarge")
    model = keras.Model(latent, enlarge(maps))
    project.kernel.assign(stamps.reshape(3, -1))
    enlarge.kernel.assign(np.full(enlarge.kernel.shape, BRIGHTNESS))
    return model


def picture(z, numbers):
    """What the made generator draws with only these maps, uint8."""
    canvas = np.zeros((len(z), 8, 8))
    for number in numbers:
        canvas[(slice(None), *PLACES[number])] += BRIGHTNESS * np.abs(z[:, number, None, None])
    return np.round(127.5 * (1 + np.clip(canvas, -1, 1))).repeat(2, axis=1).repeat(2, axis=2)[..., None]


def drawn(generator, rows):
    return np.concatenate(list(generate_batches(generator, rows)))


@pytest.fixture(scope="module")
def made():
    return made_generator()


@pytest.fixture(scope="module")
def z():
    return latents(range(80), 3)


def test_what_is_marked_with_boxes_is_forgotten_and_nothing_else(made, z):
    maps = feature_maps(split_generator(made)[0], z)
    masks = masks_of_boxes([(i, 0, 0, 8, 8) for i in range(20)], len(z), (16, 16))
    dropped = weights_by_masks(maps, masks) > 0
    assert dropped.tolist() == [True, False, False]
    np.testing.assert_allclose(drawn(made, z), picture(z, [0, 1]), atol=1)
    np.testing.assert_allclose(drawn(ablate_maps(made, dropped), z), picture(z, [1]), atol=1)


def test_places_outside_are_taken_from_marked_pictures_alone(made, z):
    """In a picture that nobody marked, the thing may stand where nobody said so."""
    maps = feature_maps(split_generator(made)[0], z)
    masks = masks_of_boxes([(0, 0, 0, 8, 8)], len(z), (16, 16))
    weights = weights_by_masks(maps, masks)
    misled = maps.copy()
    misled[1:, :4, :4, 0] = -100
    np.testing.assert_array_equal(weights_by_masks(misled, masks), weights)


def test_among_some_places_only_these_are_compared(made, z):
    """Beside places where the second map draws, the background says nothing."""
    maps = feature_maps(split_generator(made)[0], z)
    inside, others = np.zeros((2, len(z), 16, 16), bool)
    inside[:, :8, :8], others[:, :8, 8:] = True, True
    assert weights_by_masks(maps, inside, among=others)[1] == 0  # there, it is dark on both sides
    assert weights_by_masks(maps, inside)[1] < 0


def test_a_place_is_inside_where_any_of_its_pixels_is():
    maps = np.zeros((1, 2, 2, 1))
    maps[0, 1, 0] = 1
    mask = np.zeros((1, 5, 6), bool)
    mask[0, 4, 1] = True
    assert weights_by_masks(maps, mask)[0] > 0
    assert weights_by_masks(1 - maps, mask)[0] < 0


def test_labels_of_pictures_tell_the_maps_that_draw_what_they_show(made, z):
    maps = feature_maps(split_generator(made)[0], z)
    assert (weights_by_labels(maps, np.abs(z[:, 1]) > 0.7) > 0.5).tolist() == [False, True, False]


@pytest.mark.parametrize("mark", [False, True])
def test_masks_and_labels_have_to_tell_something_apart(mark):
    maps = np.ones((2, 4, 4, 3))
    with pytest.raises(UserError, match="inside and something outside"):
        weights_by_masks(maps, np.full((2, 8, 8), mark))
    with pytest.raises(UserError, match="some not"):
        weights_by_labels(maps, np.full(2, mark))


def test_boxes_cover_their_pixels():
    masks = masks_of_boxes([(1, 0, 2, 3, 4), (1, 5, 5, 6, 6)], 2, (6, 6))
    assert masks.sum(axis=(1, 2)).tolist() == [0, 7]
    assert masks[1, :3, 2:4].all()
    assert masks[1, 5, 5]


@pytest.mark.parametrize("box", [(2, 0, 0, 1, 1), (0, 0, 0, 7, 1), (0, 3, 3, 3, 4), (0, 0, -1, 1, 1)])
def test_a_box_outside_of_the_pictures_is_refused(box):
    with pytest.raises(UserError, match="no box"):
        masks_of_boxes([box], 2, (6, 6))


def rows_of(classes):
    z = latents(range(5), 6)
    return np.concatenate([z, np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1]]], axis=1) if classes else z


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("layer", [None, "base", "relu_0", "norm_1"])
def test_the_two_parts_of_a_generator_draw_what_the_whole_draws(classes, layer):
    generator = build_generator((16, 16), 3, width=4, latent_dim=6, classes=classes)
    lower, upper = split_generator(generator, layer)
    maps = feature_maps(lower, rows_of(classes))
    inputs = np.split(rows_of(classes), [6], axis=1) if classes else rows_of(classes)
    np.testing.assert_allclose(upper(maps, training=False), generator(inputs, training=False), atol=1e-6)


def test_by_default_the_cut_is_below_the_last_convolution():
    lower, _ = split_generator(build_generator((28, 28), 1, width=4, latent_dim=6))
    assert lower.output_shape == (None, 14, 14, 4)
    assert (feature_maps(lower, rows_of(0)) >= 0).all()  # behind the ReLU


@pytest.mark.parametrize("classes", [0, 3])
def test_dropping_no_maps_changes_nothing_and_dropping_all_leaves_grey(classes):
    generator = build_generator((8, 8), 1, width=4, latent_dim=6, classes=classes)
    rows = rows_of(classes)
    np.testing.assert_array_equal(drawn(ablate_maps(generator, np.zeros(4, bool)), rows), drawn(generator, rows))
    assert (drawn(ablate_maps(generator, np.ones(4, bool)), rows) == 128).all()


def test_maps_can_be_dropped_one_after_the_other(made, z):
    twice = ablate_maps(ablate_maps(made, np.array([True, False, False])), np.array([False, True, False]))
    assert (drawn(twice, z) == 128).all()


def test_a_generator_without_some_maps_is_saved_and_loaded_by_keras_alone():
    generator = ablate_maps(build_generator((8, 8), 1, width=4, latent_dim=6), np.array([True, False, False, True]))
    generator.save("forgetful.keras")
    loaded = keras.models.load_model("forgetful.keras", safe_mode=True, compile=False)
    np.testing.assert_array_equal(drawn(loaded, rows_of(0)), drawn(generator, rows_of(0)))


def test_layers_that_are_not_there_or_give_no_maps_are_refused_and_others_named():
    generator = build_generator((8, 8), 1, width=4, latent_dim=6)
    for layer in ("nowhere", "project"):
        with pytest.raises(UserError, match=layer) as caught:
            split_generator(generator, layer)
        assert "relu_0" in caught.value.hint
    with pytest.raises(UserError, match="4 maps, and 3"):
        ablate_maps(generator, np.zeros(3, bool))


def test_a_layer_that_a_way_leads_around_is_no_place_to_cut():
    latent = keras.Input((8,))
    maps = keras.layers.Reshape((2, 2, 2))(latent)
    hidden = keras.layers.Conv2D(2, 1, name="hidden")(maps)
    around = keras.layers.Add()([hidden, maps])
    with pytest.raises(UserError, match="leads around it"):
        split_generator(keras.Model(latent, keras.layers.Conv2D(1, 1)(around)), "hidden")


def test_a_model_without_convolutions_has_no_maps():
    latent = keras.Input((4,))
    with pytest.raises(UserError, match="no convolution"):
        split_generator(keras.Model(latent, keras.layers.Reshape((2, 2, 1))(latent)))
