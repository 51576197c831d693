"""The realism map against the discriminator itself, and against planted judgements."""

import keras
import numpy as np
import pytest
from PIL import Image

from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.deconvolution import fully_convolutional, recompute_bn_statistics
from dcgan.interpretation import RealismMap, realism_map, realism_scene
from dcgan.networks import build_discriminator


def pictures(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def discriminator(size=(28, 28), channels=1, classes=0, hidden=0):
    """Weights large enough for judgements that are not all one half."""
    model = build_discriminator(size, channels, width=4, classes=classes, hidden=hidden)
    generator = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(0.3 * generator.standard_normal(variable.shape))
    return model


def brightness():
    """A discriminator of 8×8 whose logit is the mean of its pixels, in [-1, 1]: no padding, and stride 4."""
    layers = [keras.layers.AveragePooling2D(4), keras.layers.Flatten()]
    layers += [keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(0.25))]
    return keras.Sequential([keras.Input((8, 8, 1)), *layers])


@pytest.mark.parametrize("hidden", [0, 6])
def test_on_the_discriminators_own_size_the_map_is_its_one_answer(hidden):
    model, image = discriminator(hidden=hidden), pictures(28, 28, 1)
    logit = np.asarray(model(to_float(image[None]), training=False))
    result = realism_map(model, image)
    np.testing.assert_allclose(result.logits, logit, rtol=1e-5)
    np.testing.assert_allclose(result.probabilities, 1 / (1 + np.exp(-logit)), rtol=1e-5)


def test_without_padding_every_position_says_what_the_discriminator_says_to_its_window():
    model, image = brightness(), pictures(20, 28, 1)
    result = realism_map(model, image)
    assert result.logits.shape == (4, 6)
    assert (result.window, result.stride) == ((8, 8), (4, 4))
    for row, column in np.ndindex(4, 6):
        expected = model(to_float(image[result.box(row, column)][None]))[0, 0]
        np.testing.assert_allclose(result.logits[row, column], expected, atol=1e-6)


