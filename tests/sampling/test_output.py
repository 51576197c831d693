"""Arrays and archives written chunk by chunk."""

import tracemalloc

import numpy as np
import pytest

from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.sampling import parse_seeds
from dcgan.sampling.output import save_archive, save_array
from dcgan.sampling.selection import Selection

IMAGES = np.random.default_rng(0).integers(0, 256, (10, 4, 3, 1), np.uint8)
CHUNKS = [IMAGES[:4], IMAGES[4:8], IMAGES[8:]]


def test_chunks_are_one_array_that_numpy_loads_and_maps(tmp_path):
    save_array(tmp_path / "a.npy", IMAGES.shape, CHUNKS)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), IMAGES)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy", mmap_mode="r"), IMAGES)


def test_an_archive_contains_the_images_and_their_seeds(tmp_path):
    save_archive(tmp_path / "a.npz", IMAGES.shape, CHUNKS, Selection(parse_seeds("0-8,9223372036854775807")))
    with np.load(tmp_path / "a.npz") as archive:
        assert sorted(archive.files) == ["images", "seeds"]
        np.testing.assert_array_equal(archive["images"], IMAGES)
        np.testing.assert_array_equal(archive["seeds"], [*range(9), 2**63 - 1])


def test_an_archive_of_a_run_with_clusters_and_without_labels_has_no_labels(tmp_path):
    classes = Classes(("all",), (1.0,), ((0.5, 0.5),))
    save_archive(tmp_path / "a.npz", IMAGES.shape, CHUNKS, Selection(parse_seeds("0-9"), classes))
    with np.load(tmp_path / "a.npz") as archive:
        assert sorted(archive.files) == ["images", "seeds"]


@pytest.mark.parametrize("extension", ["npy", "npz"])
def test_memory_does_not_grow_with_the_number_of_images(tmp_path, extension):
    chunk = np.zeros((64, 32, 32, 1), np.uint8)
    seeds, shape = parse_seeds("0-63999"), (64_000, 32, 32, 1)  # 64 MB
    chunks = (chunk for _ in range(1000))
    tracemalloc.start()
    if extension == "npy":
        save_array(tmp_path / "a.npy", shape, chunks)
    else:
        save_archive(tmp_path / "a.npz", shape, chunks, Selection(seeds))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6


def test_output_that_exceeds_the_disk_is_rejected_before_any_image_is_generated(tmp_path):
    def never():
        pytest.fail("an image was generated")
        yield

    with pytest.raises(UserError, match=r"a\.npy needs 1,000,000\.0 GB"):
        save_array(tmp_path / "new" / "a.npy", (10**9, 1000, 1000, 1), never())
    assert list(tmp_path.iterdir()) == []


def test_a_generator_that_fails_leaves_no_file(tmp_path):
    def failing():
        yield IMAGES[:4]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        save_array(tmp_path / "a.npy", IMAGES.shape, failing())
    assert list(tmp_path.iterdir()) == []
