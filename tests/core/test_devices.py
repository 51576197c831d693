"""TensorFlow's configuration, on this machine's CPU and on simulated GPUs."""

import contextlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import pytest
import tensorflow as tf

from dcgan.core import devices
from dcgan.core.errors import UserError
from dcgan.core.nvidia import Card

GIB = 2**30
H200 = Card("NVIDIA H200", 140 * GIB, 139 * GIB, (9, 0), "570.124.06")
H100 = Card("NVIDIA H100", 80 * GIB, 12 * GIB, (9, 0), "570.124.06")
RTX_5090 = Card("NVIDIA GeForce RTX 5090", 32 * GIB, 31 * GIB, (12, 0), "570.124.06")


@pytest.fixture
def gpus(monkeypatch):
    """Let TensorFlow and the driver list the cards that the test passes; the result has what TensorFlow was told."""

    def simulate(*cards):
        physical = [SimpleNamespace(card=card) for card in cards]
        told = SimpleNamespace(visible=list(physical), physical=physical)

        def set_visible_devices(chosen, device_type):
            assert device_type == "GPU"
            told.visible = chosen

        def details(gpu):
            return {"device_name": gpu.card.name, "compute_capability": gpu.card.compute_capability}

        monkeypatch.setattr(tf.config, "list_physical_devices", lambda device_type: physical)
        monkeypatch.setattr(tf.config, "get_visible_devices", lambda device_type: told.visible)
        monkeypatch.setattr(tf.config, "set_visible_devices", set_visible_devices)
        monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda gpu, enable: None)
        monkeypatch.setattr(tf.config.experimental, "get_device_details", details)
        monkeypatch.setattr(devices.nvidia, "cards", lambda: list(cards))
        monkeypatch.setattr(devices.nvidia, "is_in_machine", lambda: bool(cards))
        return told

    return simulate


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


def test_the_caller_can_explain_what_ran_out_of_memory():
    error = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
    with pytest.raises(UserError, match="first step"), devices.explain_memory_errors(lambda: UserError("first step")):
        raise error


def test_gpus_are_described_by_name_memory_and_driver(gpus):
    gpus(H200)
    assert devices.describe_devices() == "NVIDIA H200, 140 GiB, driver 570.124.06"
    gpus(H100, H100, H200)
    expected = "2 x NVIDIA H100, 80 GiB and NVIDIA H200, 140 GiB, driver 570.124.06"
    assert devices.describe_devices() == expected


def test_a_gpu_that_the_driver_does_not_list_is_described_by_its_name(gpus, monkeypatch):
    gpus(H200)
    monkeypatch.setattr(devices.nvidia, "cards", list)
    assert devices.describe_devices() == "NVIDIA H200"


@pytest.mark.parametrize(
    ("device", "expected"), [("auto", [0, 1]), ("cpu", []), ("gpu", [0, 1]), ("gpu:0", [0]), ("gpu:1", [1])]
)
def test_a_device_selects_gpus(gpus, device, expected):
    told = gpus(H200, H100)
    devices.select_device(device)
    assert told.visible == [told.physical[index] for index in expected]


def test_automatic_selection_keeps_an_earlier_one(gpus):
    told = gpus(H200, H100)
    devices.select_device("gpu:1")
    devices.select_device("auto")
    assert told.visible == told.physical[1:]


def test_a_gpu_number_that_does_not_exist_is_an_error_that_lists_the_gpus(gpus):
    gpus(H200, H100)
    with pytest.raises(UserError, match='`device="gpu:2"`') as error:
        devices.select_device("gpu:2")
    assert "gpu:0 is NVIDIA H200; gpu:1 is NVIDIA H100" in error.value.problem


@pytest.mark.parametrize("device", ["gpu", "gpu:0"])
def test_a_gpu_that_tensorflow_does_not_see_is_an_error_that_says_why(gpus, device, monkeypatch):
    gpus()
    with pytest.raises(UserError, match="it sees no GPU") as error:
        devices.select_device(device)
    assert "driver lists no card" in error.value.hint
    monkeypatch.setattr(devices.nvidia, "cards", lambda: [H200])
    monkeypatch.setattr(devices, "_build", lambda: {"is_cuda_build": True})
    with pytest.raises(UserError, match="it sees no GPU") as error:
        devices.select_device(device)
    assert "tensorflow[and-cuda]" in error.value.hint


