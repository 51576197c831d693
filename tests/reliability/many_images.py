"""Prepare a million image files and train on them in little memory: `python -m tests.reliability.many_images`.

Image files of 64x64 pixels, each different, are written into class folders (or one zip), prepared into the dataset
cache by `python -m dcgan prepare`, opened again, and trained on by `python train.py`, which is stopped and resumed.
Every command, and every process that it starts, runs with a limit of its anonymous memory (RLIMIT_DATA). The table says
what it took: several values of `--num` show what grows with the number of images.

The limit leaves out the page cache, which the system frees where memory runs out. A control group includes it:
`systemd-run --user --scope -p MemoryMax=4G -p MemorySwapMax=0 python -m tests.reliability.many_images`.
"""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

CHECKOUT = Path(__file__).parents[2]
FOLDER_FILES = 5000
TEMPLATES = 16
GIB = 1 << 30
ROW = "{:>9} | {:<8} | {:>8} | {:>11} | {:>11} | {:>10} | {:>10} | {:>10}"


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Args:
        code: its exit code.
        seconds: wall time.
        processor_seconds: of all its processes.
        memory: largest anonymous memory in bytes, of all its processes together.
        resident: largest resident memory of one process in bytes, with the mapped pages of files.
        first_step: seconds until the log had a new line; None if it had none.
        output: what it printed.
    """

    code: int
    seconds: float
    processor_seconds: float
    memory: int
    resident: int
    first_step: float | None
    output: str


def main(arguments: list[str] | None = None) -> int:
    """Prepare images, and train on them; return 0 if every command succeeded within the memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num", type=int, nargs="+", default=[1_000_000], help="numbers of images, one after another")
    parser.add_argument("--memory", type=float, default=4, help="limit of each process' anonymous memory in GiB")
    parser.add_argument("--zip", action="store_true", help="train from a zip, which is read in place")
    parser.add_argument(
        "--steps", type=int, default=24, help="steps before the run is resumed, and after; 0 for no run"
    )
    parser.add_argument("--evaluate", action="store_true", help="evaluate the run as well")
    parser.add_argument("--folder", type=Path, help="folder that keeps the images for another time")
    parser.add_argument("options", nargs="*", help="options of train.py, after `--`")
    options = parser.parse_args(arguments)
    began, survived, tried = time.monotonic(), 0, 0
    print(ROW.format("images", "command", "wall s", "processor s", "ms/image", "memory MiB", "RSS MiB", "1st step s"))
    with tempfile.TemporaryDirectory(prefix="many-images-", dir=options.folder) as folder:
        for count in options.num:
            source, work = (options.folder or Path(folder)) / f"{count}{'.zip' * options.zip}", Path(folder) / "work"
            if not source.exists():
                started = time.process_time()
                temporary = Path(folder) / source.name
                (write_zip if options.zip else write_folder)(temporary, count)
                temporary.rename(source)
                seconds = time.process_time() - started
                print(ROW.format(count, "write", "", f"{seconds:.1f}", f"{1000 * seconds / count:.3f}", "", "", ""))
            for name, problems in _try(source, work, count, options):
                tried += 1
                survived += not problems
                if problems:
                    print(f"{count} images, {name}: {problems}", flush=True)
            shutil.rmtree(work)
    kind = "a zip" if options.zip else "a folder"
    print(
        f"{survived} of {tried} commands on {' and '.join(map(str, options.num))} images in {kind} survived in "
        f"{options.memory:g} GiB, {time.monotonic() - began:.0f} s"
    )
    return int(survived < tried)


def encoded_images(count: int) -> Iterator[bytes]:
    """Yield JPEG files of 64x64 pixels: a few images, each with other entries of its quantization table every time."""
    random, templates = np.random.default_rng(0), []
    for _ in range(TEMPLATES):
        file = io.BytesIO()
        colors = Image.frombytes("RGB", (4, 4), random.bytes(48))
        colors.resize((64, 64), Image.Resampling.BICUBIC).save(file, "JPEG")
        templates.append(bytearray(file.getvalue()))
    for index in range(count):
        template, number = templates[index % TEMPLATES], index // TEMPLATES
        table = template.index(b"\xff\xdb") + 5
        for place in range(table, table + 3):  # those of the mean and the two lowest frequencies
            number, template[place] = number // 60, 1 + number % 60
        yield bytes(template)


