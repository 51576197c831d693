"""Projection: latents of images that the generator itself generated are recovered."""

import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.networks import build_generator
from dcgan.sampling.generation import generate_images
from dcgan.sampling.latents import latents
from dcgan.sampling.projection import BATCH_SIZE, SELECTION_STEPS, project

SEEDS = (3, 4, 5)


def tiny_generator(classes=0):
    """A generator whose images have contrast; those of initial weights are nearly gray."""
    generator = build_generator((8, 8), 1, 4, 5, classes=classes)
    for variable in generator.trainable_variables:
        if "norm" not in variable.path:
            variable.assign(variable * 15)
    return generator


def generate(generator, labels=None):
    rows = latents(SEEDS, 5)
    if labels is not None:
        rows = np.concatenate([rows, np.eye(generator.inputs[1].shape[-1], dtype=np.float32)[labels]], axis=1)
    return generate_images(generator, rows)


def error(images, others):
    return np.mean(((images.astype(np.float64) - others) / 127.5) ** 2, axis=(1, 2, 3))


def test_a_generated_image_is_recovered_ten_times_closer_than_a_random_one():
    generator = tiny_generator()
    images = generate(generator)
    found = project(generator, images, steps=200, learning_rate=0.1)
    random = generate_images(generator, latents(range(100, 200), 5))
    for image, found_error in zip(images, error(found.images, images), strict=True):
        assert found_error < error(random, image[None]).mean() / 10
    np.testing.assert_allclose(found.latents, latents(SEEDS, 5), atol=0.2)
    assert found.labels is None


def test_the_errors_begin_at_a_start_and_end_at_the_returned_image():
    generator = tiny_generator()
    images = generate(generator)
    found = project(generator, images, restarts=1, steps=30, seed=7)
    assert found.errors.shape == (31, 3)
    np.testing.assert_allclose(found.errors[-1], error(found.images, images), atol=1e-3)
    again = generate_images(generator, found.latents)
    assert np.abs(again.astype(int) - found.images).max() <= 1
    initial = project(generator, images, restarts=1, steps=0, seed=7)
    np.testing.assert_allclose(initial.errors[0], found.errors[0], rtol=1e-5)
    assert np.all(found.errors[-1] < found.errors[0])


def test_more_restarts_never_end_with_a_larger_error():
    generator = tiny_generator()
    one, several = (project(generator, generate(generator), restarts=restarts, steps=20) for restarts in (1, 4))
    assert np.all(several.errors[-1] <= one.errors[-1] * (1 + 1e-4))
    assert np.any(several.errors[-1] < 0.9 * one.errors[-1])


def test_the_class_is_found_where_none_is_given():
    generator = tiny_generator(classes=3)
    labels = np.array([2, 0, 1])
    images = generate(generator, labels)
    found = project(generator, images, restarts=2, steps=150, learning_rate=0.1)
    np.testing.assert_array_equal(found.labels, labels)
    assert error(found.images, images).max() < 0.01


def test_a_given_class_is_kept():
    generator = tiny_generator(classes=3)
    found = project(generator, generate(generator, [2, 0, 1]), labels=[1, 1, 1], restarts=2, steps=5)
    np.testing.assert_array_equal(found.labels, [1, 1, 1])
    right = project(generator, generate(generator, [2, 0, 1]), labels=[2, 0, 1], restarts=2, steps=100)
    wrong = project(generator, generate(generator, [2, 0, 1]), labels=[1, 1, 0], restarts=2, steps=100)
    assert right.errors[-1].mean() < wrong.errors[-1].mean() / 2


def test_equal_seeds_find_equal_latents_and_other_seeds_start_elsewhere():
    generator = tiny_generator()
    found = [project(generator, generate(generator), steps=3, seed=seed).latents for seed in (1, 1, 2)]
    np.testing.assert_array_equal(found[0], found[1])
    assert np.any(found[0] != found[2])


def test_many_images_are_projected_in_batches_and_stay_in_order():
    generator = tiny_generator()
    many = np.resize(generate(generator), (BATCH_SIZE + 2, 8, 8, 1))
    found = project(generator, many, restarts=1, steps=5)
    assert found.latents.shape == (len(many), 5)
    assert found.errors.shape == (6, len(many))
    # Images i and i + 3 are equal, and the batch size is no multiple of 3, so equal images are in different batches.
    np.testing.assert_allclose(found.errors[-1, :-3], found.errors[-1, 3:], rtol=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"images": np.zeros((2, 9, 9, 1), np.uint8)},
        {"images": np.zeros((2, 8, 8, 1), np.float32)},
        {"images": np.zeros((0, 8, 8, 1), np.uint8)},
        {"restarts": 0},
        {"steps": -1},
        {"labels": [0, 1]},
        {"classes": 3, "labels": [0]},
        {"classes": 3, "labels": [0, 3]},
    ],
)
def test_invalid_images_labels_and_numbers_are_refused(options):
    generator = tiny_generator(options.pop("classes", 0))
    with pytest.raises(UserError):
        project(generator, options.pop("images", np.zeros((2, 8, 8, 1), np.uint8)), **options)


def test_latents_are_limited_to_a_length_that_is_likely_in_training_unless_the_limit_is_off():
    generator = tiny_generator()
    far = generate_images(generator, 3 * latents(SEEDS, 5))
    limited, free = (project(generator, far, steps=150, length_tail=tail).latents for tail in (0.3, None))
    lengths = np.linalg.norm(latents(range(10_000), 5), axis=1)
    np.testing.assert_allclose(np.linalg.norm(limited, axis=1), np.quantile(lengths, 0.7), rtol=0.01)
    assert np.linalg.norm(free, axis=1).min() > np.quantile(lengths, 0.7)


def test_all_starts_are_optimized_until_the_selection_and_the_errors_are_those_of_the_best():
    """Until the selection the starts are independent, so the errors do not depend on the later steps."""
    generator = tiny_generator()
    images = generate(generator)
    selected = project(generator, images, restarts=3, steps=SELECTION_STEPS).errors
    longer = project(generator, images, restarts=3, steps=SELECTION_STEPS + 50).errors
    np.testing.assert_allclose(longer[: SELECTION_STEPS + 1], selected, rtol=1e-2, atol=1e-5)
    assert np.all(longer[-1] <= longer[SELECTION_STEPS])


def test_latents_are_recorded_at_the_requested_stages():
    generator = tiny_generator()
    images = generate(generator)
    steps = SELECTION_STEPS + 20
    found = project(generator, images, restarts=2, steps=steps, stages=(0, SELECTION_STEPS, 3, steps))
    assert found.stages.shape == (4, 3, 5)
    np.testing.assert_array_equal(found.stages[-1], found.latents)
    for stage, points in zip((0, 3, SELECTION_STEPS, steps), found.stages, strict=True):
        np.testing.assert_allclose(
            error(generate_images(generator, points), images), found.errors[stage], rtol=0.1, atol=1e-3
        )
