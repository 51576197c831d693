"""Latent directions, for latents and a generator whose directions are known."""

import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.sampling import latents
from dcgan.sampling.latent_directions import (
    difference_of_means,
    generate_along,
    linear_direction,
    orthogonal_to,
    predict,
)
from tests.support.linear_generator import DIM, SIDE, WEIGHTS, expected_image, linear_generator

TRUE = np.array([0.6, 0.0, -0.8, 0.0, 0.0])
"""The labels of the latents below depend on this direction alone."""


@pytest.fixture(scope="module")
def labeled():
    z = latents(range(20_000), DIM)
    return z, z @ TRUE > 0


def test_the_difference_of_means_points_along_what_the_labels_depend_on(labeled):
    """The mean of half a normal distribution is √(2/π), so the means of both halves are twice that apart."""
    np.testing.assert_allclose(difference_of_means(*labeled), 2 * np.sqrt(2 / np.pi) * TRUE, atol=0.03)


def test_the_linear_direction_is_the_direction_itself(labeled):
    np.testing.assert_allclose(linear_direction(*labeled), TRUE, atol=0.01)


def test_the_linear_direction_ignores_numbers_that_are_only_correlated_with_the_label():
    """The means differ in every number that is correlated with the labels; the plane uses only the deciding number."""
    random = np.random.default_rng(0)
    deciding = random.standard_normal(20_000)
    z = np.stack([deciding, deciding + random.standard_normal(20_000)], axis=1)
    assert abs(difference_of_means(z, deciding > 0)[1]) > 1
    np.testing.assert_allclose(linear_direction(z, deciding > 0), [1, 0], atol=0.01)


def test_an_orthogonal_direction_has_no_component_along_the_others():
    orthogonal = orthogonal_to(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0]))
    np.testing.assert_allclose(orthogonal, [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(orthogonal_to(TRUE), TRUE, rtol=1e-6)


@pytest.mark.parametrize("find", [difference_of_means, linear_direction])
@pytest.mark.parametrize("label", [True, False])
def test_samples_that_all_have_the_same_label_have_no_direction(find, label):
    with pytest.raises(UserError, match="some that do not"):
        find(latents(range(5), DIM), np.full(5, label))


def test_labels_for_another_number_of_samples_are_refused():
    with pytest.raises(ValueError, match="4 latents"):
        difference_of_means(latents(range(4), DIM), np.array([True, False]))


def test_a_predictor_is_called_once_with_all_images_in_order():
    seen = []
    z = latents(range(70), DIM)
    brightness = predict(linear_generator(), z, lambda images: seen.append(images) or images.mean(axis=(1, 2, 3)))
    assert len(seen) == 1
    np.testing.assert_allclose(seen[0], expected_image(z), atol=0.51)
    np.testing.assert_allclose(brightness, expected_image(z).mean(axis=(1, 2, 3)), atol=0.51)


def test_images_along_a_direction_are_those_of_the_moved_latents():
    z = latents(range(70), DIM)
    images = generate_along(linear_generator(), z, TRUE, [0, 1, 2])
    assert images.shape == (70, 3, SIDE, SIDE, 1)
    assert images.dtype == np.uint8
    np.testing.assert_allclose(images[:, 2], expected_image(z + 2 * TRUE), atol=0.51)


def test_a_conditional_generator_stays_in_the_class_of_each_row():
    z = latents(range(3), DIM)
    rows = np.concatenate([z, np.eye(3, dtype=np.float32)], axis=1)
    images = generate_along(linear_generator(3), rows, TRUE, [-1, 1])
    for label in range(3):
        np.testing.assert_allclose(images[label, 1], expected_image(z[label] + TRUE, label), atol=0.51)


def test_a_direction_found_from_brightness_makes_images_bright():
    """Brightness is linear in the latent; its gradient is the sum of the weights of all pixels."""
    z = latents(range(5000), DIM)
    brightness = predict(linear_generator(), z, lambda images: images.mean(axis=(1, 2, 3)))
    gradient = WEIGHTS.sum(axis=1) / np.linalg.norm(WEIGHTS.sum(axis=1))
    for find in (difference_of_means, linear_direction):
        direction = find(z, brightness > np.median(brightness))
        assert direction @ gradient / np.linalg.norm(direction) > 0.99
