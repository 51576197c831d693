"""Nearest neighbors among pixels, compared with loops over all pairs."""

import tracemalloc

import numpy as np

from dcgan.evaluation import nearest_neighbors
from dcgan.evaluation.nearest_neighbors import (
    affordable_queries,
    classification_error,
    k_nearest,
    nearest,
    pair_distances,
)


def images(count, seed=0, size=4):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 1), np.uint8)


def all_distances(a, b):
    a, b = (x.reshape(len(x), -1).astype(float) / 255 for x in (a, b))
    return np.array([[np.linalg.norm(x - y) for y in b] for x in a])


def test_the_nearest_image_is_found_in_any_chunk(monkeypatch):
    monkeypatch.setattr(nearest_neighbors, "CHUNK_BYTES", 7 * 16 * 4)
    queries, searched = images(19), images(40, seed=1)  # three chunks of queries, and six of images
    found, distances = nearest(queries, searched)
    expected = all_distances(queries, searched)
    np.testing.assert_array_equal(found, expected.argmin(axis=1))
    np.testing.assert_allclose(distances, expected.min(axis=1), rtol=1e-6)


def test_the_k_nearest_images_are_found_in_any_chunk_and_a_copy_at_distance_0(monkeypatch):
    monkeypatch.setattr(nearest_neighbors, "CHUNK_BYTES", 7 * 16 * 4)
    searched = images(40, seed=1)
    found, distances = k_nearest(searched[23], searched, 5)
    expected = all_distances(searched[23:24], searched)[0]
    np.testing.assert_array_equal(found, np.argsort(expected)[:5])
    np.testing.assert_allclose(distances, np.sort(expected)[:5], rtol=1e-6)
    assert (found[0], distances[0]) == (23, 0)
    assert len(k_nearest(searched[0], searched[:3], 5)[0]) == 3


def test_an_image_of_the_set_is_its_own_nearest_at_distance_0():
    searched = images(20)
    found, distances = nearest(searched[5:8], searched)
    assert found.tolist() == [5, 6, 7]
    assert distances.max() < 1e-3


def test_the_error_counts_test_images_whose_nearest_image_has_another_label(digits):
    training, held_out = digits.training, digits.held_out
    fit, test = slice(0, 500), slice(0, 200)
    error = classification_error(
        training.images[fit], training.labels[fit], held_out.images[test], held_out.labels[test]
    )
    found = all_distances(held_out.images[test], training.images[fit]).argmin(axis=1)
    assert error == (training.labels[fit][found] != held_out.labels[test]).mean()
    assert 0 < error < 0.3


def test_queries_that_are_among_the_images_are_compared_with_all_others(digits, monkeypatch):
    seen, indices = digits.training.images[:600], np.arange(0, 600, 3)
    monkeypatch.setattr(nearest_neighbors, "CHUNK_BYTES", 100 * 64 * 4)
    found, distances = nearest(seen[indices], seen, indices)
    expected = all_distances(seen[indices], seen)
    expected[np.arange(len(indices)), indices] = np.inf
    np.testing.assert_array_equal(found, expected.argmin(axis=1))
    np.testing.assert_allclose(distances, expected.min(axis=1), rtol=1e-6)


def test_a_copy_is_at_distance_0_exactly():
    searched = images(50, size=28)
    assert nearest(searched, searched)[1].max() == 0


def test_pair_distances_cover_every_pair_once_in_any_block(monkeypatch):
    monkeypatch.setattr(nearest_neighbors, "WORKING_MEMORY", 1)
    compared = images(600)
    result = np.full((600, 600), np.inf)
    for start, block in pair_distances(compared):
        assert len(block) < 600
        result[start : start + len(block), start:] = block
    expected = all_distances(compared, compared)
    expected[np.tril_indices(600)] = np.inf
    np.testing.assert_allclose(result, expected, rtol=1e-3)


def test_a_large_dataset_is_searched_for_fewer_queries():
    digits = np.broadcast_to(np.uint8(0), (10_000, 28, 28, 1))
    faces = np.broadcast_to(np.uint8(0), (160_000, 64, 64, 3))
    assert affordable_queries(10_000, digits) == 10_000
    assert affordable_queries(100_000, digits, 2) == affordable_queries(100_000, digits) // 2
    assert affordable_queries(10_000, faces) == 101


def test_more_queries_take_no_more_memory_than_their_results(monkeypatch):
    monkeypatch.setattr(nearest_neighbors, "CHUNK_BYTES", 40 * 1024 * 4)
    queries, searched = images(500, size=32), images(10, size=32)

    def peak(count):
        tracemalloc.start()
        nearest(queries[:count], searched)
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    peak(100)  # imports
    assert (peak(500) - peak(100)) / 400 < 100  # bytes; a query has 4096 in float32