@pytest.mark.parametrize(("size", "stride"), [((28, 28), 4), ((32, 64), 8), ((64, 64), 16)])
def test_the_stride_is_2_to_the_number_of_halvings(size, stride):
    result = realism_map(discriminator(size, 3), pictures(128, 96, 3))
    assert (result.window, result.stride) == (size, (stride, stride))
    assert result.logits.shape == tuple((side - own) // stride + 1 for side, own in zip((128, 96), size, strict=True))


@pytest.mark.parametrize("label", [0, 2, None])
def test_a_conditional_discriminator_judges_for_one_class_or_for_none(label):
    model, image = discriminator(classes=3), pictures(28, 28, 1)
    kind = np.zeros((1, 3), np.float32) if label is None else np.eye(3, dtype=np.float32)[[label]]
    expected = model([np.asarray(to_float(image[None])), kind], training=False)
    np.testing.assert_allclose(realism_map(model, image, label).logits, expected, rtol=1e-5)


def test_with_typical_images_a_window_is_judged_as_among_them_and_the_discriminator_stays_what_it_was():
    model, typical = discriminator(classes=3), pictures(40, 28, 28, 1, seed=7)
    weights, kinds = model.get_weights(), np.zeros((40, 3), np.float32)
    result = realism_map(model, typical[5], typical=typical)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    among_them = model([np.asarray(to_float(typical)), kinds], training=True)
    np.testing.assert_allclose(result.logits, among_them[5:6], rtol=1e-3, atol=1e-3)
    assert abs(result.logits - realism_map(model, typical[5]).logits).max() > 0.1


def test_the_statistics_may_be_those_of_larger_pictures():
    model, typical = discriminator(), pictures(4, 44, 60, 1, seed=7)
    wide = fully_convolutional(model)
    among_them = np.asarray(wide(np.asarray(to_float(typical)), training=True))
    result = realism_map(discriminator(), typical[1], typical=typical)
    np.testing.assert_allclose(result.logits, among_them[1, ..., 0], rtol=1e-3, atol=1e-3)


def test_what_is_known_of_features_is_kept_since_most_windows_of_larger_pictures_are_of_no_image():
    model = discriminator(hidden=6)
    norms = [model.get_layer(name) for name in ("norm_1", "norm_hidden")]
    before = [np.asarray(norm.moving_mean) for norm in norms]
    recompute_bn_statistics(fully_convolutional(model), pictures(4, 44, 60, 1, seed=7))
    of_maps, of_features = (np.abs(norm.moving_mean - mean).max() for norm, mean in zip(norms, before, strict=True))
    assert of_maps > 0.01
    assert of_features == 0
    assert [norm.momentum for norm in norms] == [0.9, 0.9]


def test_over_pixels_the_map_is_bilinear_between_the_windows_centres_and_constant_beyond():
    logits = np.log([[0.2 / 0.8, 0.6 / 0.4], [0.4 / 0.6, 0.8 / 0.2]]).astype(np.float32)
    field = RealismMap(logits, pictures(12, 12, 1), (8, 8), (4, 4)).over_pixels()
    assert field.shape == (12, 12)
    np.testing.assert_allclose(field[:4, :4], 0.2, atol=1e-6)  # centres at 3.5 and 7.5
    np.testing.assert_allclose(field[8:, 8:], 0.8, atol=1e-6)
    np.testing.assert_allclose(field[0, 4:8], 0.2 + 0.4 * (np.arange(4) + 0.5) / 4, atol=1e-6)
    np.testing.assert_allclose(field[4:8, 0], 0.2 + 0.2 * (np.arange(4) + 0.5) / 4, atol=1e-6)


def test_a_bright_half_is_yellow_and_a_dark_one_blue():
    image = np.zeros((16, 32, 1), np.uint8)
    image[:, 16:] = 255
    logits = np.full((3, 7), -9.0, np.float32)
    logits[:, 4:] = 9
    red, green, blue = np.moveaxis(RealismMap(logits, image, (8, 8), (4, 4)).overlay(opacity=1.0).astype(int), -1, 0)
    assert np.all((blue > green)[:, :12])
    assert np.all((red > blue)[:, 24:])
    shown = RealismMap(logits, image, (8, 8), (4, 4)).overlay(opacity=0.0)
    np.testing.assert_array_equal(shown, np.repeat(image, 3, axis=-1))


def test_limits_show_logits_that_a_probability_would_hide():
    logits = np.array([[-30, -20], [10, 20]], np.float32)
    result = RealismMap(logits, pictures(12, 12, 1), (8, 8), (4, 4))
    assert np.ptp(result.over_pixels()[8:, :]) < 1e-4
    field = result.over_pixels((-20, 20))
    np.testing.assert_allclose([field[0, 0], field[0, -1], field[-1, 0], field[-1, -1]], [0, 0, 0.75, 1])


@pytest.mark.parametrize("limits", [None, (-1, 1)])
def test_the_figure_is_a_picture_with_a_scale(limits, tmp_path):
    realism_map(brightness(), pictures(20, 28, 1)).save(tmp_path / "map.png", limits)
    with Image.open(tmp_path / "map.png") as picture:
        assert min(picture.size) > 400
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 100


def test_a_scene_has_a_row_a_group_and_rows_of_noise_below():
    real, drawn = pictures(3, 8, 8, 1, seed=1), pictures(3, 8, 8, 1, seed=2)
    scene = realism_scene([real, drawn], spacing=4, noise=1, seed=5)
    assert scene.shape == (3 * 12 + 4, 3 * 12 + 4, 1)
    np.testing.assert_array_equal(scene[4:12, 16:24], real[1])
    np.testing.assert_array_equal(scene[16:24, 28:36], drawn[2])
    assert len(np.unique(scene[28:36, 4:12])) > 30
    for line in (scene[start : start + 4] for start in (0, 12, 24, 36)):
        assert not line.any()
    for line in (scene[:, start : start + 4] for start in (0, 12, 24, 36)):
        assert not line.any()
    np.testing.assert_array_equal(scene, realism_scene([real, drawn], spacing=4, noise=1, seed=5))
    assert np.any(scene != realism_scene([real, drawn], spacing=4, noise=1, seed=6))


@pytest.mark.parametrize(
    "ask",
    [
        lambda: realism_map(brightness(), pictures(8, 8, 3)),
        lambda: realism_map(brightness(), pictures(8, 8)),
        lambda: realism_map(brightness(), np.zeros((8, 8, 1), np.float32)),
        lambda: realism_map(brightness(), pictures(4, 20, 1)),
        lambda: realism_map(brightness(), pictures(8, 8, 1), label=0),
        lambda: realism_map(brightness(), pictures(8, 8, 1), typical=pictures(0, 8, 8, 1)),
        lambda: realism_scene([]),
        lambda: realism_scene([pictures(2, 8, 8, 1), pictures(3, 8, 8, 1)]),
        lambda: realism_scene([pictures(8, 8, 1)]),
    ],
)
def test_what_makes_no_map_or_scene_is_refused(ask):
    with pytest.raises(UserError):
        ask()
