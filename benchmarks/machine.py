"""What a table was measured on, in words."""

import contextlib
import importlib.metadata
import os
import platform
import threading
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("tensorflow", "keras", "torch", "numpy", "pillow")


def describe() -> str:
    """Processor, cores, memory, load, system and versions, as a Markdown list."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    return "\n".join(
        [
            f"- {_processor()}, {cores()} cores, {_memory()}; load average at the end {load}",
            f"- {platform.system()} {platform.release()}, Python {platform.python_version()}, {_versions()}",
        ]
    )


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def resident() -> dict[str, int]:
    """This process' memory in bytes: `peak`, and at present `anonymous` and `file`.

    Pages of a memory-mapped file are counted as resident while they are in the page cache, and the system takes them
    back when it needs room; what a program needs is the anonymous part. Linux only.
    """
    names = {"VmHWM:": "peak", "RssAnon:": "anonymous", "RssFile:": "file"}
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {names[key]: int(words[0]) * 1024 for key, *words in lines if key in names}


@contextlib.contextmanager
def watched(every: float = 0.02) -> Iterator[dict[str, int]]:
    """Watch the memory of this process while a block runs.

    Yields:
        What `resident` says, `anonymous` and `file` being the most that was seen; it is filled in during the block.
    """
    most: dict[str, int] = {}
    done = threading.Event()

    def look() -> None:
        while not done.wait(every):
            for name, size in resident().items():
                most[name] = max(size, most.get(name, 0))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield most
    finally:
        done.set()
        watcher.join()


def _processor() -> str:
    """The processor's name, and the vector instructions that decide how fast a product can be."""
    try:
        fields = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
    except OSError:
        return platform.processor() or platform.machine()
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    vectors = [name for name in ("avx2", "avx512f", "amx_tile") if name in fields.get("flags", "").split()]
    return f"{fields.get('model name', platform.machine())} ({', '.join(vectors) or platform.machine()})"


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    except (AttributeError, ValueError, OSError):
        return "memory unknown"


def _versions() -> str:
    """The installed packages that matter, with their versions."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"no {package}")
    return ", ".join(found)
