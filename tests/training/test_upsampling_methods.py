"""Training steps and reloaded runs with each upsampling and downsampling method."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan.config import TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.networks.downsampling import DOWNSAMPLERS
from dcgan.networks.upsampling import UPSAMPLERS
from dcgan.runs import Run
from dcgan.runs.loading import load_discriminator
from dcgan.sampling import latents
from dcgan.sampling.generator_stages import stage_images
from dcgan.training.trainer import Trainer
from tests.support.network_oracle import normal
from tests.support.tiny_runs import tiny_config

PRECISIONS = {"nearest": "mixed_bfloat16", "bilinear": "mixed_float16"}
"""The others train in float32; combining methods and precisions halves the number of trainings."""

STAGES = {28: 3, 64: 5, 224: 6}
"""Stages of the generator by image size, its dense layer included."""


def config_for(folder, method, **options):
    small = {"latent_dim": 5, "generator_width": 4, "discriminator_width": 4, "batch_size": 4, "tensorboard": False}
    small["discriminator_hidden"] = 3
    downsampling = "maxpool" if method == "unpool" else "strided"
    return TrainConfig(run_dir=folder, upsampling=method, downsampling=downsampling, **small, **options)


def noise_images():
    return np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype=np.uint8)


@pytest.mark.parametrize("method", [name for name in UPSAMPLERS if name != "transposed"])  # see the trainer's own tests
def test_a_step_trains_every_kernel_with_each_method(method, tmp_path):
    class_probabilities = (0.5, 0.5) if method in ("subpixel", "bilinear") else ()
    config = config_for(tmp_path, method, compile="none", precision=PRECISIONS.get(method, "float32")).resolve()
    trainer = Trainer(config, (8, 8), 1, class_probabilities=class_probabilities)
    before = trainer.checkpoint()
    metrics = trainer.train_steps(trainer.batches(noise_images(), 1, np.arange(8) % 2), tf.constant(1))
    assert all(np.isfinite(value) for value in metrics.values())
    kernels = [name for name in before if name.endswith("kernel") and "optimizer" not in name]
    assert kernels
    assert not any(np.array_equal(before[name], trainer.checkpoint()[name]) for name in kernels)


@pytest.mark.parametrize("downsampling", DOWNSAMPLERS)
def test_a_runs_discriminator_is_rebuilt_with_the_method_it_was_trained_with(downsampling, tmp_path):
    config, run = replace(config_for(tmp_path, "nearest"), downsampling=downsampling), Run(tmp_path)
    trainer = Trainer(config.resolve(), (8, 8), 1)
    run.config_file.write_text(to_yaml(config))
    run.checkpoints.save(0, trainer.checkpoint(), keep=1)
    x = normal(3, 8, 8, 1)
    loaded = load_discriminator(run, (8, 8), 1)
    np.testing.assert_allclose(loaded(x, training=False), trainer.discriminator(x, training=False), atol=1e-6)
    assert any(isinstance(layer, keras.layers.MaxPooling2D) for layer in loaded.layers) == (downsampling == "maxpool")


@pytest.mark.parametrize("method", ["transposed", "nearest"])
def test_the_raw_weights_of_a_run_generate_what_the_trained_network_does(method, tmp_path):
    config, run = config_for(tmp_path, method), Run(tmp_path)
    trainer = Trainer(config.resolve(), (8, 8), 1)
    trainer.train_steps(trainer.batches(noise_images(), 2), tf.constant(2))
    run.config_file.write_text(to_yaml(config))
    run.save_generator(trainer.sampling_generator())
    run.checkpoints.save(2, trainer.checkpoint(), keep=1)
    expected = trainer.generator(normal(3, 5), training=False)
    np.testing.assert_allclose(run.load_generator("raw")(normal(3, 5), training=False), expected, atol=1e-5)
    assert not np.allclose(run.load_generator()(normal(3, 5), training=False), expected, atol=1e-4)


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
