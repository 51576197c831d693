"""TensorFlow's configuration."""

import keras
import pytest
import tensorflow as tf

from dcgan.core import devices
from dcgan.core.errors import UserError


def test_configuring_twice_changes_nothing_and_returns_the_devices():
    assert devices.configure_tensorflow(0) == devices.configure_tensorflow(0) != ""


def test_images_are_nhwc_whatever_the_users_keras_settings():
    keras.config.set_image_data_format("channels_first")
    devices.configure_tensorflow(0)
    assert keras.config.image_data_format() == "channels_last"


def test_a_seed_of_any_size_seeds_the_global_generators():
    numbers = []
    for seed in (2**70 + 3, 3, 2**70 + 3, 4):
        devices.configure_tensorflow(seed)
        numbers.append(tf.random.uniform([4]).numpy().tolist())
    assert numbers[0] == numbers[1] == numbers[2] != numbers[3]


@pytest.mark.parametrize("error", [tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"), MemoryError()])
def test_too_little_memory_is_a_user_error(error):
    with pytest.raises(UserError, match="memory"), devices.explain_memory_errors():
        raise error
