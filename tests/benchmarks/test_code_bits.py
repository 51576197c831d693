"""The bits of codes, by counting small cases by hand, and the codes that they are compared with."""

import io
import itertools
import math

import numpy as np
import pytest
from PIL import Image

from benchmarks import code_bits
from benchmarks.code_bits import Bits, Quantizer


def digits(count=40):
    from dcgan.config import DataConfig
    from dcgan.data import load

    return np.asarray(load(DataConfig()).images[:count])


def test_all_parts_of_a_code_are_counted():
    assert Bits(values=3, positions=4.5, switches=1).total == 8.5


def test_numbers_of_b_bits_have_2_to_the_b_levels():
    quantize = Quantizer(-1.0, 1.0, 3)
    levels = np.unique(quantize(np.linspace(-2, 2, 1001)))
    np.testing.assert_allclose(levels, np.linspace(-1, 1, 8), atol=1e-6)
    np.testing.assert_array_equal(quantize.sparse(np.array([0.0, 0.4])), [0, quantize(np.array(0.4))])
    with_columns = code_bits.quantizer_of(np.array([[0.0, 10.0], [1.0, 30.0]]), 1, per_column=True)
    np.testing.assert_array_equal(with_columns(np.array([[0.6, 12.0]])), [[1, 10]])
    same = code_bits.quantizer_of(np.full((3, 2), 7.0), 8, per_column=True)
    np.testing.assert_array_equal(same(np.zeros((1, 2))), [[7, 7]])


def test_positions_cost_the_number_of_active_coefficients_and_which_of_the_sets_of_that_size_they_are():
    codes = np.array([[1, 0, 0, 2, 0, 0], [0, 0, 0, 0, 0, 0]])
    sets = len(list(itertools.combinations(range(6), 2)))
    assert code_bits.position_bits(codes) == pytest.approx(math.log2(7) + math.log2(sets) / 2)


def test_only_switches_of_values_that_are_not_0_are_counted():
    top, below = np.zeros((2, 2, 2, 3)), np.zeros((2, 4, 4, 1))
    top[0, 0, 0, :2] = 1  # two in one image of two: 1 per image
    below[:, :, 0] = 5  # four per image
    assert code_bits.switch_bits([below, top], [9, 4]) == pytest.approx(4 * math.log2(9) + 1 * 2)


def test_the_entropy_of_equally_frequent_choices_is_the_logarithm_of_their_number():
    assert code_bits.choice_entropy(np.array([0, 1, 2, 3, 3, 2, 1, 0]), 4) == 2
    assert code_bits.choice_entropy(np.array([2, 2]), 4) == 0


def test_pca_decodes_from_the_coefficients_that_fit_the_budget():
    rng = np.random.default_rng(0)
    training = (rng.normal(size=(50, 2)) @ rng.normal(size=(2, 16)) + 3).reshape(50, 4, 4, 1).astype(np.float32)
    encode = code_bits.pca_coder(training, 12)
    decoded, bits = encode(training[:5], 25)
    assert bits == Bits(24)
    np.testing.assert_allclose(decoded, training[:5], atol=1e-2)  # the images have rank 2
    one, _ = encode(training[:5], 3)
    assert np.abs(one - training[:5]).max() > 0.1
    assert encode(training[:5], 1e6)[1] == Bits(16 * 12)


@pytest.mark.parametrize("quality", [1, 50, 100])
def test_the_header_of_a_jpeg_is_the_same_for_every_image_and_not_counted(quality):
    images = digits(6)
    result = code_bits.jpeg(images, quality)
    assert result.header == code_bits.jpeg(images[:1], quality).header
    file = io.BytesIO()
    Image.fromarray(images[0, ..., 0]).save(file, "JPEG", quality=quality)
    scan = file.getvalue().index(b"\xff\xda")
    assert code_bits.payload_bytes(file.getvalue()) == len(file.getvalue()) - (scan + 2 + 8) - 2
    np.testing.assert_array_equal(result.images[0, ..., 0], np.asarray(Image.open(file)))


def test_a_jpeg_has_the_quality_that_comes_nearest_to_the_budget():
    images = digits(5)
    found = code_bits.nearest_jpeg(images, 1500)
    distances = [abs(code_bits.jpeg(images, quality).bits.total - 1500) for quality in range(1, 101)]
    assert abs(found.bits.total - 1500) == min(distances)
    assert code_bits.jpeg(images.repeat(3, axis=-1), 60).images.shape == (5, 28, 28, 3)
