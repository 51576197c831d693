"""Clusters of images whose groups are known."""

import tracemalloc

import numpy as np
import pytest

from dcgan.data import clusters
from dcgan.data.clusters import MIN_IMAGES, cluster_images

GROUPS, PER_GROUP = 4, 60


def grouped_images(side=8):
    """Images of noise around four different patterns, shuffled, and the number of each image's pattern."""
    random = np.random.default_rng(0)
    patterns = random.integers(40, 216, (GROUPS, side, side, 3))
    groups = random.permutation(np.repeat(np.arange(GROUPS), PER_GROUP))
    return (patterns[groups] + random.integers(-5, 6, (len(groups), side, side, 3))).astype(np.uint8), groups


def partition(labels):
    """The sets of images with equal labels, whatever the labels are called."""
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


@pytest.mark.slow
@pytest.mark.parametrize("side", [8, 70])  # 70 is averaged over blocks of 3 pixels
def test_groups_of_similar_images_become_clusters(side):
    images, groups = grouped_images(side)
    assert partition(cluster_images(images, None, GROUPS, seed=0)) == partition(groups)


def test_the_images_of_each_class_are_divided_by_themselves():
    images, groups = grouped_images()
    labels = (groups >= 2).astype(np.int64)
    clusters = cluster_images(images, labels, GROUPS, seed=0)
    assert partition(labels * GROUPS + clusters) == partition(groups)
    assert sorted(np.unique(clusters)) == [0, 1]


def test_each_class_has_its_share_of_the_clusters():
    random, labels = np.random.default_rng(0), np.repeat([0, 1], [900, 300])
    images = random.integers(0, 256, (1200, 4, 4, 1), dtype=np.uint8)
    clusters = cluster_images(images, labels, 8, seed=0)
    assert [len(np.unique(clusters[labels == label])) for label in (0, 1)] == [6, 2]


def test_few_images_have_few_clusters():
    images, _ = grouped_images()
    clusters = cluster_images(images, None, 100, seed=0)
    assert 1 < len(np.unique(clusters)) <= len(images) // MIN_IMAGES
    assert not cluster_images(images[: 2 * MIN_IMAGES - 1], None, 100, seed=0).any()
    assert not cluster_images(images[:1], None, 100, seed=0).any()
    assert not cluster_images(np.zeros_like(images), None, 4, seed=0).any()  # equal images


def test_equal_images_and_seeds_give_equal_clusters_also_from_a_file(tmp_path):
    images, _ = grouped_images()
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert np.array_equal(cluster_images(images, None, 3, seed=5), cluster_images(mapped, None, 3, seed=5))


def test_clustering_takes_little_more_memory_per_image_than_its_principal_components(monkeypatch):
    monkeypatch.setattr(clusters, "_FITTED_IMAGES", 500)  # which more images do not increase
    monkeypatch.setattr(clusters, "_CHUNK", 256)
    images = np.random.default_rng(0).integers(0, 256, (12_000, 8, 8, 3), np.uint8)

    def peak(count):
        tracemalloc.start()
        cluster_images(images[:count], None, 3, seed=0)
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    peak(4000)  # imports
    assert (peak(12_000) - peak(4000)) / 8000 < 1.5 * 4 * clusters.COMPONENTS


def test_equal_images_are_one_cluster():
    images = np.repeat(grouped_images()[0][:2], 200, axis=0)
    assert set(cluster_images(images, None, 4, seed=0)) == {0, 1}
    assert set(cluster_images(images[:200], None, 4, seed=0)) == {0}
