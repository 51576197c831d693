"""Train for hours, and watch what the process holds: `python -m tests.reliability.soak --minutes 120`.

`python train.py` runs with grids, evaluations and checkpoints. Once a minute, its memory, its open files and its
threads are read from `/proc` (Linux). Every minute after the warm-up counts: memory may not grow by 1 %, files and
threads not at all beyond what they were, and the speed of the last third of the training not fall below that of the
first. Speed is in steps per second of processor time, since other programs may run.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
MAX_GROWTH = 0.01
MIN_SPEED = 0.97


@dataclass(frozen=True)
class Reading:
    """What a process held at a moment: seconds since its start, processor seconds, MiB, open files, threads, step."""

    seconds: float
    processor_seconds: float
    memory: float
    files: int
    threads: int
    step: int


def read(process: int, seconds: float, step: int) -> Reading:
    """Read a process' memory that is not shared with files, open files and threads.

    Raises:
        FileNotFoundError: the process has ended.
    """
    folder = Path("/proc") / str(process)
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return Reading(
        seconds,
        ticks / os.sysconf("SC_CLK_TCK"),
        int(status["RssAnon"].split()[0]) / 1024,
        len(list((folder / "fd").iterdir())),
        int(status["Threads"]),
        step,
    )


def last_step(log: Path) -> int:
    """Return the last step of a log, 0 if there is none."""
    lines = log.read_text().splitlines() if log.exists() else []
    return json.loads(lines[-1])["step"] if lines else 0


def growth(readings: Sequence[Reading]) -> float:
    """Return by what fraction the memory grew: the median of the last fifth of the readings against that of the first.

    Evaluations and checkpoints need memory for moments, which a median leaves out.
    """
    part = max(1, len(readings) // 5)
    first, last = readings[:part], readings[-part:]
    return statistics.median(r.memory for r in last) / statistics.median(r.memory for r in first) - 1


def speed(readings: Sequence[Reading]) -> float:
    """Return steps per second of processor time."""
    first, last = readings[0], readings[-1]
    return (last.step - first.step) / (last.processor_seconds - first.processor_seconds)


def problems_of(readings: Sequence[Reading]) -> list[str]:
    """Return what grew or slowed down."""
    third = len(readings) // 3
    begin, end = readings[: third + 1], readings[-third - 1 :]
    found = []
    if growth(readings) >= MAX_GROWTH:
        found.append(f"memory grew by {growth(readings):.1%}")
    for name in ("files", "threads"):
        before, after = (max(getattr(reading, name) for reading in some) for some in (begin, end))
        if after > before:
            found.append(f"{name} grew from {before} to {after}")
    if speed(end) < MIN_SPEED * speed(begin):
        found.append(f"speed fell from {speed(begin):.2f} to {speed(end):.2f} steps per processor second")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Train and watch; return 0 if nothing grew or slowed down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120, help="length of the training")
    parser.add_argument("--warm-up", type=float, default=10, help="minutes before the first reading that counts")
    parser.add_argument("--interval", type=float, default=60, help="seconds between two readings")
    parser.add_argument(
        "--run-dir", type=Path, required=True, help="of the training; the readings are written beside it"
    )
    parser.add_argument("options", nargs="*", help="options of train.py, after `--`")
    options = parser.parse_args(arguments)
    command = [sys.executable, "train.py", "--run-dir", str(options.run_dir), "--minutes", str(options.minutes)]
    began, readings = time.monotonic(), []
    options.run_dir.parent.mkdir(parents=True, exist_ok=True)
    record = options.run_dir.with_name(f"{options.run_dir.name}-soak.jsonl")
    with subprocess.Popen([*command, *options.options], cwd=CHECKOUT) as process:
        while process.poll() is None:
            time.sleep(options.interval)
            try:
                reading = read(process.pid, time.monotonic() - began, last_step(options.run_dir / "log.jsonl"))
            except (FileNotFoundError, KeyError):  # it has ended
                break
            readings.append(reading)
            with record.open("a") as file:
                file.write(json.dumps(asdict(reading)) + "\n")
    if process.returncode:
        print(f"The training ended with code {process.returncode}.")
        return 1
    return report([reading for reading in readings if reading.seconds >= 60 * options.warm_up])


def report(readings: Sequence[Reading]) -> int:
    """Print what the readings say; return 0 if nothing grew or slowed down."""
    if len(readings) < 6:
        print(f"Only {len(readings)} readings after the warm-up: train longer.")
        return 1
    first, last = readings[0], readings[-1]
    print(
        f"{len(readings)} readings in {(last.seconds - first.seconds) / 60:.0f} minutes, steps {first.step} to "
        f"{last.step}: memory {first.memory:.0f} to {last.memory:.0f} MiB ({growth(readings):+.2%}), files "
        f"{first.files} to {last.files}, threads {first.threads} to {last.threads}, {speed(readings):.2f} steps per "
        f"processor second"
    )
    found = problems_of(readings)
    print("\n".join(found) or "Nothing grew or slowed down.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
