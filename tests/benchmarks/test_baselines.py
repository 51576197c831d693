"""Every baseline does its work, at sizes that take no time."""

import numpy as np
import pytest

from benchmarks.baselines import DCGANSize, hardware_limits, input_pipeline, keras_fit, ours, tensorflow_loop
from benchmarks.synthetic_images import write_cache, write_jpegs

TINY = DCGANSize(image_size=8, channels=3, width=4, latent_dim=5, batch_size=4)
TINY_PARAMETERS = (5 * 64 + 8 + 16 * 4 * 3, 16 * 3 * 4 + 64)

NARROW = {"latent_dim": 5, "generator_width": 4, "discriminator_width": 4}


@pytest.mark.parametrize("build", [ours.random_image_training, tensorflow_loop.dcgan_loop, keras_fit.KerasFit])
def test_a_step_of_each_tensorflow_baseline_trains_on_a_batch(build):
    baseline = build(TINY)
    assert baseline.run(2) == 8
    assert baseline.cost()["parameters"] == TINY_PARAMETERS


@pytest.mark.parametrize("bfloat16", [False, True])
@pytest.mark.parametrize("channels_last", [False, True])
def test_a_step_of_pytorch_trains_on_a_batch(channels_last, bfloat16):
    pytest.importorskip("torch")
    from benchmarks.baselines import torch_loop

    baseline = torch_loop.TorchLoop(TINY, channels_last=channels_last, bfloat16=bfloat16)
    assert baseline.run(2) == 8
    assert baseline.cost()["parameters"] == TINY_PARAMETERS


@pytest.mark.slow
@pytest.mark.parametrize(
    "build", [lambda: tensorflow_loop.tutorial_loop(4), lambda: ours.digit_training(batch_size=4, **NARROW)]
)
def test_both_mnist_baselines_train_for_some_time_and_generate_digits(build):
    baseline = build()
    baseline.train(0.1)
    generated = baseline.sample(3)
    assert (generated.shape, generated.dtype) == ((3, 28, 28, 1), np.uint8)


def test_training_reads_a_memory_mapped_cache(tmp_path):
    path = write_cache(tmp_path / "cache.npy", 8, image_size=8)
    baseline = ours.cached_training(str(path), batch_size=4, **NARROW)
    memory = baseline.track_memory(1)
    assert memory["peak"] >= memory["anonymous"] > 0


def test_batches_are_read_from_a_warm_and_from_a_cold_cache(tmp_path):
    reader = input_pipeline.BatchReader(str(write_cache(tmp_path / "cache.npy", 12, image_size=8)), 4)
    reader.fill_page_cache()
    assert reader.run(3) == 12
    reader.drop_page_cache()
    assert reader.run(3) == 12
    assert reader.bytes_from_disk() >= 0


def test_both_baselines_prepare_all_jpegs(tmp_path):
    folder = tmp_path / "jpegs"
    assert 8_000 < write_jpegs(folder, 3) < 16_000  # as photographs of this size
    assert input_pipeline.PrepareCommand(str(folder), str(tmp_path / "cache"), 16).run(2) == 6
    assert input_pipeline.SingleThread(str(folder), 16).run(2) == 6


def test_the_hardware_limits_count_operations_and_bytes():
    assert hardware_limits.MatrixProduct(8).run(2) == 2 * 2 * 8**3
    assert hardware_limits.MemoryCopy(1000).run(2) == 2 * 2 * 1000


def test_the_forward_pass_counts_its_images_and_saves_the_generator_for_the_command(tmp_path):
    forward = ours.ForwardPass({"image_size": (8, 8), "width": 4, "latent_dim": 5}, str(tmp_path / "generator.keras"))
    assert forward.run(2) == 2 * ours.BATCH_SIZE
    assert forward.flops() == 2 * (5 * 64 + 16 * 4 * 3 * 16)
    assert (tmp_path / "generator.keras").is_file()


def test_the_tutorial_trains_on_the_digits_of_the_default_run():
    from dcgan.config import TrainConfig
    from dcgan.data import load

    np.testing.assert_array_equal(tensorflow_loop.embedded_digits(), load(TrainConfig()).images)
