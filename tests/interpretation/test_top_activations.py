"""Top activations against a full sort of all activations, in batches of any size."""

import keras
import numpy as np
import pytest

from dcgan.core.image_range import to_float
from dcgan.interpretation import find_top_activations, top_activations
from dcgan.networks import build_discriminator


def noise_images(count=30, side=16, channels=3):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, channels), np.uint8)


def test_top_activations_are_those_of_a_full_sort(monkeypatch):
    monkeypatch.setattr(top_activations, "MAX_BATCH", 7)
    images = noise_images()
    model = build_discriminator((16, 16), 3, width=3, seed=1)
    found = find_top_activations(model, "leaky_1", [4, 0], images, 5)
    to_layer = keras.Model(model.inputs[0], model.get_layer("leaky_1").output)
    activations = to_layer(to_float(images), training=False).numpy().reshape(30, 16, 6)
    for row, feature in enumerate([4, 0]):
        feature_map = activations[:, :, feature]
        best = sorted(range(30), key=lambda index: -feature_map[index].max())[:5]
        assert found.indices[row].tolist() == best
        assert found.positions[row].tolist() == [int(feature_map[index].argmax()) for index in best]
        np.testing.assert_allclose(found.values[row], feature_map[best].max(axis=1), rtol=1e-4)


def test_equal_images_keep_their_order(monkeypatch):
    monkeypatch.setattr(top_activations, "MAX_BATCH", 4)
    images = np.repeat(noise_images(1), 10, axis=0)
    found = find_top_activations(build_discriminator((16, 16), 3, width=3), "leaky_0", [0], images, 6)
    assert found.indices.tolist() == [[0, 1, 2, 3, 4, 5]]


def test_a_small_data_set_gives_all_its_images():
    found = find_top_activations(build_discriminator((16, 16), 3, width=3), "logit", [0], noise_images(3), 9)
    assert sorted(found.indices[0].tolist()) == [0, 1, 2]
    assert found.positions.tolist() == [[0, 0, 0]]


class CountingArray:
    """An array that records the largest number of rows read at once."""

    def __init__(self, array):
        self.array, self.shape, self.largest = array, array.shape, 0

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        part = self.array[rows]
        self.largest = max(self.largest, len(part))
        return part


@pytest.mark.parametrize(("side", "batch"), [(16, 256), (64, 256), (128, 64)])
def test_images_are_read_in_smaller_batches_the_larger_they_are(side, batch):
    images = CountingArray(np.zeros((257, side, side, 1), np.uint8))
    find_top_activations(build_discriminator((side, side), 1, width=1), "leaky_0", [0], images, 2)
    assert images.largest == batch
