"""Feature extraction: independent of the batch, for every source of networks."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import dcgan
from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.data import load
from dcgan.evaluation import digit_features, features
from dcgan.evaluation.classifier import build_classifier, load_classifier
from dcgan.evaluation.features import Extractor, classifier_features_from, extract, file_features, inception_features
from dcgan.evaluation.splits import load_splits


@pytest.fixture(scope="module")
def network():
    return build_classifier((8, 8), 1, 10)


def images(count, size=(8, 8), channels=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *size, channels), np.uint8)


def test_features_are_the_networks_in_inference_mode(network):
    x = images(7)
    expected = np.asarray(network(to_float(x), training=False))
    np.testing.assert_allclose(extract(network, x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_features_do_not_depend_on_the_batch_size(network, batch_size):
    x = images(70)
    np.testing.assert_allclose(extract(network, x, batch_size), extract(network, x), rtol=1e-4, atol=1e-4)


def test_the_features_of_an_image_are_bit_identical_among_any_other_images(network):
    x = images(300)
    np.testing.assert_array_equal(extract(network, x)[257:280], extract(network, x[257:280]))


def test_features_are_computed_without_tf32(network, monkeypatch):
    enabled = tf.config.experimental.tensor_float_32_execution_enabled
    seen = []

    def forward(model, batch_size):
        return lambda batch: seen.append(enabled()) or tf.zeros([batch_size, 10])

    monkeypatch.setattr(features, "_forward", forward)
    before = enabled()
    extract(network, images(3), 2)
    assert seen == [False, False]
    assert enabled() == before


PROGRAM = """
import sys, dcgan, numpy as np, tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
from test_features import extract, images
from dcgan.evaluation.classifier import build_classifier
np.save(sys.argv[1], extract(build_classifier((8, 8), 1, 10), images(70)))
"""


def test_features_do_not_depend_on_the_number_of_threads(network, tmp_path):
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
    x = extractor(images(3))
    assert x.shape == (3, 64)
    assert x.min() >= 0
    kernel, bias = (np.asarray(weight) for weight in network.get_layer("logits").weights)
    np.testing.assert_allclose(x @ kernel + bias, extract(network, images(3)), rtol=1e-3, atol=1e-4)


def test_the_features_of_stacked_digits_are_those_of_each_channel(network):
    stacked = images(4, channels=3)
    single = [classifier_features_from(network)(stacked[..., [channel]]) for channel in range(3)]
    np.testing.assert_array_equal(
        classifier_features_from(network, each_channel=True)(stacked), np.concatenate(single, axis=1)
    )


def test_a_model_file_provides_its_flattened_output(tmp_path):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.AveragePooling2D(4)(inputs))
    model.save(tmp_path / "a.keras")
    extractor = file_features(tmp_path / "a.keras", (8, 8), 3)
    x = images(5, channels=3)
    expected = (x.astype(float) / 127.5 - 1).reshape(5, 2, 4, 2, 4, 3).mean(axis=(2, 4)).reshape(5, 12)
    np.testing.assert_allclose(extractor(x), expected, atol=1e-5)


def test_images_are_resized_and_converted_to_the_colors_of_a_model(tmp_path):
    inputs = keras.Input((16, 16, 3))
    keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs)).save(tmp_path / "a.keras")
    extractor = file_features(tmp_path / "a.keras", (8, 8), 1)
    assert "resized to 16x16" in extractor.note
    np.testing.assert_allclose(extractor(np.full((2, 8, 8, 1), 255, np.uint8)), np.ones((2, 3)), atol=1e-5)


def test_files_without_a_model_of_such_images_are_refused(tmp_path):
    with pytest.raises(UserError, match="There is no model file"):
        file_features(tmp_path / "a.keras", (8, 8), 1)
    (tmp_path / "a.keras").write_bytes(b"no model")
    with pytest.raises(UserError, match="is not a model"):
        file_features(tmp_path / "a.keras", (8, 8), 1)
    inputs = keras.Input((5,))
    keras.Model(inputs, keras.layers.Dense(3)(inputs)).save(tmp_path / "b.keras")
    with pytest.raises(UserError, match="not images of"):
        file_features(tmp_path / "b.keras", (8, 8), 1)


def test_a_model_that_contains_code_is_not_executed(tmp_path):
    inputs = keras.Input((8, 8, 1))
    hostile = keras.Model(inputs, keras.layers.Lambda(lambda x: x)(inputs))
    hostile.save(tmp_path / "a.keras")
    with pytest.raises(UserError, match=r"keras\.layers\.Lambda"):
        file_features(tmp_path / "a.keras", (8, 8), 1)


def test_a_failed_download_of_inceptions_weights_is_explained(monkeypatch):
    def offline(*args, **kwargs):
        raise Exception("URL fetch failure on https://example.org: None -- unreachable")

    monkeypatch.setattr(keras.applications, "InceptionV3", offline)
    with pytest.raises(UserError, match=r"can't be downloaded.*unreachable") as caught:
        inception_features()
    assert "--features classifier" in caught.value.hint


def test_inception_takes_color_images_of_299_pixels_and_notes_that_published_fid_is_not_comparable(monkeypatch):
    inputs = keras.Input((*features.INCEPTION_SIZE, 3))  # a small model with the same input; the real one has 92 MB
    small = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    monkeypatch.setattr(keras.applications, "InceptionV3", lambda **options: small)
    extractor = inception_features()
    assert isinstance(extractor, Extractor)
    assert "Not comparable with published FID" in extractor.note
    assert extractor(images(2)).shape == (2, 3)


def test_digits_have_64_features_of_a_classifier_that_is_trained_once(monkeypatch):
    trained = []

    def train_briefly(*arguments):
        trained.append(arguments)
        return load_classifier(*arguments, steps=2)

    monkeypatch.setattr(features, "load_classifier", train_briefly)
    features.digit_extractor.cache_clear()
    digits = load(DataConfig()).images[:5]
    assert digit_features(digits).shape == (5, 64)
    np.testing.assert_array_equal(digit_features(digits[2:]), digit_features(digits)[2:])
    assert len(trained) == 1
    assert trained[0][0].fingerprint == load_splits(DataConfig()).classifier.fingerprint
    features.digit_extractor.cache_clear()
