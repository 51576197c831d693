"""The small classifier: what it learns, that it is the same every time, and that it is trained once."""

import keras
import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.data import ImageDataset
from dcgan.evaluation import classifier
from dcgan.evaluation.classifier import accuracy, build_classifier, load_classifier, place_of, train_classifier
from dcgan.evaluation.features import extract
from dcgan.evaluation.splits import _part

STEPS = 60


@pytest.fixture(scope="module")
def few(digits):
    return _part(digits.training, np.arange(2000))


def weights(model):
    return [np.asarray(variable) for variable in model.variables]


def test_it_learns_digits_it_has_not_seen(few, digits):
    held_out = digits.held_out.images[:1000], digits.held_out.labels[:1000]
    model = train_classifier(few, STEPS)
    assert accuracy(extract(model, held_out[0]), held_out[1]) > 0.85  # of 8×8 pixels, after a second


def test_the_same_images_give_the_same_weights_and_are_learnt_once(few, tmp_path, monkeypatch):
    model = load_classifier(few, tmp_path / "store", STEPS)
    again = train_classifier(few, STEPS)
    monkeypatch.setattr(classifier, "train_classifier", None)  # it must not be called
    kept = load_classifier(few, tmp_path / "store", STEPS)
    for one, other, third in zip(weights(model), weights(again), weights(kept), strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, third)


def test_it_is_said_in_a_line_that_one_is_trained_where_no_bar_is_drawn(few, tmp_path, capsys):
    for _ in range(2):
        load_classifier(few, tmp_path / "store", steps=1)
    assert capsys.readouterr().err.count("Training a classifier of mnist10k, once.\n") == 1


def test_by_default_it_is_kept_in_the_users_cache_folder(few, tmp_path):
    load_classifier(few, None, steps=1)
    (kept,) = (tmp_path / "cache" / "dcgan").glob("*.keras")
    assert kept == place_of(few, None, steps=1)


def test_other_images_and_another_recipe_have_another_classifier(few, monkeypatch):
    places = {place_of(few, None), place_of(_part(few, np.arange(9)), None), place_of(few, None, STEPS)}
    monkeypatch.setattr(classifier, "RECIPE", classifier.RECIPE + 1)
    assert len(places | {place_of(few, None)}) == 4


def test_a_damaged_file_is_written_anew(few, tmp_path):
    path = place_of(few, tmp_path, steps=1)
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


def test_a_store_that_can_not_be_written_to_is_named(few, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file can't be written to"):
        load_classifier(few, tmp_path / "file", steps=1)
