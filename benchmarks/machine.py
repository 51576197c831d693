"""Describe the machine that a table was measured on."""

import importlib.metadata
import os
import platform

from dcgan.core.resources import count_cores, physical_memory, processor

PACKAGES = ("tensorflow", "keras", "torch", "numpy", "pillow")

VECTOR_INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_tile")
"""What bounds the speed of a matrix product, by the names in `/proc/cpuinfo`."""


def describe() -> str:
    """Return processor, cores, memory, load, system and package versions as a Markdown list."""
    name, features = processor(VECTOR_INSTRUCTIONS)
    vectors = ", ".join(features) or platform.machine()
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    return "\n".join(
        [
            f"- {name} ({vectors}), {count_cores()} cores, {_memory()}; load average at the end {load}",
            f"- {platform.system()} {platform.release()}, Python {platform.python_version()}, {_versions()}",
        ]
    )


def describe_cards() -> str:
    """Return the graphics cards as a Markdown list: name, memory, driver."""
    from dcgan.core.nvidia import cards

    lines = (f"- {card.name}, {card.memory / 2**30:.0f} GiB, driver {card.driver_version}" for card in cards())
    return "\n".join(lines) or "- no NVIDIA card"


def _memory() -> str:
    """Return the size of physical memory."""
    size = physical_memory()
    return "memory unknown" if size is None else f"{size / 2**30:.0f} GiB"


def _versions() -> str:
    """Return the versions of the packages that affect speed."""
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {package}")
    return ", ".join(versions)
