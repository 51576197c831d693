"""Images of a folder to evaluate: no more of them are read than can be used."""

import numpy as np

from dcgan.evaluation import samples
from dcgan.evaluation.metrics import MAX_LABELED
from tests.support.synthetic_datasets import encode_image, write_files


def write_colors(root, count):
    """Images of 4x4 pixels in two class folders, each of a color of its own."""
    files = {f"{'ab'[n % 2]}/{n}.png": encode_image(np.full((4, 4, 3), n, np.uint8)) for n in range(count)}
    return write_files(root, files)


def test_a_folder_of_too_many_images_is_sampled_at_random(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "MAX_READ_IMAGES", 20)
    monkeypatch.setattr(samples, "MAX_PART_BYTES", 0)
    read, original = [], samples._read_image
    monkeypatch.setattr(samples, "_read_image", lambda path, *rest: read.append(path) or original(path, *rest))
    found = samples.samples_from_path(write_colors(tmp_path, 60), (4, 4, 3), ("a", "b"))
    assert found.available == len(read) == 20
    assert found.description.endswith("(20 of 60, chosen at random)")
    colors = found.take(20)[:, 0, 0, 0]
    assert len(set(colors)) == 20
    assert colors.max() > 20
    assert (found.labels(20) == colors % 2).all()


def test_a_small_folder_is_read_whole(tmp_path):
    found = samples.samples_from_path(write_colors(tmp_path, 6), (4, 4, 3), ("a", "b"))
    assert sorted(found.take(6)[:, 0, 0, 0]) == list(range(6))
    assert "chosen" not in found.description


def test_no_metric_takes_more_images_than_are_read():
    assert MAX_LABELED <= samples.MAX_READ_IMAGES
