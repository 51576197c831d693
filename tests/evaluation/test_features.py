"""Extraction: the same features in whatever company, and every kind of network."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import dcgan
from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.evaluation import features
from dcgan.evaluation.classifier import build_classifier
from dcgan.evaluation.features import Extractor, classifier_features_from, extract, file_features, inception_features


@pytest.fixture(scope="module")
def network():
    return build_classifier((8, 8), 1, 10)


def images(count, size=(8, 8), channels=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *size, channels), np.uint8)


def test_features_are_the_networks_in_inference_mode(network):
    some = images(7)
    expected = np.asarray(network(to_float(some), training=False))
    np.testing.assert_allclose(extract(network, some), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_features_do_not_move_with_the_batch_size(network, batch_size):
    some = images(70)
    np.testing.assert_allclose(extract(network, some, batch_size), extract(network, some), rtol=1e-4, atol=1e-4)


def test_an_images_features_are_the_same_to_the_bit_in_whatever_company(network):
    some = images(300)
    np.testing.assert_array_equal(extract(network, some)[257:280], extract(network, some[257:280]))


PROGRAM = """
import sys, dcgan, numpy as np, tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
from test_features import extract, images
from dcgan.evaluation.classifier import build_classifier
np.save(sys.argv[1], extract(build_classifier((8, 8), 1, 10), images(70)))
"""


def test_features_do_not_move_with_the_number_of_threads(network, tmp_path):
    paths = os.pathsep.join(
        [str(Path(dcgan.__file__).parents[1]), str(Path(__file__).parent), str(Path(__file__).parents[2])]
    )
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "a.npy")]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, check=True)
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), extract(network, images(70)), rtol=1e-4, atol=1e-4)


def test_no_images_have_no_features(network):
    assert extract(network, images(0)).shape == (0, 10)


def test_the_classifiers_features_are_its_last_hidden_layer(network):
    extractor = classifier_features_from(network)
    some = extractor(images(3))
    assert some.shape == (3, 64)
    assert some.min() >= 0
    kernel, bias = (np.asarray(weight) for weight in network.get_layer("logits").weights)
    np.testing.assert_allclose(some @ kernel + bias, extract(network, images(3)), rtol=1e-3, atol=1e-4)


def test_the_features_of_stacked_digits_are_those_of_each_channel(network):
    stacked = images(4, channels=3)
    alone = [classifier_features_from(network)(stacked[..., [channel]]) for channel in range(3)]
    np.testing.assert_array_equal(
        classifier_features_from(network, each_channel=True)(stacked), np.concatenate(alone, axis=1)
    )


def test_a_model_file_gives_its_flattened_output(tmp_path):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.AveragePooling2D(4)(inputs))
    model.save(tmp_path / "a.keras")
    extractor = file_features(tmp_path / "a.keras", (8, 8), 3)
    some = images(5, channels=3)
    expected = (some.astype(float) / 127.5 - 1).reshape(5, 2, 4, 2, 4, 3).mean(axis=(2, 4)).reshape(5, 12)
    np.testing.assert_allclose(extractor(some), expected, atol=1e-5)


def test_a_model_of_another_size_sees_the_images_resized_and_in_its_colours(tmp_path):
    inputs = keras.Input((16, 16, 3))
    keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs)).save(tmp_path / "a.keras")
    extractor = file_features(tmp_path / "a.keras", (8, 8), 1)
    assert "resized to 16x16" in extractor.note
    np.testing.assert_allclose(extractor(np.full((2, 8, 8, 1), 255, np.uint8)), np.ones((2, 3)), atol=1e-5)


def test_files_that_are_no_network_of_such_images_are_refused(tmp_path):
    with pytest.raises(UserError, match="There is no model file"):
        file_features(tmp_path / "a.keras", (8, 8), 1)
    (tmp_path / "a.keras").write_bytes(b"no model")
    with pytest.raises(UserError, match="can't be used"):
        file_features(tmp_path / "a.keras", (8, 8), 1)
    inputs = keras.Input((5,))
    keras.Model(inputs, keras.layers.Dense(3)(inputs)).save(tmp_path / "b.keras")
    with pytest.raises(UserError, match="not images of"):
        file_features(tmp_path / "b.keras", (8, 8), 1)


def test_a_model_that_carries_code_is_not_run(tmp_path):
    inputs = keras.Input((8, 8, 1))
    hostile = keras.Model(inputs, keras.layers.Lambda(lambda x: x)(inputs))
    hostile.save(tmp_path / "a.keras")
    with pytest.raises(UserError, match="can't be used"):
        file_features(tmp_path / "a.keras", (8, 8), 1)


def test_inceptions_weights_that_can_not_be_downloaded_are_told_in_words(monkeypatch):
    def offline(*args, **kwargs):
        raise Exception("URL fetch failure on https://example.org: None -- unreachable")

    monkeypatch.setattr(keras.applications, "InceptionV3", offline)
    with pytest.raises(UserError, match=r"could not be downloaded.*unreachable") as caught:
        inception_features()
    assert "--features classifier" in caught.value.hint


def test_inception_sees_299_pixels_in_colour_and_says_what_it_can_not_be_compared_with(monkeypatch):
    inputs = keras.Input((*features.INCEPTION_SIZE, 3))  # a stand-in of the same input: the real one is 92 MB
    small = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    monkeypatch.setattr(keras.applications, "InceptionV3", lambda **options: small)
    extractor = inception_features()
    assert isinstance(extractor, Extractor)
    assert "Not comparable to the FID" in extractor.note
    assert extractor(images(2)).shape == (2, 3)
