"""The machine that a training will run on: devices, processor, memory, disks, and versions."""

import importlib.metadata
import os
import platform
import shutil
from pathlib import Path
from typing import Any

from dcgan.config import TrainConfig
from dcgan.core import nvidia
from dcgan.core.build_lock import resolve_cache_dir
from dcgan.core.devices import describe_devices, explain_missing_gpu, visible_gpus
from dcgan.core.resources import available_memory, count_cores, processor, total_memory
from dcgan.doctor.findings import Finding
from dcgan.runs import default_run_dir
from dcgan.training.preflight import format_bytes

PACKAGES = ("tensorflow", "keras", "numpy", "pillow", "matplotlib")

FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd")
"""Processor features that the speed of a training depends on, by their names in `/proc/cpuinfo`."""

_LITTLE_DISK = 1 << 30


def describe_machine(config: TrainConfig) -> dict[str, Any]:
    """Return the facts about this machine as numbers and texts, for the report.

    Args:
        config: options of the training that is planned; its device is selected already.
    """
    name, features = processor(FEATURES)
    return {
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "devices": describe_devices(),
        "uses_gpu": bool(visible_gpus()),
        "gpu_reason": explain_missing_gpu() if config.device == "auto" else "",
        "cards": [
            {"name": card.name, "memory": card.memory, "free": card.free_memory, "driver": card.driver_version}
            for card in nvidia.cards()
        ],
        "processor": name,
        "features": features,
        "cores": count_cores(),
        "memory": total_memory(),
        "free_memory": available_memory(),
        "run_dir": describe_folder(config.run_dir or default_run_dir(config)),
        "cache_dir": describe_folder(resolve_cache_dir(config.cache_dir)),
    }


def describe_folder(path: Path) -> dict[str, Any]:
    """Describe the folder that a path is in or will be in; nothing is written there.

    Args:
        path: a folder that need not exist.

    Returns:
        `path`; `exists`; `free`, the bytes that are free on its disk; `writable`; and `locks`, whether files can be
        locked there. What the system does not tell is None.
    """
    there = path.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        free = shutil.disk_usage(there).free
    except OSError:
        free = None
    writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    return {
        "path": str(path),
        "exists": path.exists(),
        "free": free,
        "writable": writable,
        "locks": _can_lock(there),
    }


def _can_lock(folder: Path) -> bool | None:
    """Return whether the file system has locks, tried on the folder itself; None where that can't be tried."""
    try:
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def find_in_machine(config: TrainConfig, facts: dict[str, Any]) -> list[Finding]:
    """Return what to know about the machine.

    Args:
        config: options of the training that is planned.
        facts: what `describe_machine` returned.
    """
    findings = []
    if facts["gpu_reason"]:
        findings.append(Finding("warning", "gpu_not_used", facts["gpu_reason"]))
    for name, option in (("run_dir", "--run-dir"), ("cache_dir", "--cache-dir")):
        if name == "cache_dir" and config.data_dir is None:
            continue  # nothing is cached
        folder = facts[name]
        if not folder["writable"]:
            text = f"{folder['path']} can't be written. Choose another {option}, or change the permissions."
            findings.append(Finding("error", f"{name}_not_writable", text))
        elif folder["free"] is not None and folder["free"] < _LITTLE_DISK:
            text = f"The disk of {folder['path']} has {format_bytes(folder['free'])} left. Free some space."
            findings.append(Finding("warning", f"{name}_disk", text))
        if name == "run_dir" and folder["locks"] is False:
            text = (
                f"The file system of {folder['path']} has no file locks. Make sure that no other machine trains in it, "
                "or choose a --run-dir on another disk."
            )
            findings.append(Finding("warning", "no_locks", text))
    return findings


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