def test_a_selection_after_tensorflow_has_started_is_an_error():
    code = (
        "import dcgan, tensorflow as tf; from dcgan.core.devices import select_device\n"
        "cpu = tf.config.list_physical_devices('CPU')\n"
        "tf.constant(0)\n"
        "tf.config.list_physical_devices = lambda kind: cpu\n"
        "tf.config.set_visible_devices = lambda chosen, kind: tf.config.experimental.set_visible_devices(chosen)\n"
        "select_device('cpu')\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert "--device cpu comes too late" in result.stderr


def test_a_card_without_kernels_is_refused_before_the_first_operation(gpus):
    gpus(RTX_5090)
    with pytest.raises(UserError, match=r"no kernels for NVIDIA GeForce RTX 5090: its compute capability is 12\.0"):
        devices.configure_tensorflow(0)
    devices.configure_tensorflow(0, "cpu")


def test_a_hidden_card_without_kernels_does_not_matter(gpus):
    told = gpus(RTX_5090, H200)
    devices.select_device("gpu:1")
    assert [gpu.card for gpu in told.visible] == [H200]


@pytest.fixture
def failing_operation(gpus, monkeypatch):
    """One GPU, on which the first operation raises the error that the test passes."""

    def simulate(error, card=H200):
        def fail(name):
            raise error

        gpus(card)
        monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [SimpleNamespace(name="/device:GPU:0")])
        monkeypatch.setattr(devices, "_multiply_on", fail)

    return simulate


def test_a_gpu_that_fails_in_its_first_operation_is_reported(failing_operation):
    failing_operation(tf.errors.InternalError(None, None, "'cuLaunchKernel(...)' failed with 'CUDA_ERROR_INVALID_PTX'"))
    with pytest.raises(UserError, match=r"The GPU can't compute: .*CUDA_ERROR_INVALID_PTX") as error:
        devices.check_gpus()
    assert "--device cpu" in error.value.hint


def test_an_operation_that_fails_under_an_old_driver_is_blamed_on_the_driver(failing_operation):
    old = Card("NVIDIA A100", 40 * GIB, 39 * GIB, (8, 0), "470.82.01")
    message = "cudaGetDevice() failed. Status: CUDA driver version is insufficient for CUDA runtime version"
    failing_operation(tf.errors.InternalError(None, None, message), old)
    with pytest.raises(UserError, match=r"driver 470\.82\.01 is too old: .* needs 525\.60\.13"):
        devices.check_gpus()


def test_a_full_gpu_is_left_to_the_memory_errors(failing_operation):
    failing_operation(tf.errors.ResourceExhaustedError(None, None, "OOM"))
    with pytest.raises(tf.errors.ResourceExhaustedError):
        devices.check_gpus()


def test_the_operation_runs_on_a_device_that_works():
    devices.check_gpus()
    devices._multiply_on("/device:CPU:0")


def test_a_card_that_tensorflow_does_not_see_is_explained(gpus, monkeypatch):
    gpus()
    monkeypatch.setattr(devices, "_build", lambda: {"is_cuda_build": True})
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices.nvidia, "cards", lambda: [H200])
    assert "NVIDIA H200 is not used" in devices.explain_missing_gpu()
    gpus(H200)
    assert devices.explain_missing_gpu() == ""


def test_the_free_memory_is_that_of_the_fullest_visible_gpu(gpus):
    gpus(H200, H100)
    assert devices.free_gpu_memory() == 12 * GIB
    devices.select_device("gpu:0")
    assert devices.free_gpu_memory() == 139 * GIB
    devices.select_device("cpu")
    assert devices.free_gpu_memory() is None


@pytest.mark.parametrize("before", [True, False])
def test_tf32_is_off_within_the_block_and_restored_after_it(before):
    enabled = tf.config.experimental.tensor_float_32_execution_enabled
    default = enabled()
    tf.config.experimental.enable_tensor_float_32_execution(before)
    try:
        with contextlib.suppress(KeyError), devices.without_tensor_float_32():
            assert not enabled()
            raise KeyError
        assert enabled() == before
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(default)


def test_a_sum_that_xla_cannot_divide_is_explained():
    message = "Failed to analyze the computation (Failed to compute symbolic tile for (d0, d1) -> (d1 * 56 + d0)"
    with pytest.raises(UserError, match="XLA can't compile") as error, devices.explain_compiler_errors():
        raise tf.errors.InternalError(None, None, message)
    assert "--xla_gpu_enable_split_k_autotuning=false" in error.value.hint
    with pytest.raises(tf.errors.InternalError), devices.explain_compiler_errors():
        raise tf.errors.InternalError(None, None, "another failure")
