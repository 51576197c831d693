"""The realism map against the discriminator itself, and against given logits."""

import keras
import numpy as np
import pytest
from PIL import Image

from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.deconvolution import fully_convolutional, recompute_bn_statistics
from dcgan.interpretation import RealismMap, realism_map, realism_scene
from dcgan.networks import build_discriminator


def noise_images(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def discriminator(size=(28, 28), channels=1, classes=0, hidden=0):
    """A discriminator with weights large enough that D(x) is not 0.5 everywhere."""
    model = build_discriminator(size, channels, width=4, classes=classes, hidden=hidden)
    generator = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(0.3 * generator.standard_normal(variable.shape))
    return model


def brightness():
    """A discriminator of 8×8 images whose logit is the mean pixel, in [-1, 1]: no padding, stride 4."""
    layers = [keras.layers.AveragePooling2D(4), keras.layers.Flatten()]
    layers += [keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(0.25))]
    return keras.Sequential([keras.Input((8, 8, 1)), *layers])


@pytest.mark.parametrize("hidden", [0, 6])
def test_at_the_discriminators_own_size_the_map_is_its_logit(hidden):
    model, image = discriminator(hidden=hidden), noise_images(28, 28, 1)
    logit = np.asarray(model(to_float(image[None]), training=False))
    result = realism_map(model, image)
    np.testing.assert_allclose(result.logits, logit, rtol=1e-5)
    np.testing.assert_allclose(result.probabilities, 1 / (1 + np.exp(-logit)), rtol=1e-5)


def test_without_padding_every_logit_is_that_of_the_window():
    model, image = brightness(), noise_images(20, 28, 1)
    result = realism_map(model, image)
    assert result.logits.shape == (4, 6)
    assert (result.window, result.stride) == ((8, 8), (4, 4))
    for row, column in np.ndindex(4, 6):
        expected = model(to_float(image[result.box(row, column)][None]))[0, 0]
        np.testing.assert_allclose(result.logits[row, column], expected, atol=1e-6)


