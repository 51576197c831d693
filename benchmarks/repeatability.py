"""Does the same training give the same bytes on this machine, also after `kill -9`?

The same command runs three times, each in a run directory and processes of its own: undisturbed, undisturbed again, and
killed after its first checkpoint and resumed. Options after `--` are those of `train.py`.
"""

import argparse
import contextlib
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.commands import CHECKOUT
from benchmarks.tables import markdown_table

POLL_SECONDS = 0.05


def train(run_dir: Path, options: Sequence[str], kill_after: int | None = None) -> float:
    """Run `train.py`.

    Args:
        run_dir: its run directory.
        options: its options.
        kill_after: send `kill -9` as soon as there is a checkpoint of this step or a later one; None to let it end.

    Returns:
        Seconds it ran.

    Raises:
        RuntimeError: it failed, or ended before it could be killed; the message has the end of its output.
    """
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        command = [sys.executable, "train.py", *options, "--run-dir", str(run_dir)]
        process = subprocess.Popen(command, cwd=CHECKOUT, stdout=output, stderr=subprocess.STDOUT)
        if kill_after is not None:
            while process.poll() is None and newest_checkpoint(run_dir) < kill_after:
                time.sleep(POLL_SECONDS)
            process.kill()
        code = process.wait()
        if (code == 0) == (kill_after is not None):
            output.seek(0)
            raise RuntimeError(f"train.py ended with code {code}:\n{output.read()[-2000:]}")
    return time.monotonic() - start


def newest_checkpoint(run_dir: Path) -> int:
    """Return the step of a run's newest checkpoint, 0 if there is none."""
    names = (file.stem.removeprefix("step-") for file in (run_dir / "checkpoints").glob("step-*.npz"))
    return max((int(name) for name in names if name.isdigit()), default=0)


def digests(run_dir: Path) -> dict[str, str]:
    """Return the SHA-256 of what a run has to repeat: generator, newest checkpoint, newest grid; 16 characters each."""
    grids = sorted((run_dir / "samples").glob("step-*.png"))
    files = [run_dir / "generator.keras", *sorted((run_dir / "checkpoints").glob("step-*.npz"))[-1:], *grids[-1:]]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:16] for file in files}


def speed(run_dir: Path) -> float:
    """Return the largest logged images per second: a stretch without checkpoint, grid or compilation."""
    lines = (run_dir / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return max((json.loads(line)["images_per_second"] for line in lines), default=0.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m benchmarks.repeatability`; return 0 if all bytes are equal, otherwise 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kill-after", type=int, default=1, help="step of the checkpoint after which to kill")
    parser.add_argument("--keep", type=Path, help="folder to keep the three run directories in; deleted if not given")
    parser.add_argument("options", nargs="*", help="options of train.py, after --")
    given = parser.parse_args(arguments)
    with contextlib.nullcontext(given.keep) if given.keep else tempfile.TemporaryDirectory() as folder:
        runs = {name: Path(folder) / name for name in ("first", "second", "killed")}
        seconds = {name: f"{train(runs[name], given.options):.0f}" for name in ("first", "second")}
        before = train(runs["killed"], given.options, given.kill_after)
        killed_at = newest_checkpoint(runs["killed"])
        after = train(runs["killed"], given.options)
        seconds["killed"] = f"{before:.0f} until the checkpoint of step {killed_at}, then {after:.0f}"
        found = {name: digests(run) for name, run in runs.items()}
        rows = [
            [
                name,
                seconds[name],
                f"{speed(runs[name]):,.0f}",
                *(f"{file} {value}" for file, value in found[name].items()),
            ]
            for name in runs
        ]
    print(markdown_table(("run", "seconds", "images/s, most", "generator", "checkpoint", "grid"), rows))
    equal = found["first"] == found["second"] == found["killed"]
    print(f"\nEqual bytes: {'yes' if equal else 'NO'}\n\n{machine.describe_cards()}\n{machine.describe()}")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
