"""The order of the images is a function of (seed, step), and every epoch contains every image."""

import numpy as np
import pytest

from dcgan.data.batches import batch_indices, batches


def sequence(steps, **options):
    return np.concatenate([batch_indices(step, **options) for step in steps])


@pytest.mark.parametrize(("count", "batch_size"), [(12, 4), (10, 4), (7, 7), (5, 2), (1000, 64)])
def test_every_epoch_contains_every_image_once_whatever_the_batch_size(count, batch_size):
    seen = sequence(range(1, 4 * count // batch_size + 2), batch_size=batch_size, count=count, seed=0)
    for epoch in range(3):
        assert sorted(seen[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_every_epoch_and_every_seed_has_its_own_order():
    epochs = [tuple(batch_indices(step, batch_size=50, count=50, seed=seed)) for seed in (0, 1) for step in (1, 2, 3)]
    assert len(set(epochs)) == 6


def test_the_global_order_does_not_depend_on_the_batch_size():
    small, large = (sequence(range(1, 240 // size + 1), batch_size=size, count=50, seed=3) for size in (4, 12))
    assert np.array_equal(small, large)


def test_any_step_can_be_computed_alone():
    assert np.array_equal(
        batch_indices(10**9, batch_size=4, count=50, seed=0), batch_indices(10**9, batch_size=4, count=50, seed=0)
    )


def test_batches_contain_the_images_in_that_order():
    images = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1) * np.ones((1, 2, 2, 3), np.uint8)
    read = [batch.numpy() for batch in batches(images, 4, seed=1, steps=range(3, 6))]
    assert [batch.shape for batch in read] == [(4, 2, 2, 3)] * 3
    for step, batch in zip(range(3, 6), read, strict=True):
        assert np.array_equal(batch, images[batch_indices(step, 4, 10, seed=1)])


def test_images_are_read_from_a_memory_mapped_file_as_from_memory(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 1), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    in_memory, from_file = (next(iter(batches(array, 4, seed=0, steps=range(1, 2)))) for array in (images, mapped))
    assert np.array_equal(in_memory, from_file)


@pytest.mark.parametrize(("workers", "replicas"), [(1, 2), (2, 2), (2, 4), (3, 3)])
def test_workers_together_read_the_rows_of_a_single_process_and_each_only_its_own(workers, replicas):
    images = np.random.default_rng(0).integers(0, 256, (30, 2, 2, 1), dtype=np.uint8)
    whole = [batch.numpy() for batch in batches(images, 12, seed=1, steps=range(5, 8))]
    per_worker = replicas // workers
    parts = [
        [
            part.numpy()
            for part in batches(images, 12, 1, range(5, 8), range(w * per_worker, (w + 1) * per_worker), replicas)
        ]
        for w in range(workers)
    ]
    for step, batch in enumerate(whole):
        slices = [part for own in parts for part in own[step * per_worker : (step + 1) * per_worker]]
        assert all(len(rows) == 12 // replicas for rows in slices)
        assert np.array_equal(np.concatenate(slices), batch)
