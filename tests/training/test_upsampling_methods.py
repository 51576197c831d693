"""Both networks trained for some steps with each upsampling method, at the usual sizes."""

import numpy as np
import pytest
import tensorflow as tf

from dcgan.networks.upsampling import UPSAMPLERS
from dcgan.sampling import latents
from dcgan.sampling.generator_stages import stage_images
from dcgan.training.trainer import Trainer
from tests.support.tiny_runs import tiny_config

STAGES = {28: 3, 64: 5, 224: 6}


@pytest.mark.slow
@pytest.mark.parametrize("method", UPSAMPLERS)
@pytest.mark.parametrize("size", STAGES)
def test_generators_of_the_usual_sizes_train_for_some_steps_with_each_method(size, method, tmp_path):
    config = tiny_config(tmp_path, generator_width=2, discriminator_width=2, upsampling=method)
    trainer = Trainer(config, (size, size), 3)
    before = {weight.path: weight.numpy() for weight in trainer.generator.trainable_variables}
    images = np.random.default_rng(0).integers(0, 256, (4, size, size, 3), dtype=np.uint8)
    metrics = trainer.train_steps(trainer.batches(images, 3), tf.constant(3))
    assert trainer.step == 3
    assert all(np.isfinite(value) for value in metrics.values())
    for weight in trainer.generator.trainable_variables:
        assert (weight.numpy() != before[weight.path]).any(), weight.path
    assert stage_images(trainer.generator, latents([0], 5)).shape == (1, STAGES[size], size, size, 3)