def write_folder(folder: Path, count: int) -> None:
    """Write images into class folders of `FOLDER_FILES` images, at least two of them."""
    for index, data in enumerate(encoded_images(count)):
        target = folder / _name(index, count)
        if index % FOLDER_FILES == 0 or not target.parent.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def write_zip(path: Path, count: int) -> None:
    """Write the same images into a zip, without compression."""
    with zipfile.ZipFile(path, "w") as archive:
        for index, data in enumerate(encoded_images(count)):
            archive.writestr(_name(index, count), data)


def _name(index: int, count: int) -> str:
    return f"class-{index // min(FOLDER_FILES, -(-count // 2)):04d}/image-{index:07d}.jpg"


def _try(source: Path, work: Path, count: int, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Run all commands on one source, and yield what is wrong with each, or an empty text."""
    run, steps = work / "run", options.steps
    data = ["--dataset", "folder", "--data-dir", str(source), "--cache-dir", str(work / "cache")]
    train = ["train.py", *data, "--run-dir", str(run), "--save-every", str(steps), "--sample-every", str(steps)]
    train += ["--log-every", "1", *options.options, "--steps"]
    commands = {
        "prepare": ["-m", "dcgan", "prepare", *data],
        "open": ["-m", "dcgan", "prepare", *data],
    }
    if steps:
        commands |= {"train": [*train, str(steps)], "resume": [*train, str(2 * steps)]}
    if steps and options.evaluate:
        commands["evaluate"] = ["-m", "dcgan", "evaluate", *data, "--run-dir", str(run)]
    for name, command in commands.items():
        result = run_in_memory(command, int(options.memory * GIB), run / "log.jsonl")
        numbers = f"{result.processor_seconds:.1f}", f"{1000 * result.processor_seconds / count:.3f}"
        memory = f"{result.memory / 2**20:.0f}", f"{result.resident / 2**20:.0f}"
        first = "" if result.first_step is None else f"{result.first_step:.1f}"
        print(ROW.format(count, name, f"{result.seconds:.1f}", *numbers, *memory, first), flush=True)
        yield name, _problems(name, result, count, run, steps)


def run_in_memory(command: list[str], limit: int, log: Path) -> Outcome:
    """Run a Python program with a limit of its memory, and measure it.

    Args:
        command: arguments of Python.
        limit: bytes of writable private memory that each of its processes may have.
        log: a file, of which the first new line is waited for.
    """
    import resource

    def restrict() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

    memory, resident, first_step, size = 0, 0, None, log.stat().st_size if log.exists() else 0
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, *command], cwd=CHECKOUT, stdout=output, stderr=output, preexec_fn=restrict
        )
        while True:
            done, status, usage = os.wait4(process.pid, os.WNOHANG)
            if done:
                break
            used = [_status(child) for child in _family(process.pid)]
            memory = max(memory, sum(anonymous for anonymous, _ in used))
            resident = max([resident, *(peak for _, peak in used)])
            if first_step is None and log.exists() and log.stat().st_size > size:
                first_step = time.monotonic() - started
            time.sleep(0.05)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        output.seek(0)
        text = output.read().decode(errors="replace")
    processor = usage.ru_utime + usage.ru_stime
    return Outcome(process.returncode, seconds, processor, memory, resident, first_step, text)


def _family(process: int) -> Iterator[int]:
    """Yield a process and all that it started."""
    yield process
    with suppress(OSError):
        for children in Path(f"/proc/{process}/task").glob("*/children"):
            for child in children.read_text().split():
                yield from _family(int(child))


def _status(process: int) -> tuple[int, int]:
    """Return a process' anonymous memory, and its largest resident memory, in bytes; 0 for one that has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    values = {name: value for name, _, value in (line.partition(":") for line in lines)}
    anonymous, peak = (int(values.get(name, "0 kB").split()[0]) << 10 for name in ("RssAnon", "VmHWM"))
    return anonymous, peak


def _problems(name: str, result: Outcome, count: int, run: Path, steps: int) -> str:
    """Return what is wrong after a command; an empty text if nothing is."""
    if result.code:
        return f"exit code {result.code}\n{result.output}"
    if name in ("prepare", "open") and f": {count} images of " not in result.output:
        return f"not all images are there\n{result.output}"
    if name == "open" and "Preparing" in result.output:
        return "the cache is prepared again"
    if name in ("train", "resume"):
        last = steps * (2 if name == "resume" else 1)
        logged = [json.loads(line)["step"] for line in (run / "log.jsonl").read_text().splitlines()]
        if logged != list(range(1, last + 1)):
            return f"the log has the steps {logged}"
        if not list((run / "samples").glob(f"*{last}.png")):
            return "the last grid of samples is missing"
    return ""


if __name__ == "__main__":
    sys.exit(main())
