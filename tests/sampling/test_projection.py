"""From pictures back to latents: what a generator drew itself is found again."""

import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.networks import build_generator
from dcgan.sampling.generation import generate_batches, generate_images
from dcgan.sampling.latents import latents
from dcgan.sampling.projection import AT_ONCE, RACE, project

SEEDS = (3, 4, 5)


def generator_of(classes=0):
    """A tiny one that draws pictures of some contrast: as it begins, all of them are nearly grey."""
    generator = build_generator((8, 8), 1, 4, 5, classes=classes)
    for variable in generator.trainable_variables:
        if "norm" not in variable.path:
            variable.assign(variable * 15)
    return generator


def drawn(generator, labels=None):
    rows = latents(SEEDS, 5)
    if labels is not None:
        rows = np.concatenate([rows, np.eye(generator.inputs[1].shape[-1], dtype=np.float32)[labels]], axis=1)
    return np.concatenate(list(generate_batches(generator, rows)))


def error(images, others):
    return np.mean(((images.astype(np.float64) - others) / 127.5) ** 2, axis=(1, 2, 3))


def test_a_drawn_picture_is_found_ten_times_nearer_than_a_random_one():
    generator = generator_of()
    images = drawn(generator)
    found = project(generator, images, steps=200, learning_rate=0.1)
    random = np.concatenate(list(generate_batches(generator, latents(range(100, 200), 5))))
    for image, near in zip(images, error(found.images, images), strict=True):
        assert near < error(random, image[None]).mean() / 10
    np.testing.assert_allclose(found.latents, latents(SEEDS, 5), atol=0.2)
    assert found.labels is None


def test_the_errors_begin_at_a_start_and_end_at_the_picture_that_is_returned():
    generator = generator_of()
    images = drawn(generator)
    found = project(generator, images, starts=1, steps=30, seed=7)
    assert found.errors.shape == (31, 3)
    np.testing.assert_allclose(found.errors[-1], error(found.images, images), atol=1e-3)
    again = np.concatenate(list(generate_batches(generator, found.latents)))
    assert np.abs(again.astype(int) - found.images).max() <= 1
    begun = project(generator, images, starts=1, steps=0, seed=7)
    np.testing.assert_allclose(begun.errors[0], found.errors[0], rtol=1e-5)
    assert np.all(found.errors[-1] < found.errors[0])


def test_more_starts_never_end_further_away():
    generator = generator_of()
    one, several = (project(generator, drawn(generator), starts=starts, steps=20) for starts in (1, 4))
    assert np.all(several.errors[-1] <= one.errors[-1] * (1 + 1e-4))
    assert np.any(several.errors[-1] < 0.9 * one.errors[-1])


def test_a_class_is_searched_where_none_is_given():
    generator = generator_of(classes=3)
    labels = np.array([2, 0, 1])
    images = drawn(generator, labels)
    found = project(generator, images, starts=2, steps=150, learning_rate=0.1)
    np.testing.assert_array_equal(found.labels, labels)
    assert error(found.images, images).max() < 0.01


def test_a_given_class_is_kept():
    generator = generator_of(classes=3)
    found = project(generator, drawn(generator, [2, 0, 1]), labels=[1, 1, 1], starts=2, steps=5)
    np.testing.assert_array_equal(found.labels, [1, 1, 1])
    right = project(generator, drawn(generator, [2, 0, 1]), labels=[2, 0, 1], starts=2, steps=100)
    wrong = project(generator, drawn(generator, [2, 0, 1]), labels=[1, 1, 0], starts=2, steps=100)
    assert right.errors[-1].mean() < wrong.errors[-1].mean() / 2


def test_equal_seeds_find_equal_latents_and_others_begin_elsewhere():
    generator = generator_of()
    found = [project(generator, drawn(generator), steps=3, seed=seed).latents for seed in (1, 1, 2)]
    np.testing.assert_array_equal(found[0], found[1])
    assert np.any(found[0] != found[2])


def test_many_images_are_projected_piece_by_piece_and_stay_in_order():
    generator = generator_of()
    many = np.resize(drawn(generator), (AT_ONCE + 2, 8, 8, 1))
    found = project(generator, many, starts=1, steps=5)
    assert found.latents.shape == (len(many), 5)
    assert found.errors.shape == (6, len(many))
    # Image i and image i + 3 are one picture, and 512 rows are no multiple of 3: the pieces meet in between.
    np.testing.assert_allclose(found.errors[-1, :-3], found.errors[-1, 3:], rtol=1e-3)


@pytest.mark.parametrize(
    "ask",
    [
        {"images": np.zeros((2, 9, 9, 1), np.uint8)},
        {"images": np.zeros((2, 8, 8, 1), np.float32)},
        {"images": np.zeros((0, 8, 8, 1), np.uint8)},
        {"starts": 0},
        {"steps": -1},
        {"labels": [0, 1]},
        {"classes": 3, "labels": [0]},
        {"classes": 3, "labels": [0, 3]},
    ],
)
def test_what_can_not_be_projected_is_refused(ask):
    generator = generator_of(ask.pop("classes", 0))
    with pytest.raises(UserError):
        project(generator, ask.pop("images", np.zeros((2, 8, 8, 1), np.uint8)), **ask)


def test_latents_grow_no_longer_than_nearly_all_of_training_and_as_long_as_they_like_without_a_limit():
    generator = generator_of()
    far = generate_images(generator, 3 * latents(SEEDS, 5))
    held, free = (project(generator, far, steps=150, rarest=rarest).latents for rarest in (0.3, None))
    lengths = np.linalg.norm(latents(range(10_000), 5), axis=1)
    np.testing.assert_allclose(np.linalg.norm(held, axis=1), np.quantile(lengths, 0.7), rtol=0.01)
    assert np.linalg.norm(free, axis=1).min() > np.quantile(lengths, 0.7)


def test_the_race_is_run_by_all_starts_and_the_rest_by_one_whose_errors_are_told():
    """As far as the race goes, each start is alone: the winner is the best of them."""
    generator = generator_of()
    images = drawn(generator)
    race = project(generator, images, starts=3, steps=RACE).errors
    longer = project(generator, images, starts=3, steps=RACE + 50).errors
    np.testing.assert_allclose(longer[: RACE + 1], race, rtol=1e-2, atol=1e-5)
    assert np.all(longer[-1] <= longer[RACE])


def test_latents_on_the_way_are_kept_where_they_are_asked_for():
    generator = generator_of()
    images = drawn(generator)
    steps = RACE + 20
    found = project(generator, images, starts=2, steps=steps, stages=(0, RACE, 3, steps))
    assert found.stages.shape == (4, 3, 5)
    np.testing.assert_array_equal(found.stages[-1], found.latents)
    for stage, points in zip((0, 3, RACE, steps), found.stages, strict=True):
        np.testing.assert_allclose(
            error(generate_images(generator, points), images), found.errors[stage], rtol=0.1, atol=1e-3
        )