@pytest.mark.parametrize(("size", "stride"), [((28, 28), 4), ((32, 64), 8), ((64, 64), 16)])
def test_the_stride_is_2_to_the_number_of_downsampling_stages(size, stride):
    result = realism_map(discriminator(size, 3), noise_images(128, 96, 3))
    assert (result.window, result.stride) == (size, (stride, stride))
    assert result.logits.shape == tuple((side - own) // stride + 1 for side, own in zip((128, 96), size, strict=True))


@pytest.mark.parametrize("label", [0, 2, None])
def test_a_conditional_discriminator_is_mapped_for_one_class_or_without_its_class_term(label):
    model, image = discriminator(classes=3), noise_images(28, 28, 1)
    class_one_hot = np.zeros((1, 3), np.float32) if label is None else np.eye(3, dtype=np.float32)[[label]]
    expected = model([np.asarray(to_float(image[None])), class_one_hot], training=False)
    np.testing.assert_allclose(realism_map(model, image, label).logits, expected, rtol=1e-5)


def test_with_reference_images_the_logit_is_that_of_a_batch_of_them_and_the_discriminator_is_unchanged():
    model, reference = discriminator(classes=3), noise_images(40, 28, 28, 1, seed=7)
    weights, class_one_hot = model.get_weights(), np.zeros((40, 3), np.float32)
    result = realism_map(model, reference[5], reference=reference)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    in_batch = model([np.asarray(to_float(reference)), class_one_hot], training=True)
    np.testing.assert_allclose(result.logits, in_batch[5:6], rtol=1e-3, atol=1e-3)
    assert abs(result.logits - realism_map(model, reference[5]).logits).max() > 0.1


def test_reference_images_may_be_larger_than_those_of_the_discriminator():
    model, reference = discriminator(), noise_images(4, 44, 60, 1, seed=7)
    wide = fully_convolutional(model)
    in_batch = np.asarray(wide(np.asarray(to_float(reference)), training=True))
    result = realism_map(discriminator(), reference[1], reference=reference)
    np.testing.assert_allclose(result.logits, in_batch[1, ..., 0], rtol=1e-3, atol=1e-3)


def test_statistics_of_a_hidden_dense_layer_are_kept():
    model = discriminator(hidden=6)
    norms = [model.get_layer(name) for name in ("norm_1", "norm_hidden")]
    before = [np.asarray(norm.moving_mean) for norm in norms]
    recompute_bn_statistics(fully_convolutional(model), noise_images(4, 44, 60, 1, seed=7))
    change_of_maps, change_of_features = (
        np.abs(norm.moving_mean - mean).max() for norm, mean in zip(norms, before, strict=True)
    )
    assert change_of_maps > 0.01
    assert change_of_features == 0
    assert [norm.momentum for norm in norms] == [0.9, 0.9]


def test_over_pixels_the_map_is_bilinear_between_window_centers_and_constant_beyond():
    logits = np.log([[0.2 / 0.8, 0.6 / 0.4], [0.4 / 0.6, 0.8 / 0.2]]).astype(np.float32)
    field = RealismMap(logits, noise_images(12, 12, 1), (8, 8), (4, 4)).over_pixels()
    assert field.shape == (12, 12)
    np.testing.assert_allclose(field[:4, :4], 0.2, atol=1e-6)  # centers at 3.5 and 7.5
    np.testing.assert_allclose(field[8:, 8:], 0.8, atol=1e-6)
    np.testing.assert_allclose(field[0, 4:8], 0.2 + 0.4 * (np.arange(4) + 0.5) / 4, atol=1e-6)
    np.testing.assert_allclose(field[4:8, 0], 0.2 + 0.2 * (np.arange(4) + 0.5) / 4, atol=1e-6)


def test_large_logits_are_yellow_and_small_ones_blue():
    image = np.zeros((16, 32, 1), np.uint8)
    image[:, 16:] = 255
    logits = np.full((3, 7), -9.0, np.float32)
    logits[:, 4:] = 9
    red, green, blue = np.moveaxis(RealismMap(logits, image, (8, 8), (4, 4)).overlay(opacity=1.0).astype(int), -1, 0)
    assert np.all((blue > green)[:, :12])
    assert np.all((red > blue)[:, 24:])
    shown = RealismMap(logits, image, (8, 8), (4, 4)).overlay(opacity=0.0)
    np.testing.assert_array_equal(shown, np.repeat(image, 3, axis=-1))


def test_limits_show_differences_that_probabilities_hide():
    logits = np.array([[-30, -20], [10, 20]], np.float32)
    result = RealismMap(logits, noise_images(12, 12, 1), (8, 8), (4, 4))
    assert np.ptp(result.over_pixels()[8:, :]) < 1e-4
    field = result.over_pixels((-20, 20))
    np.testing.assert_allclose([field[0, 0], field[0, -1], field[-1, 0], field[-1, -1]], [0, 0, 0.75, 1])


@pytest.mark.parametrize("limits", [None, (-1, 1)])
def test_the_figure_shows_the_map_in_color(limits, tmp_path):
    realism_map(brightness(), noise_images(20, 28, 1)).save(tmp_path / "map.png", limits)
    with Image.open(tmp_path / "map.png") as figure:
        assert min(figure.size) > 400
        assert len(np.unique(np.asarray(figure.convert("RGB")).reshape(-1, 3), axis=0)) > 100


def test_a_scene_has_one_row_per_group_and_rows_of_noise_below():
    real, generated = noise_images(3, 8, 8, 1, seed=1), noise_images(3, 8, 8, 1, seed=2)
    scene = realism_scene([real, generated], spacing=4, noise=1, seed=5)
    assert scene.shape == (3 * 12 + 4, 3 * 12 + 4, 1)
    np.testing.assert_array_equal(scene[4:12, 16:24], real[1])
    np.testing.assert_array_equal(scene[16:24, 28:36], generated[2])
    assert len(np.unique(scene[28:36, 4:12])) > 30
    for line in (scene[start : start + 4] for start in (0, 12, 24, 36)):
        assert not line.any()
    for line in (scene[:, start : start + 4] for start in (0, 12, 24, 36)):
        assert not line.any()
    np.testing.assert_array_equal(scene, realism_scene([real, generated], spacing=4, noise=1, seed=5))
    assert np.any(scene != realism_scene([real, generated], spacing=4, noise=1, seed=6))


@pytest.mark.parametrize(
    "call",
    [
        lambda: realism_map(brightness(), noise_images(8, 8, 3)),
        lambda: realism_map(brightness(), noise_images(8, 8)),
        lambda: realism_map(brightness(), np.zeros((8, 8, 1), np.float32)),
        lambda: realism_map(brightness(), noise_images(4, 20, 1)),
        lambda: realism_map(brightness(), noise_images(8, 8, 1), label=0),
        lambda: realism_map(brightness(), noise_images(8, 8, 1), reference=noise_images(0, 8, 8, 1)),
        lambda: realism_scene([]),
        lambda: realism_scene([noise_images(2, 8, 8, 1), noise_images(3, 8, 8, 1)]),
        lambda: realism_scene([noise_images(8, 8, 1)]),
    ],
)
def test_unsuitable_images_are_refused(call):
    with pytest.raises(UserError):
        call()
