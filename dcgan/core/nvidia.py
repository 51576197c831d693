"""What NVIDIA's driver reports about the graphics cards of this machine, without TensorFlow."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PCI_DEVICES = Path("/sys/bus/pci/devices")
"""Where Linux lists the devices of this machine, each in a folder with the numbers of its vendor and its class."""


@dataclass(frozen=True)
class Card:
    """One NVIDIA card, as the driver's management library (NVML) reports it.

    Args:
        name: name of the model, for example `NVIDIA H200`.
        memory: size of its memory in bytes.
        free_memory: bytes of its memory that no program uses.
        compute_capability: (major, minor) version of what its processors can compute.
        driver_version: version of the driver, for example `570.124.06`.
    """

    name: str
    memory: int
    free_memory: int
    compute_capability: tuple[int, int]
    driver_version: str


def cards() -> list[Card]:
    """Return the NVIDIA cards of this machine, in the order of their PCI addresses.

    `CUDA_VISIBLE_DEVICES` changes nothing here: the driver lists every card.

    Returns:
        The cards; an empty list where there is no driver, or where it does not answer.
    """
    try:
        import pynvml  # takes time that commands without a GPU save

        pynvml.nvmlInit()
        try:
            driver = _text(pynvml.nvmlSystemGetDriverVersion())
            return [_card(pynvml, index, driver) for index in range(pynvml.nvmlDeviceGetCount())]
        finally:
            pynvml.nvmlShutdown()
    except Exception:  # also a damaged driver, which must not end a command that can use the CPU
        return []


def names_by_tool() -> list[str]:
    """Return the models that `nvidia-smi` lists, for a machine on which the library of `cards` can't be loaded.

    Returns:
        The models; an empty list where there is no such program, or where it lists none within ten seconds.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        listed = subprocess.run(
            [program, "-L"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return re.findall(r"^GPU \d+: (.+?)(?: \(UUID.*)?$", listed.stdout, re.MULTILINE)


def is_in_machine() -> bool:
    """Return whether Linux lists an NVIDIA graphics card, also one without a driver or outside of this container."""
    try:
        return any(
            (device / "vendor").read_text().strip() == "0x10de" and (device / "class").read_text().startswith("0x03")
            for device in PCI_DEVICES.iterdir()
        )
    except OSError:
        return False


def _card(nvml: Any, index: int, driver_version: str) -> Card:
    """Ask the driver about one card."""
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    return Card(
        name=_text(nvml.nvmlDeviceGetName(handle)),
        memory=int(memory.total),
        free_memory=int(memory.free),
        compute_capability=(int(major), int(minor)),
        driver_version=driver_version,
    )


def _text(value: str | bytes) -> str:
    """Decode what older versions of the library return as bytes."""
    return value.decode() if isinstance(value, bytes) else value
