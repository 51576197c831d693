"""What this process may use of the machine, and what it uses: processor cores and memory."""

import contextlib
import os
import platform
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")

SAMPLING_INTERVAL = 0.02
"""Seconds between two samples of this process's memory."""

_SIZES = {"VmRSS:": "resident", "VmHWM:": "peak", "RssAnon:": "anonymous", "RssFile:": "file", "VmSize:": "addresses"}


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor(known: Collection[str]) -> tuple[str, list[str]]:
    """Return the processor's name, and which features it has.

    Args:
        known: names of features as `/proc/cpuinfo` has them, for example `avx2`.

    Returns:
        The name, and those of `known` that the processor has, in their order; none where the system does not tell.
    """
    try:
        text = (_PROC / "cpuinfo").read_text(errors="replace")
    except OSError:
        return platform.processor() or platform.machine(), []
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    return fields.get("model name") or platform.machine(), [name for name in known if name in flags]


def total_memory(reserved: int = 0) -> int | None:
    """Return the bytes of memory that this process may use at most; None if the system does not tell.

    That is the machine's memory, the limit of a container or job (control group), or the one that `ulimit -v` sets.

    Args:
        reserved: bytes of addresses that the process reserves without using them, which count for `ulimit -v` alone.
    """
    limits = [physical_memory(), *(limit for limit, _ in _cgroup_memory())]
    if (limit := address_space_limit()) is not None:
        limits.append(max(0, limit - reserved))
    return min((limit for limit in limits if limit is not None), default=None)


def available_memory(reserved: int = 0) -> int | None:
    """Return the bytes of memory that this process can still take at present; None if the system does not tell.

    Other programs have taken the rest. Memory that the system would give back without swapping, such as files that it
    has cached, counts as available.

    Args:
        reserved: as for `total_memory`.
    """
    sizes = [_available_in_machine(), *(limit - used for limit, used in _cgroup_memory())]
    if (limit := address_space_limit()) is not None:
        own = resident_memory()
        resident, addresses = own.get("resident", 0), own.get("addresses", 0)
        sizes.append(limit - max(addresses, resident + reserved))
    return min((max(0, size) for size in sizes if size is not None), default=None)


def physical_memory() -> int | None:
    """Return the bytes of the machine's memory; None if the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return None


def _available_in_machine() -> int | None:
    try:
        lines = dict(line.split(":", 1) for line in (_PROC / "meminfo").read_text().splitlines() if ":" in line)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError, IndexError):
        return None


def _cgroup_memory() -> list[tuple[int, int]]:
    """Return limit and used bytes of every control group with a limit that this process is in; the outer ones count."""
    found = []
    for folder, (limit_file, usage_file) in _cgroup_folders():
        try:
            limit = int((folder / limit_file).read_text())
            used = int((folder / usage_file).read_text())
        except (OSError, ValueError):  # no such file, or "max"
            continue
        found.append((limit, max(0, used - _reclaimable(folder))))
    return found


def _cgroup_folders() -> Iterator[tuple[Path, tuple[str, str]]]:
    """Yield the folders of this process's control groups, the inner ones first, with names of the files in them.

    In a container, `/proc/self/cgroup` may name a path outside of it, and what is mounted begins at its own group: of
    the folders that are named, those that exist are yielded, down to where they are mounted.
    """
    second, first = ("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")
    try:
        lines = (_PROC / "self" / "cgroup").read_text().splitlines()
    except OSError:
        lines = []
    paths = {"": "/", "memory": "/"}
    for line in lines:  # "0::/path" in version 2, "4:memory:/path" in version 1
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        paths |= {name: path for name in controllers.split(",") if name in paths}
    for root, path, names in ((_CGROUPS, paths[""], second), (_CGROUPS / "memory", paths["memory"], first)):
        inner = root / path.lstrip("/")
        for folder in (inner, *inner.parents):
            if folder.is_relative_to(root) and folder.is_dir():
                yield folder, names


def _reclaimable(folder: Path) -> int:
    """Return the bytes of a control group that are cached files, and not used of late."""
    try:
        lines = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return int(lines.get("total_inactive_file") or lines["inactive_file"])
    except (OSError, ValueError, KeyError):
        return 0


def address_space_limit() -> int | None:
    """Return the bytes of addresses that `ulimit -v` allows; None without a limit."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else limit


def resident_memory() -> dict[str, int]:
    """Return the bytes of memory that this process takes; empty where the system does not tell.

    Pages of a memory-mapped file count as resident while they are in the page cache, but the system can reclaim them
    without writing; the anonymous part is what a program needs.

    Returns:
        `resident`, with its parts `anonymous` and `file`; `peak`, the largest `resident` since the process began; and
        `addresses`, what is reserved.
    """
    try:
        lines = [line.split() for line in (_PROC / "self" / "status").read_text().splitlines()]
        return {_SIZES[key]: int(fields[0]) * 1024 for key, *fields in filter(None, lines) if key in _SIZES}
    except (OSError, ValueError, IndexError):
        return {}


@contextlib.contextmanager
def track_memory(interval: float = SAMPLING_INTERVAL) -> Iterator[dict[str, int]]:
    """Sample this process's memory while the block runs.

    Args:
        interval: seconds between samples.

    Yields:
        The keys of `resident_memory` with the largest value of each, updated during the block; empty where the system
        does not tell.
    """
    largest: dict[str, int] = {}
    done = threading.Event()

    def sample() -> None:
        while True:
            for name, size in resident_memory().items():
                largest[name] = max(size, largest.get(name, 0))
            if done.wait(interval):
                return

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield largest
    finally:
        done.set()
        thread.join()
