"""What the doctor says about the machine, with stand-ins for cards and file systems."""

import errno
import fcntl
from types import SimpleNamespace

import pytest

from dcgan.core import devices, nvidia
from dcgan.core.nvidia import Card
from dcgan.doctor import machine
from dcgan.doctor.machine import describe_folder, describe_machine, find_in_machine

H100 = Card("NVIDIA H100", 80 << 30, 70 << 30, (9, 0), "570.124.06")


def codes(config):
    return {finding.code: finding for finding in find_in_machine(config, describe_machine(config))}


def test_a_machine_without_a_card_has_no_finding_about_it(options, monkeypatch):
    monkeypatch.setattr(nvidia, "cards", list)
    monkeypatch.setattr(devices, "explain_missing_gpu", lambda: "")
    monkeypatch.setattr(machine, "explain_missing_gpu", lambda: "")
    facts = describe_machine(options().training())
    assert facts["cards"] == []
    assert not facts["uses_gpu"]
    assert codes(options().training()) == {}
    assert facts["cores"] >= 1
    assert facts["packages"]["tensorflow"].startswith("2.")


@pytest.mark.parametrize(
    ("hidden", "driver", "cuda", "reason"),
    [
        ("-1", "570.124.06", True, "CUDA_VISIBLE_DEVICES=-1 hides it"),
        (None, "570.124.06", False, "this build of TensorFlow has no CUDA"),
        (None, "470.57.02", True, "The NVIDIA driver 470.57.02 is too old"),
        (None, "570.124.06", True, "does not find the CUDA libraries"),
    ],
)
def test_a_card_that_is_not_used_is_a_warning_with_the_reason(hidden, driver, cuda, reason, options, monkeypatch):
    card = Card(H100.name, H100.memory, H100.free_memory, H100.compute_capability, driver)
    monkeypatch.setattr(nvidia, "cards", lambda: [card])
    monkeypatch.setattr(devices, "_build", lambda: {"is_cuda_build": cuda, "cuda_version": "12.5"})
    monkeypatch.setattr(devices.tf.config, "list_physical_devices", lambda kind=None: [])
    if hidden is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    found = codes(options().training())
    assert found["gpu_not_used"].level == "warning"
    assert reason in found["gpu_not_used"].text
    assert "gpu_not_used" not in codes(options(device="cpu").training())


def test_a_folder_that_does_not_exist_is_described_by_the_one_above_it(tmp_path):
    facts = describe_folder(tmp_path / "a" / "b")
    assert facts["free"] > 0
    assert facts["writable"]
    assert not facts["exists"]
    assert facts["locks"] is True
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_locks_is_a_warning(options, monkeypatch):
    def no_locks(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    assert "no_locks" not in codes(options().training())
    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert "no file locks" in codes(options().training())["no_locks"].text


def test_a_full_disk_is_a_warning(options, monkeypatch):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: SimpleNamespace(free=3 << 20))
    assert "has 3 MiB left" in codes(options().training())["run_dir_disk"].text


def test_a_run_directory_in_a_file_is_an_error(options, tmp_path):
    (tmp_path / "file").write_text("")
    assert codes(options(run_dir="file/run").training())["run_dir_not_writable"].level == "error"
