"""Several steps compiled as one program, against the plain loop."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from dcgan.core import devices
from dcgan.data.batches import ResidentImages
from dcgan.training import precision
from dcgan.training.trainer import STEPS_PER_PROGRAM, Trainer
from tests.support.tiny_runs import tiny_config

STEPS = 50
COUNT = 37
"""Images; the batches of one epoch end within a batch."""

OPTIONS = {
    "default": {"kernel": 6, "upsampling": "nearest", "discriminator_hidden": 8},
    "paper": {"preset": "paper", "kernel": 4, "upsampling": "transposed", "ema_decay": 0.0},
    "odd kernel": {"kernel": 5, "upsampling": "transposed"},
    "bilinear": {"upsampling": "bilinear", "discriminator_hidden": 8},
    "subpixel": {"upsampling": "subpixel"},
    "unpooling and pooling": {"upsampling": "unpool", "downsampling": "maxpool"},
    "augmentation and flip": {"augment": "color,translation,cutout", "flip": True},
    "adaptive augmentation": {"augment": "color,translation,cutout", "adaptive_augment": True},
    "relativistic loss and penalty": {"loss": "relativistic", "discriminator_norm": "none", "gradient_penalty": 1.0},
}
SIZES = {"square": ((16, 16), 3), "oblong": ((8, 24), 1), "digits": ((28, 28), 1)}


@pytest.fixture(scope="module", autouse=True)
def _deterministic():
    devices.configure_tensorflow(0)


@pytest.fixture
def config(tmp_path):
    # At a small learning rate the weights stay where both loops' gradients differ by rounding alone.
    rates = {"generator_lr": 1e-5, "generator_lr_decay_start": 10, "discriminator_lr": 1e-5}
    return replace(tiny_config(tmp_path), generator_width=4, discriminator_width=4, batch_size=6, **rates)


def images(size, channels, count=COUNT):
    return np.random.default_rng(3).integers(0, 256, (count, *size, channels), dtype=np.uint8)


def trained(config, pixels, calls, labels=None):
    """Return a trainer after calls of so many steps each, and the metrics of the last step."""
    probabilities = () if labels is None else np.bincount(labels) / len(labels)
    trainer = Trainer(config, pixels.shape[1:3], pixels.shape[3], class_probabilities=probabilities)
    batches, metrics = trainer.batches(pixels, sum(calls), labels), {}
    for count in calls:
        metrics = trainer.train_steps(batches, count)
    assert trainer.step == sum(calls)
    return trainer, {name: float(value) for name, value in metrics.items()}


def assert_equal_to_rounding(ours, theirs):
    (trainer, metrics), (reference, expected) = ours, theirs
    assert metrics == pytest.approx(expected, abs=2e-4)
    other = reference.checkpoint()
    for name, value in trainer.checkpoint().items():
        if name.startswith(("generator/", "discriminator/", "ema_generator/")):
            np.testing.assert_allclose(value, other[name], atol=2e-4, rtol=2e-3, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_fifty_compiled_steps_equal_those_of_the_plain_loop(config, options):
    (size, channels), config = SIZES["square"], replace(config, **options).resolve()
    pixels = images(size, channels)
    compiled = trained(replace(config, compile="xla"), pixels, [STEPS])
    assert_equal_to_rounding(compiled, trained(replace(config, compile="none"), pixels, [STEPS]))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [SIZES["oblong"], SIZES["digits"]], ids=["oblong", "digits"])
def test_they_do_for_other_sizes_and_for_conditional_networks(config, shape):
    pixels, labels = images(*shape), np.arange(COUNT) % 3
    compiled = trained(replace(config, compile="xla"), pixels, [STEPS], labels)
    assert_equal_to_rounding(compiled, trained(replace(config, compile="none"), pixels, [STEPS], labels))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(config, dtype):
    config, pixels = replace(config, compile="xla", precision=dtype), images(*SIZES["square"])
    uninterrupted, expected = trained(config, pixels, [STEPS_PER_PROGRAM + 5])
    first, _ = trained(config, pixels, [3, 40])
    resumed = Trainer(config, (16, 16), 3)
    resumed.restore(first.checkpoint())
    metrics = resumed.train_steps(resumed.batches(pixels, STEPS_PER_PROGRAM + 5), STEPS_PER_PROGRAM + 5 - 43)
    assert {name: float(value) for name, value in metrics.items()} == expected
    ours, theirs = resumed.checkpoint(), uninterrupted.checkpoint()
    assert [name for name in ours if not np.array_equal(ours[name], theirs[name])] == []


@pytest.mark.slow
def test_images_read_as_needed_give_the_bytes_of_images_in_memory(config, monkeypatch):
    config, pixels = replace(config, compile="xla"), images(*SIZES["square"])
    resident, expected = trained(config, pixels, [20])
    monkeypatch.setattr(precision, "RESIDENT_ON_CPU", pixels.nbytes - 1)
    streamed, metrics = trained(config, pixels, [20])
    assert resident.description == "float32, compiled by XLA, images in the device's memory"
    assert streamed.description == "float32, compiled by XLA, images read as needed"
    assert metrics == expected
    ours, theirs = streamed.checkpoint(), resident.checkpoint()
    assert [name for name in ours if not np.array_equal(ours[name], theirs[name])] == []


def test_images_stay_in_a_gpus_memory_if_they_take_up_to_half_of_what_is_free(config, monkeypatch):
    pixels = images(*SIZES["square"])
    monkeypatch.setattr(precision, "visible_gpus", lambda: ["GPU:0"])
    for free, fits in ((2 * pixels.nbytes, True), (2 * pixels.nbytes - 1, False), (None, False)):
        monkeypatch.setattr(precision, "free_gpu_memory", lambda free=free: free)
        assert precision.fits_into_memory(pixels) == fits


def test_a_program_is_compiled_once_whatever_the_number_of_steps(config):
    trainer, pixels = Trainer(replace(config, compile="xla"), (16, 16), 3), images(*SIZES["square"])
    batches = trainer.batches(pixels, 200)
    assert isinstance(batches, ResidentImages)
    assert trainer.batches(pixels, 300) is batches  # not copied again, for example after a rollback
    for count in (1, 7, tf.constant(2), STEPS_PER_PROGRAM + 1):
        trainer.train_steps(batches, count)
    assert trainer._program.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
    ("capability", "chosen"), [((8, 0), "mixed_bfloat16"), ((9, 0), "mixed_bfloat16"), ((7, 5), "float32")]
)
def test_auto_is_bfloat16_on_gpus_that_multiply_it_in_hardware(config, monkeypatch, capability, chosen):
    monkeypatch.setattr(precision, "visible_gpus", lambda: ["GPU:0"])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: {"compute_capability": capability})
    assert precision.resolve_precision(replace(config, precision="auto")).precision == chosen
    assert precision.resolve_precision(replace(config, precision="float32")).precision == "float32"
    assert precision.resolve_compile_mode(replace(config, compile="auto"), tf.distribute.get_strategy()) == "xla"
