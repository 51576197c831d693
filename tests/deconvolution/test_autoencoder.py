"""The denoising autoencoder: its layers, a short training, and reproducibility."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import dcgan
from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.deconvolution import build_autoencoder, denoise, train_autoencoder
from dcgan.deconvolution.autoencoder import add_noise

IMAGES = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype=np.uint8)


def tiny(seed=0):
    return build_autoencoder((8, 8), 1, 4, 6, seed=seed)


def error(images, others):
    return np.mean((images.astype(np.float64) - others) ** 2)


def test_a_short_training_removes_noise_from_unseen_digits():
    digits = dcgan.load(DataConfig()).images
    seen, unseen = digits[:4000], digits[9000:9200]
    autoencoder = build_autoencoder((28, 28), 1, 8, 32)
    train_autoencoder(autoencoder, seen, steps=300, batch_size=32, learning_rate=3e-3)
    noisy, restored = denoise(autoencoder, unseen)
    assert error(restored, unseen) < 0.9 * error(noisy, unseen)
    assert error(restored, unseen) < 0.5 * error(seen.mean(axis=0), unseen)


def test_the_code_between_encoder_and_decoder_has_the_requested_size():
    autoencoder = tiny()
    image = tf.zeros((3, 8, 8, 1))
    code = autoencoder.get_layer("encoder")(image)
    assert code.shape == (3, 6)
    decoded = autoencoder.get_layer("generator")(code)
    np.testing.assert_array_equal(autoencoder(image), decoded)


def test_the_encoder_has_convolutions_and_the_decoder_transposed_convolutions_of_stride_2():
    encoder, decoder = (build_autoencoder((32, 32), 3, 4).get_layer(name).layers for name in ("encoder", "generator"))
    for layers, layer_class in ((encoder, keras.layers.Conv2D), (decoder, keras.layers.Conv2DTranspose)):
        assert [layer.strides for layer in layers if isinstance(layer, layer_class)] == [(2, 2)] * 3


def test_equal_seeds_train_identically_and_different_seeds_differently():
    losses, weights = [], []
    for seed in (1, 1, 2):
        autoencoder = tiny()
        losses.append(train_autoencoder(autoencoder, IMAGES, steps=5, batch_size=4, seed=seed))
        weights.append(autoencoder.get_weights())
    np.testing.assert_array_equal(losses[0], losses[1])
    for one, other in zip(*weights[:2], strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.all(losses[0] != losses[2])


def test_noise_depends_on_seed_and_step_and_has_the_requested_standard_deviation():
    image = tf.zeros((10, 20, 20, 1))
    noise = [add_noise(image, 0.5, *key).numpy() for key in ((1, 1), (1, 1), (1, 2), (2, 1))]
    np.testing.assert_array_equal(noise[0], noise[1])
    assert np.std(noise[0]) == pytest.approx(0.5, rel=0.05)
    for other in noise[2:]:
        assert abs(np.corrcoef(noise[0].ravel(), other.ravel())[0, 1]) < 0.1


def test_without_noise_the_images_themselves_are_encoded():
    noisy, restored = denoise(tiny(), IMAGES, noise=0.0)
    np.testing.assert_array_equal(noisy, IMAGES)
    assert restored.shape == IMAGES.shape
    assert restored.dtype == np.uint8


@pytest.mark.parametrize(
    "make",
    [
        lambda: build_autoencoder((9, 9), 1),
        lambda: build_autoencoder((8, 8), 1, code_size=0),
        lambda: train_autoencoder(tiny(), IMAGES[:, :4]),
        lambda: train_autoencoder(tiny(), IMAGES / 255),
        lambda: train_autoencoder(tiny(), IMAGES, noise=-1.0),
    ],
)
def test_invalid_sizes_images_and_numbers_raise_an_error(make):
    with pytest.raises(UserError):
        make()
