"""What TensorFlow is told before the first tensor is made."""

import keras
import pytest
import tensorflow as tf

from dcgan.core import devices
from dcgan.core.errors import UserError


def test_setting_up_twice_changes_nothing_and_names_the_device():
    assert devices.configure_tensorflow(0) == devices.configure_tensorflow(0) != ""


def test_a_users_keras_settings_do_not_turn_images_around():
    keras.config.set_image_data_format("channels_first")
    devices.configure_tensorflow(0)
    assert keras.config.image_data_format() == "channels_last"


def test_a_seed_of_any_size_will_do():
    devices.configure_tensorflow(2**70)


@pytest.mark.parametrize("error", [tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"), MemoryError()])
def test_too_little_memory_is_told_in_words(error):
    with pytest.raises(UserError, match="memory"), devices.explain_memory_errors():
        raise error
