"""The small classifier: it learns, it is deterministic, and it is trained once."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.data import ImageDataset
from dcgan.evaluation import classifier
from dcgan.evaluation.classifier import accuracy, build_classifier, classifier_path, load_classifier, train_classifier
from dcgan.evaluation.features import extract
from dcgan.evaluation.splits import take_subset

STEPS = 80


@pytest.fixture(scope="module")
def few(digits):
    return take_subset(digits.training, np.arange(2000))


def weights(model):
    return [np.asarray(variable) for variable in model.variables]


def test_it_classifies_held_out_digits(few, digits):
    held_out = digits.held_out.images[:1000], digits.held_out.labels[:1000]
    model = train_classifier(few, STEPS)
    assert accuracy(extract(model, held_out[0]), held_out[1]) > 0.85  # of 8×8 pixels, after a second


def test_the_same_images_give_the_same_weights_and_are_trained_on_once(few, tmp_path, monkeypatch):
    model = load_classifier(few, tmp_path / "cache", STEPS)
    again = train_classifier(few, STEPS)
    monkeypatch.setattr(classifier, "train_classifier", None)  # must not be called
    cached = load_classifier(few, tmp_path / "cache", STEPS)
    for first, second, third in zip(weights(model), weights(again), weights(cached), strict=True):
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(first, third)


def test_training_is_reported_in_one_line_where_no_progress_bar_is_shown(few, tmp_path, capsys):
    for _ in range(2):
        load_classifier(few, tmp_path / "cache", steps=1)
    assert capsys.readouterr().err.count("Training a classifier of mnist10k (once).\n") == 1


def test_by_default_it_is_cached_in_the_users_cache_directory(few, tmp_path):
    load_classifier(few, None, steps=1)
    (cached,) = (tmp_path / "cache" / "dcgan").glob("*.keras")
    assert cached == classifier_path(few, None, steps=1)


def test_other_images_steps_or_versions_have_another_classifier(few, monkeypatch):
    paths = {
        classifier_path(few, None),
        classifier_path(take_subset(few, np.arange(9)), None),
        classifier_path(few, None, STEPS),
    }
    monkeypatch.setattr(classifier, "VERSION", classifier.VERSION + 1)
    assert len(paths | {classifier_path(few, None)}) == 4


def test_a_damaged_file_is_replaced(few, tmp_path):
    path = classifier_path(few, tmp_path, steps=1)
    path.write_bytes(b"no model")
    load_classifier(few, tmp_path, steps=1)
    assert keras.models.load_model(path).output_shape == (None, 10)


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (32, 24), (96, 64)])
def test_every_size_has_a_classifier_of_64_features(size):
    model = build_classifier(size, 3, 7)
    assert model.output_shape == (None, 7)
    assert model.get_layer("features").output.shape == (None, 64)


def test_images_without_labels_are_refused(few):
    with pytest.raises(UserError, match="folder has no labels"):
        load_classifier(ImageDataset("folder", few.images, None, (), "x"))


def test_a_cache_directory_that_is_not_writable_is_named(few, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file can't be written|file is not writable"):
        load_classifier(few, tmp_path / "file", steps=1)


def test_it_is_trained_without_tf32(few, monkeypatch):
    seen = []
    monkeypatch.setattr(
        keras.Model,
        "train_on_batch",
        lambda *arguments: seen.append(tf.config.experimental.tensor_float_32_execution_enabled()),
    )
    train_classifier(few, steps=2)
    assert seen == [False, False]
