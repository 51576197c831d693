"""The estimate of a step's memory, and the errors when memory runs out."""

import keras
import pytest
import tensorflow as tf

from dcgan import train
from dcgan.core.errors import UserError
from dcgan.networks import build_discriminator, build_generator
from dcgan.networks.layers import TRAINING_LAYERS
from dcgan.training import memory
from dcgan.training.memory import ACTIVATION_FACTOR, MemoryNeed, MemoryReport, estimate_memory
from dcgan.training.precision import mixed_precision
from dcgan.training.trainer import Trainer
from tests.support.tiny_runs import tiny_config

MIB, GIB = 2**20, 2**30


def dcgan_64(precision="float32"):
    with mixed_precision(precision):
        return estimate_memory(build_generator(layers=TRAINING_LAYERS), build_discriminator(layers=TRAINING_LAYERS))


def test_the_estimate_is_above_a_measurement_by_at_most_a_third():
    measured = (862 - 234) * MIB  # peak of a step of DCGAN-64 on an NVIDIA H200, without the images in GPU memory
    assert measured <= dcgan_64("mixed_bfloat16").total(128) <= 4 / 3 * measured


def test_the_state_is_counted_in_float32_whatever_the_precision():
    trainable, generator, statistics = 3_576_704 + 2_765_568, 3_576_704 + 2 * 960, 2 * (960 + 896)
    assert dcgan_64().state == dcgan_64("mixed_bfloat16").state == 4 * (4 * trainable + statistics + generator)


def test_activations_are_those_of_every_layer_of_the_discriminator_twice():
    image = keras.Input((4, 4, 3))
    maps = keras.layers.Conv2D(5, 3, strides=2, padding="same")(image)
    discriminator = keras.Model(image, keras.layers.Dense(1)(keras.layers.Flatten()(maps)))
    latent = keras.Input((7,))
    inner = keras.Sequential([keras.Input((7,)), keras.layers.Dense(48)])
    generator = keras.Model(latent, keras.layers.Reshape((4, 4, 3))(inner(latent)))
    values = (7 + 48) + 2 * (48 + 2 * 2 * 5 + 1)
    assert estimate_memory(generator, discriminator).per_image == 4 * values * ACTIVATION_FACTOR


def test_half_the_bytes_per_value_are_counted_in_mixed_precision():
    ratio = dcgan_64("mixed_bfloat16").per_image / dcgan_64().per_image
    assert 0.5 < ratio < 0.55  # the images stay float32


@pytest.mark.parametrize(
    ("available", "expected"), [(0, 0), (100, 0), (112, 0), (113, 1), (117, 4), (124, 8), (200, 80), (1000, 800)]
)
def test_the_largest_batch_is_a_multiple_of_8_or_a_small_power_of_two_that_fits(available, expected):
    need = MemoryNeed(state=100, per_image=1)
    assert need.largest_batch_size(available) == expected
    assert expected == 0 or need.total(expected) <= 0.9 * available


def test_a_model_without_a_graph_of_layers_has_no_estimate():
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, inputs):
            return self.dense(inputs)

    model = Subclassed()
    model(tf.zeros([1, 2]))
    with pytest.raises(ValueError, match="no output shape"):
        estimate_memory(model, build_discriminator((8, 8)))


@pytest.fixture
def free(monkeypatch):
    """Let a GPU have as many free bytes as the test passes."""
    return lambda size: monkeypatch.setattr(memory, "free_gpu_memory", lambda: size)


def out_of_memory(*arguments):
    raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[4,8,8,3]")


def need_of(config):
    trainer = Trainer(config, (8, 8), 3)
    return estimate_memory(trainer.generator, trainer.discriminator)


def error_of_training(config, **options):
    with pytest.raises(UserError, match="Out of memory") as error:
        train(config, **options)
    return error.value


def test_memory_that_runs_out_in_the_first_step_names_a_batch_size_that_fits(tmp_path, monkeypatch, free):
    config = tiny_config(tmp_path, batch_size=12)
    need = need_of(config)
    images = 12 * 8 * 8 * 3
    free(int(need.total(9) / 0.9) + images)
    monkeypatch.setattr(Trainer, "train_steps", out_of_memory)
    error = error_of_training(config)
    assert "in the first step, with --batch-size 12: it needs about 0.0 GiB; 0.0 GiB were free." in error.problem
    assert "Use --batch-size 8." in error.hint


def test_half_the_batch_is_recommended_where_the_estimate_or_the_memory_says_that_it_fits(tmp_path, monkeypatch, free):
    monkeypatch.setattr(Trainer, "train_steps", out_of_memory)
    free(80 * GIB)
    assert "Use --batch-size 4." in error_of_training(tiny_config(tmp_path / "fits", batch_size=8)).hint
    free(None)
    assert "Use --batch-size 4." in error_of_training(tiny_config(tmp_path / "unknown", batch_size=8)).hint


def test_smaller_networks_are_recommended_where_no_batch_fits(tmp_path, monkeypatch, free):
    free(1000)
    monkeypatch.setattr(Trainer, "train_steps", out_of_memory)
    hint = error_of_training(tiny_config(tmp_path)).hint
    assert "--generator-width" in hint
    assert "--batch-size" not in hint


def test_memory_that_runs_out_after_steps_that_fitted_is_another_error(tmp_path, free):
    free(80 * GIB)
    error = error_of_training(tiny_config(tmp_path, log_every=2), callback=out_of_memory)
    assert "Out of memory after step 2, although 2 steps fitted before" in error.problem
    assert "resumes from the newest checkpoint" in error.hint
    assert "A new run (--run-dir) with --batch-size 2" in error.hint


def test_a_resumed_run_can_t_take_another_batch_size(tmp_path, monkeypatch):
    config = tiny_config(tmp_path, steps=2)
    train(config)
    monkeypatch.setattr(Trainer, "train_steps", out_of_memory)
    error = error_of_training(tiny_config(tmp_path, steps=4))
    assert "in the first step" in error.problem
    assert "Use --batch-size 2 and another --run-dir" in error.hint


def test_networks_that_don_t_fit_are_an_error_without_a_batch_size(tmp_path):
    error = MemoryReport(tiny_config(tmp_path)).error()
    assert "networks don't fit" in error.problem
    assert "--batch-size" not in error.hint


def test_images_in_gpu_memory_are_not_available_to_the_step(tmp_path, free):
    config = tiny_config(tmp_path, batch_size=1024, discriminator_hidden=0)
    trainer = Trainer(config, (8, 8), 3)
    need = estimate_memory(trainer.generator, trainer.discriminator)

    class NotStarted:
        step = 0

    def recommended(dataset_bytes):
        free(int(need.total(512) / 0.9) + 1)
        report = MemoryReport(config)
        report.watch(trainer, NotStarted(), dataset_bytes)
        return report.error().hint

    assert "--batch-size 512." in recommended(0)
    assert "--batch-size 504." in recommended(need.per_image)
    assert "--batch-size 512." in recommended(need.total(512))  # streamed
