"""Every baseline does its work, at sizes that take no time."""

import numpy as np
import pytest

from benchmarks import synthetic_images
from benchmarks.baselines import drawing, hardware_limits, images, input_pipeline, keras_fit, ours, tensorflow_loop

TINY = {"image_size": 8, "channels": 3, "width": 4, "latent_dim": 5, "batch_size": 4}

NARROW = {"latent_dim": 5, "generator_width": 4, "discriminator_width": 4}


@pytest.mark.parametrize("build", [ours.made, tensorflow_loop.dcgan, keras_fit.Fit])
def test_a_step_of_tensorflow_contestants_sees_a_batch(build):
    baseline = build(**TINY)
    assert baseline.run(2) == 8
    assert baseline.facts()["parameters"] == (5 * 64 + 8 + 16 * 4 * 3, 16 * 3 * 4 + 64)


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_step_of_pytorch_sees_a_batch(channels_last):
    pytest.importorskip("torch")
    from benchmarks.baselines import torch_loop

    baseline = torch_loop.TorchLoop(**TINY, channels_last=channels_last)
    assert baseline.run(2) == 8
    assert baseline.facts()["parameters"] == (5 * 64 + 8 + 16 * 4 * 3, 16 * 3 * 4 + 64)


@pytest.mark.parametrize("build", [lambda: tensorflow_loop.tutorial(4), lambda: ours.digits(batch_size=4, **NARROW)])
def test_both_sides_of_the_race_train_for_a_while_and_draw_digits(build):
    baseline = build()
    baseline.train(0.1)
    drawn = baseline.sample(3)
    assert (drawn.shape, drawn.dtype) == ((3, 28, 28, 1), np.uint8)


def test_training_takes_a_mapped_store(tmp_path):
    path = synthetic_images.make_store(tmp_path / "store.npy", 8, image_size=8)
    baseline = ours.mapped(str(path), batch_size=4, **NARROW)
    memory = baseline.run_watched(1)
    assert memory["peak"] >= memory["anonymous"] > 0


def test_the_feed_reads_every_image_warm_and_cold(tmp_path):
    feed = input_pipeline.Feed(str(synthetic_images.make_store(tmp_path / "store.npy", 12, image_size=8)), 4)
    feed.warm()
    assert feed.run(3) == 12
    feed.forget()
    assert feed.run(3) == 12
    assert feed.bytes_from_disk() >= 0


def test_both_sides_prepare_the_same_pictures(tmp_path):
    pictures, size = synthetic_images.make_pictures(tmp_path / "pictures", 3)
    assert 8_000 < size < 16_000  # as photographs of this size
    assert input_pipeline.Application(str(pictures), str(tmp_path / "store"), 16).run(2) == 6
    assert input_pipeline.OneCore(str(pictures), 16).run(2) == 6


def test_the_limits_count_operations_and_bytes():
    assert hardware_limits.Product(8).run(2) == 2 * 2 * 8**3
    assert hardware_limits.Copy(1000).run(2) == 2 * 2 * 1000


def test_the_forward_pass_counts_its_images_and_saves_what_the_command_draws_from(tmp_path):
    forward = drawing.Forward({"image_size": (8, 8), "width": 4, "latent_dim": 5}, str(tmp_path / "generator.keras"))
    assert forward.run(2) == 2 * drawing.BATCH_SIZE
    assert forward.flops() == 2 * (5 * 64 + 16 * 4 * 3 * 16)
    assert (tmp_path / "generator.keras").is_file()


def test_the_digits_are_those_the_program_trains_on():
    from dcgan.config import TrainConfig
    from dcgan.data import load

    np.testing.assert_array_equal(images.digits(), load(TrainConfig()).images)
