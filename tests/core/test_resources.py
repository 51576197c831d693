"""Cores and memory of this process, beside other ways to count them and with stand-ins for /proc and control groups."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dcgan.core import resources
from dcgan.core.resources import available_memory, count_cores, processor, resident_memory, total_memory, track_memory

MIB = 2**20


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of 100 MiB with 60 MiB available, without control groups; returns a function that writes its files."""
    monkeypatch.setattr(resources, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(resources, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(resources, "physical_memory", lambda: 100 * MIB)
    monkeypatch.setattr(resources, "address_space_limit", lambda: None)

    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    write(proc__meminfo=f"MemTotal:  {100 * 1024} kB\nMemAvailable:  {60 * 1024} kB\nHugePages_Total: 0\n")
    return write


def group(folder, limit, used, inactive=0, names=("memory.max", "memory.current")):
    stat = f"anon 5\ninactive_file {inactive}\n"
    return {f"{folder}__{names[0]}": f"{limit}\n", f"{folder}__{names[1]}": f"{used}\n", f"{folder}__memory.stat": stat}


def test_without_limits_the_memory_is_that_of_the_machine(machine):
    assert total_memory() == 100 * MIB
    assert available_memory() == 60 * MIB


def test_the_limit_of_a_job_counts_wherever_it_is_set_above_the_process(machine):
    machine(proc__self__cgroup="0::/slurm/job_7/step_0/task\n", **group("cgroup__slurm__job_7", 40 * MIB, 15 * MIB))
    machine(**group("cgroup__slurm__job_7__step_0__task", "max", 14 * MIB))
    assert total_memory() == 40 * MIB
    assert available_memory() == 25 * MIB


def test_files_that_a_group_has_cached_are_available(machine):
    machine(proc__self__cgroup="0::/\n", **group("cgroup", 40 * MIB, 39 * MIB, 30 * MIB))
    assert available_memory() == 31 * MIB


def test_the_limit_of_a_container_is_read_though_its_path_is_that_outside(machine):
    version_1 = group("cgroup__memory", 50 * MIB, 20 * MIB, names=("memory.limit_in_bytes", "memory.usage_in_bytes"))
    machine(proc__self__cgroup="5:cpu,cpuacct:/\n4:memory:/docker/0123\n0::/\n", **version_1)
    assert total_memory() == 50 * MIB
    assert available_memory() == 30 * MIB
    machine(**group("cgroup__memory__docker__0123", 30 * MIB, 29 * MIB))  # the files of version 2
    assert total_memory() == 50 * MIB


def test_the_groups_of_other_jobs_do_not_count(machine):
    machine(proc__self__cgroup="0::/slurm/job_7\n", **group("cgroup__slurm__job_8", MIB, 0))
    assert total_memory() == 100 * MIB


def test_a_group_beyond_its_limit_has_nothing_left(machine):
    machine(proc__self__cgroup="0::/\n", **group("cgroup", 40 * MIB, 41 * MIB))
    assert available_memory() == 0


def test_a_limit_of_addresses_counts(machine, monkeypatch):
    machine(proc__self__status="Name:\tpython\nVmSize:\t   10240 kB\n")
    monkeypatch.setattr(resources, "address_space_limit", lambda: 64 * MIB)
    assert total_memory() == 64 * MIB
    assert available_memory() == 54 * MIB
    assert total_memory(reserved=20 * MIB) == 44 * MIB
    assert available_memory(reserved=20 * MIB) == 44 * MIB  # more than the 10 MiB that are reserved by now
    machine(proc__self__status="VmSize:\t   40960 kB\nVmRSS:\t   20480 kB\n")
    assert available_memory(reserved=20 * MIB) == 24 * MIB  # it has reserved all of them


def test_ulimit_is_read():
    program = "from dcgan.core.resources import total_memory; print(total_memory())"
    done = subprocess.run(
        ["bash", "-c", f"ulimit -v {2**20}; exec {sys.executable} -c '{program}'"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) == min(2**30, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def test_a_system_that_does_not_tell_gives_none(tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "_PROC", tmp_path)
    monkeypatch.setattr(resources, "_CGROUPS", tmp_path)
    for limit in ("physical_memory", "address_space_limit"):
        monkeypatch.setattr(resources, limit, lambda: None)
    assert total_memory() is None
    assert available_memory() is None
    assert resident_memory() == {}
    with track_memory(0.001) as largest:
        pass
    assert largest == {}
    name, features = processor(("avx2",))
    assert name
    assert features == []


def test_the_processor_has_the_features_that_are_its_own(machine):
    machine(
        proc__cpuinfo="processor\t: 0\nmodel name\t: A Processor: 3\nflags\t\t: fpu avx2 amx_tile\n\nprocessor\t: 1\n"
    )
    assert processor(("amx_tile", "avx2", "avx512f")) == ("A Processor: 3", ["amx_tile", "avx2"])


def test_cores_are_those_that_the_process_may_use():
    assert count_cores() == len(os.sched_getaffinity(0))


def test_the_peak_is_that_of_the_system():
    sizes = resident_memory()
    assert sizes["peak"] >= resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - MIB
    assert sizes["anonymous"] + sizes["file"] == pytest.approx(sizes["resident"], abs=64 * MIB)


def test_memory_that_was_taken_for_a_moment_is_seen():
    before = resident_memory()["anonymous"]
    with track_memory(0.001) as largest:
        block, give_up = np.ones(64 * MIB, np.uint8), time.monotonic() + 10
        while largest.get("anonymous", 0) < before + 60 * MIB and time.monotonic() < give_up:
            time.sleep(0.005)  # until the thread has looked
        del block
    assert largest["anonymous"] > before + 60 * MIB
