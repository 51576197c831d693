"""Which classes a run is conditioned on, and what is said where it is not."""

import numpy as np
import pytest

from dcgan.config import TrainConfig
from dcgan.data.image_dataset import dataset_from_arrays
from dcgan.training.conditioning import MAX_CLASSES, describe_unused_classes, training_classes


def labeled(labels, num_classes):
    names = tuple(f"class {number}" for number in range(num_classes))
    return dataset_from_arrays("folder", np.zeros((len(labels), 8, 8, 1), np.uint8), np.array(labels), names)


def config(**options):
    return TrainConfig("folder", **options).resolve()


@pytest.mark.parametrize(
    ("dataset", "problem"),
    [
        (labeled(range(MAX_CLASSES + 1), MAX_CLASSES + 1), "The 101 classes are left aside: they are more than 100."),
        (labeled([0, 2], 3), "The 3 classes are left aside, as class 1 has no image."),
    ],
)
def test_classes_that_are_not_used_are_said_unless_the_user_decided(dataset, problem):
    assert training_classes(config(), dataset) is None
    assert describe_unused_classes(config(), dataset).startswith(problem)
    assert describe_unused_classes(config(conditional=False), dataset) == ""


def test_nothing_is_said_of_classes_that_are_used():
    dataset = labeled(range(MAX_CLASSES), MAX_CLASSES)
    assert len(training_classes(config(), dataset)) == MAX_CLASSES
    assert describe_unused_classes(config(), dataset) == ""
