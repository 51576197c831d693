"""Feature ablation, with a generator whose feature maps each fill one known region."""

import keras
import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.networks import build_generator
from dcgan.sampling import latents
from dcgan.sampling.feature_ablation import (
    ablate_maps,
    box_masks,
    feature_maps,
    split_generator,
    weights_by_labels,
    weights_by_masks,
)
from dcgan.sampling.generation import generate_images

REGIONS = {0: np.s_[:4, :4], 1: np.s_[4:, 4:], 2: np.s_[0:0, 0:0]}
"""The region of each feature map of 8×8 that `region_generator` fills; the third one is empty."""

BRIGHTNESS = 0.2


def region_generator():
    """Map k is |z_k| in its region and 0 elsewhere; a pixel is a fifth of the sum of the maps at its position."""
    latent = keras.Input((3,))
    project = keras.layers.Dense(8 * 8 * 3, use_bias=False)
    stamps = np.zeros((3, 8, 8, 3), np.float32)
    for number, region in REGIONS.items():
        stamps[(number, *region, number)] = 1
    maps = keras.layers.Reshape((8, 8, 3), name="maps")(project(keras.layers.Lambda(keras.ops.abs)(latent)))
    upsample = keras.layers.Conv2DTranspose(1, 2, strides=2, use_bias=False, name="upsample")
    model = keras.Model(latent, upsample(maps))
    project.kernel.assign(stamps.reshape(3, -1))
    upsample.kernel.assign(np.full(upsample.kernel.shape, BRIGHTNESS))
    return model


def expected_images(z, numbers):
    """The images of `region_generator` with only these maps, uint8."""
    canvas = np.zeros((len(z), 8, 8))
    for number in numbers:
        canvas[(slice(None), *REGIONS[number])] += BRIGHTNESS * np.abs(z[:, number, None, None])
    return np.round(127.5 * (1 + np.clip(canvas, -1, 1))).repeat(2, axis=1).repeat(2, axis=2)[..., None]


@pytest.fixture(scope="module")
def generator():
    return region_generator()


@pytest.fixture(scope="module")
def z():
    return latents(range(80), 3)


def test_only_the_region_marked_with_boxes_disappears(generator, z):
    maps = feature_maps(split_generator(generator)[0], z)
    masks = box_masks([(i, 0, 0, 8, 8) for i in range(20)], len(z), (16, 16))
    ablated = weights_by_masks(maps, masks) > 0
    assert ablated.tolist() == [True, False, False]
    np.testing.assert_allclose(generate_images(generator, z), expected_images(z, [0, 1]), atol=1)
    np.testing.assert_allclose(generate_images(ablate_maps(generator, ablated), z), expected_images(z, [1]), atol=1)


def test_positions_outside_are_taken_only_from_marked_images(generator, z):
    """An image without marks may show the object anywhere."""
    maps = feature_maps(split_generator(generator)[0], z)
    masks = box_masks([(0, 0, 0, 8, 8)], len(z), (16, 16))
    weights = weights_by_masks(maps, masks)
    changed = maps.copy()
    changed[1:, :4, :4, 0] = -100
    np.testing.assert_array_equal(weights_by_masks(changed, masks), weights)


def test_positions_outside_can_be_limited(generator, z):
    """Compared with a region where the second map is empty as well, that map has no weight."""
    maps = feature_maps(split_generator(generator)[0], z)
    inside, others = np.zeros((2, len(z), 16, 16), bool)
    inside[:, :8, :8], others[:, :8, 8:] = True, True
    assert weights_by_masks(maps, inside, among=others)[1] == 0  # it is dark on both sides
    assert weights_by_masks(maps, inside)[1] < 0


def test_a_position_is_inside_where_any_of_its_pixels_is():
    maps = np.zeros((1, 2, 2, 1))
    maps[0, 1, 0] = 1
    mask = np.zeros((1, 5, 6), bool)
    mask[0, 4, 1] = True
    assert weights_by_masks(maps, mask)[0] > 0
    assert weights_by_masks(1 - maps, mask)[0] < 0


def test_labels_of_images_find_the_maps_of_the_object(generator, z):
    maps = feature_maps(split_generator(generator)[0], z)
    assert (weights_by_labels(maps, np.abs(z[:, 1]) > 0.7) > 0.5).tolist() == [False, True, False]


