"""Messages about GPUs that can't be used, for machines that are simulated by their cards."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

from dcgan.core import gpu_support
from dcgan.core.errors import UserError
from dcgan.core.gpu_support import check_compute_capability, missing_gpu_reason, old_driver_reason
from dcgan.core.nvidia import Card

GIB = 2**30
H200 = Card("NVIDIA H200", 140 * GIB, 139 * GIB, (9, 0), "570.124.06")
RTX_5090 = Card("NVIDIA GeForce RTX 5090", 32 * GIB, 31 * GIB, (12, 0), "576.88")
OLD = Card("NVIDIA A100", 40 * GIB, 39 * GIB, (8, 0), "470.82.01")

BUILD = {
    "is_cuda_build": True,
    "cuda_version": "12.5.1",
    "cuda_compute_capabilities": ["sm_60", "sm_70", "sm_80", "sm_89", "compute_90"],
}
"""`tf.sysconfig.get_build_info()` of the Linux wheel of TensorFlow 2.21.0."""


def test_missing_cuda_libraries_are_named_with_the_command_that_installs_them():
    reason = missing_gpu_reason([H200], BUILD, system="linux")
    assert "NVIDIA H200 is not used" in reason
    assert "pip install 'tensorflow[and-cuda]==2.21.0'" in reason
    assert missing_gpu_reason([H200], BUILD, hidden_by="0", system="linux") == reason


def test_the_command_installs_the_version_of_tensorflow_that_is_required():
    assert gpu_support.INSTALL_COMMAND.endswith(f"=={tf.__version__}'")


def test_without_a_card_there_is_nothing_to_say():
    assert missing_gpu_reason([], BUILD, system="linux") == missing_gpu_reason([], BUILD, system="win32") == ""


def test_a_card_whose_driver_does_not_answer_is_not_passed_over():
    reason = missing_gpu_reason([], BUILD, system="linux", in_machine=True)
    assert "is not used: its driver is not installed or does not answer" in reason
    assert "\n" not in reason
    assert "CUDA libraries" in missing_gpu_reason([H200], BUILD, system="linux", in_machine=True)


def test_a_card_that_only_nvidia_smi_lists_is_named_with_what_to_install():
    reason = missing_gpu_reason([], BUILD, system="linux", listed=["NVIDIA H200", "NVIDIA H200"])
    assert reason == missing_gpu_reason([H200], BUILD, system="linux")
    assert reason.startswith("NVIDIA H200 is not used")


def test_native_windows_is_told_to_use_wsl2():
    reason = missing_gpu_reason([H200], {}, system="win32")
    assert "no GPU build for Windows since 2.11" in reason
    assert "WSL2" in reason


def test_macos_is_told_why_it_computes_on_the_cpu():
    assert "no GPU build for macOS" in missing_gpu_reason([], {}, system="darwin")


@pytest.mark.parametrize("value", ["", "-1", "NoDevFiles"])
def test_a_card_that_the_environment_hides_is_not_blamed_on_the_libraries(value):
    reason = missing_gpu_reason([H200], BUILD, hidden_by=value, system="linux")
    assert f"CUDA_VISIBLE_DEVICES={value} hides it" in reason
    assert "pip" not in reason


def test_a_tensorflow_without_cuda_is_named():
    assert "has no CUDA" in missing_gpu_reason([H200], {"is_cuda_build": False}, system="linux")


def test_a_driver_that_is_too_old_is_named_with_the_version_that_is_needed():
    reason = missing_gpu_reason([OLD], BUILD, system="linux")
    assert "470.82.01" in reason
    assert "525.60.13" in reason
    assert "CUDA 12.5.1" in reason


@pytest.mark.parametrize("version", ["525.60.13", "525.105.17", "535.54", "610.3.1"])
def test_drivers_from_the_minimum_on_pass(version):
    assert old_driver_reason([Card("NVIDIA A100", 0, 0, (8, 0), version)], BUILD) == ""


def test_in_wsl2_the_driver_of_windows_counts(monkeypatch):
    release = SimpleNamespace(release="5.15.153.1-microsoft-standard-WSL2")
    monkeypatch.setattr(gpu_support.platform, "uname", lambda: release)
    driver = Card("NVIDIA A100", 0, 0, (8, 0), "527.41")
    assert "needs 528.33 or later. Update the driver in Windows." in old_driver_reason([driver], BUILD)


def test_a_card_newer_than_tensorflow_is_refused_with_both_ways_out():
    with pytest.raises(
        UserError, match=r"RTX 5090: its compute capability is 12\.0, .* built for 6\.0 to 9\.0"
    ) as error:
        check_compute_capability(RTX_5090.name, RTX_5090.compute_capability, BUILD)
    assert "NGC" in error.value.hint
    assert "--device cpu" in error.value.hint


def test_a_card_older_than_tensorflow_is_refused_without_the_container():
    with pytest.raises(UserError, match="Quadro M4000") as error:
        check_compute_capability("Quadro M4000", (5, 2), BUILD)
    assert "NGC" not in error.value.hint


@pytest.mark.parametrize("capability", [(6, 1), (7, 5), (8, 6), (8, 9), (9, 0), None])
def test_a_card_that_tensorflow_was_built_for_passes(capability):
    check_compute_capability("NVIDIA", capability, BUILD)


def test_a_tensorflow_built_for_the_new_cards_passes():
    check_compute_capability(RTX_5090.name, (12, 0), {"cuda_compute_capabilities": ["sm_90", "sm_120a"]})
    check_compute_capability(RTX_5090.name, (12, 0), {})


def test_this_tensorflow_has_the_build_information_that_is_read():
    build = dict(tf.sysconfig.get_build_info())
    if build["is_cuda_build"]:
        with pytest.raises(UserError, match="built for"):
            check_compute_capability(RTX_5090.name, RTX_5090.compute_capability, build)
