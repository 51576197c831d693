"""Describe the machine that a table was measured on, and measure this process's memory."""

import contextlib
import importlib.metadata
import os
import platform
import threading
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("tensorflow", "keras", "torch", "numpy", "pillow")


def describe() -> str:
    """Return processor, cores, memory, load, system and package versions as a Markdown list."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    return "\n".join(
        [
            f"- {_processor()}, {cores()} cores, {_memory()}; load average at the end {load}",
            f"- {platform.system()} {platform.release()}, Python {platform.python_version()}, {_versions()}",
        ]
    )


def describe_cards() -> str:
    """Return the graphics cards as a Markdown list: name, memory, driver."""
    from dcgan.core.nvidia import cards

    lines = (f"- {card.name}, {card.memory / 2**30:.0f} GiB, driver {card.driver_version}" for card in cards())
    return "\n".join(lines) or "- no NVIDIA card"


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def resident_memory() -> dict[str, int]:
    """Return this process's memory in bytes: `peak`, and the present `anonymous` and `file` pages.

    Pages of a memory-mapped file count as resident while they are in the page cache, but the system can reclaim them
    without writing; the anonymous part is what a program needs. Linux only.
    """
    names = {"VmHWM:": "peak", "RssAnon:": "anonymous", "RssFile:": "file"}
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {names[key]: int(fields[0]) * 1024 for key, *fields in lines if key in names}


@contextlib.contextmanager
def track_peak_memory(interval: float = 0.02) -> Iterator[dict[str, int]]:
    """Sample this process's memory while the block runs.

    Args:
        interval: seconds between samples.

    Yields:
        The keys of `resident_memory` with the largest value of each, updated during the block.
    """
    peak: dict[str, int] = {}
    done = threading.Event()

    def sample() -> None:
        while not done.wait(interval):
            for name, size in resident_memory().items():
                peak[name] = max(size, peak.get(name, 0))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def _processor() -> str:
    """Return the processor's name and the vector instructions that bound the speed of a matrix product."""
    try:
        fields = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
    except OSError:
        return platform.processor() or platform.machine()
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    names = ("avx2", "avx512f", "avx512_bf16", "amx_tile")
    vectors = [name for name in names if name in fields.get("flags", "").split()]
    return f"{fields.get('model name', platform.machine())} ({', '.join(vectors) or platform.machine()})"


def _memory() -> str:
    """Return the size of physical memory."""
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    except (AttributeError, ValueError, OSError):
        return "memory unknown"


def _versions() -> str:
    """Return the versions of the packages that affect speed."""
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {package}")
    return ", ".join(versions)