@pytest.mark.parametrize("mark", [False, True])
def test_masks_and_labels_need_both_groups(mark):
    maps = np.ones((2, 4, 4, 3))
    with pytest.raises(UserError, match="inside and positions outside"):
        weights_by_masks(maps, np.full((2, 8, 8), mark))
    with pytest.raises(UserError, match="some must not"):
        weights_by_labels(maps, np.full(2, mark))


def test_boxes_cover_their_pixels():
    masks = box_masks([(1, 0, 2, 3, 4), (1, 5, 5, 6, 6)], 2, (6, 6))
    assert masks.sum(axis=(1, 2)).tolist() == [0, 7]
    assert masks[1, :3, 2:4].all()
    assert masks[1, 5, 5]


@pytest.mark.parametrize("box", [(2, 0, 0, 1, 1), (0, 0, 0, 7, 1), (0, 3, 3, 3, 4), (0, 0, -1, 1, 1)])
def test_an_empty_box_or_one_outside_the_images_is_refused(box):
    with pytest.raises(UserError, match="The box"):
        box_masks([box], 2, (6, 6))


def generator_rows(classes):
    z = latents(range(5), 6)
    return np.concatenate([z, np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1]]], axis=1) if classes else z


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("layer", [None, "base", "relu_0", "norm_1"])
def test_the_two_parts_of_a_generator_generate_the_images_of_the_whole(classes, layer):
    generator = build_generator((16, 16), 3, width=4, latent_dim=6, classes=classes)
    lower, upper = split_generator(generator, layer)
    maps = feature_maps(lower, generator_rows(classes))
    inputs = np.split(generator_rows(classes), [6], axis=1) if classes else generator_rows(classes)
    np.testing.assert_allclose(upper(maps, training=False), generator(inputs, training=False), atol=1e-6)


def test_by_default_the_split_is_before_the_last_convolution():
    lower, _ = split_generator(build_generator((28, 28), 1, width=4, latent_dim=6))
    assert lower.output_shape == (None, 14, 14, 4)
    assert (feature_maps(lower, generator_rows(0)) >= 0).all()  # after the ReLU


@pytest.mark.parametrize("classes", [0, 3])
def test_ablating_no_maps_changes_nothing_and_ablating_all_leaves_gray(classes):
    generator = build_generator((8, 8), 1, width=4, latent_dim=6, classes=classes)
    rows = generator_rows(classes)
    np.testing.assert_array_equal(
        generate_images(ablate_maps(generator, np.zeros(4, bool)), rows), generate_images(generator, rows)
    )
    assert (generate_images(ablate_maps(generator, np.ones(4, bool)), rows) == 128).all()


def test_maps_can_be_ablated_one_after_the_other(generator, z):
    twice = ablate_maps(ablate_maps(generator, np.array([True, False, False])), np.array([False, True, False]))
    assert (generate_images(twice, z) == 128).all()


def test_a_generator_with_ablated_maps_is_saved_and_loaded_by_keras_alone():
    generator = ablate_maps(build_generator((8, 8), 1, width=4, latent_dim=6), np.array([True, False, False, True]))
    generator.save("ablated.keras")
    loaded = keras.models.load_model("ablated.keras", safe_mode=True, compile=False)
    np.testing.assert_array_equal(
        generate_images(loaded, generator_rows(0)), generate_images(generator, generator_rows(0))
    )


def test_layers_that_do_not_exist_or_have_no_maps_are_refused_and_others_named():
    generator = build_generator((8, 8), 1, width=4, latent_dim=6)
    for layer in ("nowhere", "project"):
        with pytest.raises(UserError, match=layer) as caught:
            split_generator(generator, layer)
        assert "relu_0" in caught.value.hint
    with pytest.raises(UserError, match="4 maps, but the mask has 3"):
        ablate_maps(generator, np.zeros(3, bool))


def test_a_generator_is_not_split_at_a_layer_that_a_connection_bypasses():
    latent = keras.Input((8,))
    maps = keras.layers.Reshape((2, 2, 2))(latent)
    hidden = keras.layers.Conv2D(2, 1, name="hidden")(maps)
    bypassed = keras.layers.Add()([hidden, maps])
    with pytest.raises(UserError, match="bypasses it"):
        split_generator(keras.Model(latent, keras.layers.Conv2D(1, 1)(bypassed)), "hidden")


def test_a_model_without_convolutions_has_no_maps():
    latent = keras.Input((4,))
    with pytest.raises(UserError, match="no convolution"):
        split_generator(keras.Model(latent, keras.layers.Reshape((2, 2, 1))(latent)))
