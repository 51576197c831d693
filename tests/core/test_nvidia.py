"""Facts about NVIDIA cards, from a driver that is simulated."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pynvml
import pytest

from dcgan.core import nvidia
from dcgan.core.nvidia import Card, cards

H200 = Card("NVIDIA H200", 150_754_820_096, 150_000_000_000, (9, 0), "570.124.06")


@pytest.fixture
def driver(monkeypatch):
    """NVML with one card; the list records that it is closed."""
    closed = []
    functions = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: closed.append(True),
        "nvmlSystemGetDriverVersion": lambda: H200.driver_version,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda handle: H200.name.encode(),
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=H200.memory, free=H200.free_memory),
        "nvmlDeviceGetCudaComputeCapability": lambda handle: (9, 0),
    }
    for name, function in functions.items():
        monkeypatch.setattr(pynvml, name, function)
    return closed


def test_a_card_has_name_memory_capability_and_driver(driver):
    assert cards() == [H200]
    assert driver == [True]


def test_there_are_no_cards_without_a_driver(monkeypatch):
    def fail():
        raise pynvml.NVMLError_LibraryNotFound

    monkeypatch.setattr(pynvml, "nvmlInit", fail)
    assert cards() == []


@pytest.mark.parametrize("error", [pynvml.NVMLError_GpuIsLost(), AttributeError("nvmlDeviceGetName"), OSError()])
def test_a_driver_that_does_not_answer_has_no_cards(driver, error, monkeypatch):
    def fail(handle):
        raise error

    monkeypatch.setattr(pynvml, "nvmlDeviceGetName", fail)
    assert cards() == []
    assert driver == [True]


def test_the_library_is_imported_on_first_use():
    code = "import sys, dcgan.core.nvidia; assert 'pynvml' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)


@pytest.mark.parametrize(
    ("vendor", "device_class", "expected"),
    [("0x10de", "0x030200", True), ("0x10de", "0x040300", False), ("0x1002", "0x030000", False)],
    ids=["card", "its sound device", "card of another vendor"],
)
def test_a_card_without_a_driver_is_found_among_the_devices_of_the_machine(
    vendor, device_class, expected, tmp_path, monkeypatch
):
    monkeypatch.setattr(nvidia, "PCI_DEVICES", tmp_path)
    (tmp_path / "0000:01:00.0").mkdir()
    (tmp_path / "0000:01:00.0" / "vendor").write_text(f"{vendor}\n")
    (tmp_path / "0000:01:00.0" / "class").write_text(f"{device_class}\n")
    assert nvidia.is_in_machine() == expected
    monkeypatch.setattr(nvidia, "PCI_DEVICES", tmp_path / "missing")
    assert not nvidia.is_in_machine()


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            "echo 'GPU 0: NVIDIA H100 (UUID: GPU-0)'; echo 'GPU 1: NVIDIA A100-SXM4-40GB'",
            ["NVIDIA H100", "NVIDIA A100-SXM4-40GB"],
        ),
        ("echo 'NVIDIA-SMI has failed because it could not communicate with the driver'; exit 9", []),
        ("printf '\\377\\n'", []),
    ],
    ids=["two cards", "no driver", "not UTF-8"],
)
def test_without_the_library_the_cards_are_those_that_nvidia_smi_lists(script, expected, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert nvidia.names_by_tool() == [] or shutil.which("nvidia-smi")
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert nvidia.names_by_tool() == expected
