"""What evaluations during a training will take, beside what the evaluator does."""

import json

import keras
import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.data import ImageDataset
from dcgan.doctor import diagnose, evaluation
from dcgan.doctor.evaluation import measure_evaluation
from dcgan.doctor.sample import take_sample
from dcgan.evaluation.evaluator import Evaluator
from dcgan.evaluation.splits import part_sizes


@pytest.fixture
def two_classes(write_images, noise):
    """A folder of 2 x 30 images."""
    write_images("images/a", noise(30))
    write_images("images/b", noise(30, seed=1))


@pytest.fixture
def features(tmp_path):
    """The file of a small network whose output is used as features."""
    image = keras.Input((16, 16, 3))
    model = keras.Model(image, keras.layers.Flatten()(keras.layers.AveragePooling2D(4)(image)))
    model.save(tmp_path / "features.keras")
    return str(tmp_path / "features.keras")


def measure(config):
    config = config.training().resolve()
    sample = take_sample(config, 1000)
    dataset = ImageDataset("folder", sample.images, sample.labels, sample.class_names, "")
    return measure_evaluation(config, sample, dataset)


def test_the_number_of_images_is_that_of_the_evaluator(two_classes, features, options):
    config = options(evaluate_every=10, features=features)
    costs = measure(config)
    assert costs.images == 12
    assert f"Evaluation: {costs.images} generated images" in Evaluator(config.training()).description


def test_test_images_leave_more_for_the_reference(write_images, noise, options, features):
    write_images("images/train/a", noise(60))
    write_images("images/test/a", noise(10, seed=2))
    config = options(evaluate_every=10, features=features)
    costs = measure(config)
    assert costs.images == part_sizes(60, with_test_split=True)["reference"] == 20
    assert f"Evaluation: {costs.images} generated images" in Evaluator(config.training()).description


def test_a_classifier_takes_as_many_steps_as_it_is_trained_for(two_classes, options, monkeypatch):
    few = measure(options(evaluate_every=10))
    monkeypatch.setattr(evaluation, "STEPS", 100 * evaluation.STEPS)
    many = measure(options(evaluate_every=10))
    assert many.classifier > 5 * few.classifier > 0


def test_a_file_of_features_trains_no_classifier(two_classes, options, features):
    costs = measure(options(evaluate_every=10, features=features, evaluate_num=7))
    assert costs.images == 7
    assert costs.classifier == 0
    assert min(costs.start, costs.each) > 0


def test_images_without_labels_end_the_diagnosis_as_they_end_the_training(two_classes, options):
    with pytest.raises(UserError, match=r"needs a dataset with labels"):
        diagnose(options(evaluate_every=10, labels="none", check_seconds=0.1))


def test_too_few_images_are_an_error(write_images, noise, options, features):
    write_images("images", noise(12))
    with pytest.raises(UserError, match=r"needs 4 images or more in each part"):
        diagnose(options(evaluate_every=10, features=features, check_seconds=0.1))


def test_the_report_has_the_time_of_evaluations_and_nothing_else_is_written(two_classes, options, features, tmp_path):
    before = set(tmp_path.rglob("*"))
    report = diagnose(
        options(evaluate_every=10, features=features, check_seconds=0.1, json="report.json", evaluate_num=8)
    )
    seconds = json.loads((tmp_path / "report.json").read_text())["plan"]["seconds"]
    assert report.plan["events"]["evaluate"] == 4
    assert seconds["evaluations"] > 0
    assert seconds["features of real images"] > 0
    assert seconds["classifier"] == 0
    assert {path.name for path in set(tmp_path.rglob("*")) - before} == {"report.json"}


def test_the_time_of_metrics_grows_with_both_numbers(monkeypatch):
    monkeypatch.setattr(evaluation, "_TIMED_ROWS", 8)
    monkeypatch.setattr(evaluation, "_seconds", lambda function: 1.0)
    assert evaluation._time_metrics(3, 80, 16) == pytest.approx(10 * 2)
    assert evaluation._time_metrics(3, 6, 5) == pytest.approx(1)


def test_a_small_sample_is_repeated_to_a_batch():
    dataset = ImageDataset("x", np.zeros((3, 4, 4, 1), np.uint8), np.arange(3), ("a", "b", "c"), "")
    repeated = evaluation._at_least_a_batch(dataset)
    assert len(repeated) == len(repeated.labels) == evaluation.BATCH_SIZE
    assert repeated.labels[:6].tolist() == [0, 1, 2, 0, 1, 2]
