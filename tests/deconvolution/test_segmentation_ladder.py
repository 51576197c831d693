"""Segmentation of held-out digits improves with finer strides."""

import numpy as np
import pytest

import dcgan
from dcgan.core import devices
from dcgan.deconvolution.segmentation import Canvases, split_digits, train_ladder
from dcgan.networks import build_discriminator

NUM_DIGITS = 3
"""Digits 0 to 2; all ten take four times as many steps (`python -m benchmarks.segmentation`)."""


def few_classes(digits, labels):
    chosen = np.isin(labels, range(NUM_DIGITS))
    return digits[chosen], labels[chosen]


@pytest.mark.slow
def test_the_mean_iou_on_held_out_digits_increases_from_stride_32_to_16_to_8_and_exceeds_0_6():
    devices.configure_tensorflow(0)
    train, held_out = (few_classes(*part) for part in split_digits(dcgan.load(dcgan.DataConfig())))
    canvases, test = Canvases(*train), Canvases(*held_out, seed=1)
    steps = train_ladder(
        build_discriminator((128, 128), 1, width=8),
        canvases,
        test,
        strides=(32, 16, 8, 4),
        steps=150,
        test_canvases=60,
        batch_size=4,
        learning_rate=5e-3,
    )
    coarse, middle, fine, finest = (step.mean_iou for step in steps)
    assert coarse + 0.05 < middle < fine - 0.05
    assert finest > fine - 0.02
    assert finest > 0.6
