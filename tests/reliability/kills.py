"""Kill commands at random moments, as `kill -9` does: `python -m tests.reliability.kills --kills 1000`.

The commands are real: `train` computes gradients of tiny networks, evaluates them and prepares its dataset cache,
`prepare`, `generate`, `evaluate` and `export` do what they always do. They run in forks of a process that has imported
TensorFlow, which saves seconds per kill; a run of `python train.py` is what the trainings are compared with.

A training is killed several times, each time at a random moment of its duration and resumed by the next one, and then
ends undisturbed: with the same files and bytes as the training that was not disturbed. Any other command is killed in a
folder with or without an older output, and then ends undisturbed. After each kill, every file is whole, old or new,
and no checkpoint has been lost; after the undisturbed end there is no file that does not belong there.
"""

import argparse
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from tests.reliability.faults import be_a_child, use_one_core
from tests.reliability.small_run import collect, fresh, prepare

CHECKOUT = Path(__file__).parents[2]
TRAINING_SHARE = 0.6
TEMPORARY = ".writing-"
NOT_COMPARED = "seconds", "made_from", "checksum"
"""What a report and the manifest of a cache say about the time, and about the files that the images come from."""
PREPARE = ["prepare", "--dataset", "folder", "--data-dir", "images", "--image-size", "8", "--cache-dir", "new"]
OF_RUN = {
    "generate, grid": ["generate", "--seeds", "0-3", "--out", "new/grid.png"],
    "generate, default grid": ["generate", "--seeds", "0-3"],
    "generate, folder": ["generate", "--seeds", "0-9", "--out", "new/images"],
    "generate, npz": ["generate", "--seeds", "0-9", "--out", "new/images.npz"],
    "generate, npy": ["generate", "--seeds", "0-9", "--out", "new/images.npy"],
    "generate, walk": ["generate", "--seeds", "0-1", "--out", "new/walk.gif"],
    "export, keras": ["export", "--format", "keras", "--out", "new/g.keras"],
    "export, npz": ["export", "--format", "npz", "--out", "new/g.npz"],
    "export, saved_model": ["export", "--format", "saved_model", "--out", "new/saved"],
    "evaluate": ["evaluate", "--metrics", "frechet,memorization", "--json", "new/report.json"],
}
"""Commands about a run; all of them can replace what they wrote before."""


@dataclass
class Result:
    """How a process ended."""

    code: int
    output: str
    seconds: float


@dataclass
class Machine:
    """Runs commands in forks of this process, and counts the kills.

    Args:
        folder: with the config and the template of `prepare`.
        dice: chooses the moments.
        wanted: number of kills.
    """

    folder: Path
    dice: random.Random
    wanted: int
    kills: Counter = field(default_factory=Counter)
    late: Counter = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: int = 0

    def run(self, name: str, arguments: list[str], kill: bool = False) -> Result:
        """Run a command in the folder `work`; kill it at a random moment of its last undisturbed duration."""
        scratch, output = self.folder / "scratch", self.folder / "output"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        output.unlink(missing_ok=True)
        moment = self.dice.uniform(0, self.seconds[name]) if kill else None
        sys.stdout.flush()
        sys.stderr.flush()
        began = time.monotonic()
        child = os.fork()
        if not child:
            be_a_child(lambda: _command(arguments), self.folder / "work", scratch, output)
        ended = os.pidfd_open(child)
        select.select([ended], [], [], moment)
        os.close(ended)
        if kill:
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        result = Result(code, output.read_text() if output.exists() else "", time.monotonic() - began)
        if kill:
            (self.kills if code == -signal.SIGKILL else self.late)[name] += 1
        else:
            self.seconds[name] = result.seconds
        self.check(name, moment, result, problems_of(result, kill))
        return result

    def check(self, name: str, moment: float | None, result: Result, problems: Iterator[str]) -> None:
        """Print the problems, if there are any."""
        for problem in problems:
            self.failures += 1
            when = "undisturbed" if moment is None else f"killed after {moment:.3f} s"
            print(f"{sum(self.kills.values())}. kill, {name}, {when}: {problem}", flush=True)
            print(result.output, file=sys.stderr, flush=True)

    @property
    def finished(self) -> bool:
        """Whether there were as many kills as wanted."""
        return sum(self.kills.values()) >= self.wanted


def main(arguments: list[str] | None = None) -> int:
    """Kill as many processes as wanted; return 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000, help="number of processes that are killed")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", default="", help="start of the names of the commands that are killed, or `train`")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    print(f"Seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder), random.Random(options.seed), options.kills)
        kill_all(machine, options.only)
    total = sum(machine.kills.values())
    for name, count in machine.kills.most_common():
        print(f"{count:5} {name} ({machine.late[name]} more ended before the kill)")
    print(f"{total} kills, {machine.failures} problems, {time.monotonic() - began:.0f} s")
    return 1 if machine.failures else 0


def kill_all(machine: Machine, only: str) -> None:
    """Kill trainings and other commands in turn, the trainings more often."""
    template, run = prepare_run(machine.folder)
    expected = collect(run), set(_files(run))
    commands = {name: command for name, command in {"prepare": PREPARE, **OF_RUN}.items() if name.startswith(only)}
    trials = [Trial(machine, name, command, run if name in OF_RUN else template) for name, command in commands.items()]
    chains = "train".startswith(only)
    reported, turn = 0, 0
    while not machine.finished:
        total = sum(machine.kills.values())
        if total >= reported + 50:
            reported = total
            print(f"{total} kills, {machine.failures} problems", flush=True)
        if chains and (not trials or machine.kills["train"] <= TRAINING_SHARE * total):
            kill_training(machine, template, *expected)
        else:
            trials[turn % len(trials)].kill()
            turn += 1


def prepare_run(folder: Path) -> tuple[Path, Path]:
    """Import what the commands need, and run `python train.py`.

    Args:
        folder: gets the config, features for evaluations, and the results.

    Returns:
        The folder that a training starts in, and one in which one has finished.
    """
    features = folder / "features.keras"
    template = prepare(folder, images=60, conditional=False, augment="none", features=str(features))
    child = os.fork()
    if not child:
        be_a_child(lambda: _write_features(features), folder, folder, folder / "output")
    if os.waitpid(child, 0)[1]:
        sys.exit((folder / "output").read_text())
    work, finished = folder / "work", folder / "finished"  # a cache is named after the path of its images
    fresh(template, work)
    command = [sys.executable, CHECKOUT / "train.py", "--config", "../config.yaml"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, preexec_fn=use_one_core)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    work.rename(finished)
    for name in OF_RUN:
        OF_RUN[name] += ["--run-dir", "run"] * ("--run-dir" not in OF_RUN[name])
    OF_RUN["evaluate"] += ["--features", str(features)]
    return template, finished


def _write_features(file: Path) -> int:
    import keras

    keras.utils.set_random_seed(0)
    keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(6)]).save(file)
    return 0


def _command(arguments: list[str]) -> int:
    from dcgan.cli.main import run_command

    return run_command(arguments[0], arguments[1:], "train.py" if arguments[0] == "train" else "dcgan")


def kill_training(machine: Machine, template: Path, expected: dict[str, object], names: set[str]) -> None:
    """Kill a training several times, then let it end."""
    work, train = machine.folder / "work", ["train", "--config", "../config.yaml"]
    if "train" not in machine.seconds:
        fresh(template, work)
        machine.run("train", train)
    fresh(template, work)
    saved = 0
    for _ in range(machine.dice.randint(6, 10)):
        if machine.finished:
            break
        result = machine.run("train", train, kill=True)
        step = max((int(file.stem[5:]) for file in work.glob("run/checkpoints/step-*.npz")), default=0)
        machine.check("train", 0.0, result, _lost(work, step, saved))
        saved = step
    if (work / "run" / "generator.keras").exists():
        machine.run("generate, killed run", ["generate", "--run-dir", "run", "--out", "grid.png"])
        (work / "grid.png").unlink(missing_ok=True)
    result = machine.run("train", train)
    machine.check("train", None, result, differences(work, expected, names))


def _lost(work: Path, step: int, saved: int) -> Iterator[str]:
    """Yield what a killed training lost."""
    if step < saved:
        yield f"the checkpoint of step {saved} is gone, the newest is of step {step}"
    if step and not (work / "run" / "generator.keras").exists():
        yield "there is a checkpoint, but no generator.keras"
    yield from damaged(work)


def differences(work: Path, expected: dict[str, object], names: set[str]) -> Iterator[str]:
    """Yield in what a training differs from the undisturbed one."""
    found = collect(work)
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            yield f"{name} differs from that of an undisturbed training"
    yield from (f"{name} is missing or left over" for name in sorted(names ^ set(_files(work))))


class Trial:
    """A command that writes files which it may replace.

    Args:
        machine: runs the command.
        name: of the command.
        arguments: its arguments.
        folder: what the command starts in.
    """

    def __init__(self, machine: Machine, name: str, arguments: list[str], folder: Path):
        self.machine, self.name, self.arguments, self.folder = machine, name, arguments, folder
        self.work = machine.folder / "work"
        self.empty, self.old = machine.folder / f"{name}, empty", machine.folder / f"{name}, old"
        self.contents: dict[str, list[object]] = {}
        fresh(folder, self.empty)
        self.kept = set(_files(folder))
        replaces = "--out" in arguments or "--json" in arguments
        for weights in ("raw", "ema") if replaces else ("ema",):
            fresh(self.empty, self.work)
            machine.run(name, arguments + ["--weights", weights] * replaces)
            for file, content in read_files(self.work).items():
                self.contents.setdefault(file, []).append(content)
            if weights == "raw":
                self.work.rename(self.old)

    def kill(self) -> None:
        """Kill the command several times in one folder, then let it end."""
        fresh(self.machine.dice.choice([self.empty, self.old] if self.old.exists() else [self.empty]), self.work)
        for _ in range(self.machine.dice.randint(1, 4)):
            before = set(read_files(self.work))
            result = self.machine.run(self.name, self._arguments(), kill=True)
            self.machine.check(self.name, 0.0, result, self._unknown(before))
        result = self.machine.run(self.name, self._arguments())
        self.machine.check(self.name, None, result, self._wrong_end())

    def _arguments(self) -> list[str]:
        """Return the arguments; an output that exists is to be replaced."""
        made = (self.work / path for path in self.contents if path not in self.kept)
        return self.arguments + ["--overwrite"] * (self.arguments[0] != "prepare" and any(map(Path.exists, made)))

    def _unknown(self, before: set[str]) -> Iterator[str]:
        """Yield files that are neither the old nor the new ones, and those that are gone."""
        found = read_files(self.work)
        for name, content in found.items():
            if TEMPORARY not in name and content not in self.contents.get(name, []):
                yield f"{name} is neither the old nor the new file"
        for name in sorted(before - found.keys()):
            if TEMPORARY not in name and not name.startswith("new/saved/"):  # a folder can't be replaced in one call
                yield f"{name} is gone"

    def _wrong_end(self) -> Iterator[str]:
        """Yield in what the result differs from that of an undisturbed command."""
        found = read_files(self.work)
        for name in sorted(found.keys() | self.contents.keys()):
            if name not in found or name not in self.contents or found[name] != self.contents[name][-1]:
                yield f"{name} is not that of an undisturbed command"


def problems_of(result: Result, killed: bool) -> Iterator[str]:
    """Yield what is wrong with how a command ended."""
    if result.code not in ((0, -signal.SIGKILL) if killed else (0,)):
        yield f"exit code {result.code}"
    if "Traceback" in result.output:
        yield "a traceback"
    if "damaged" in result.output:
        yield "a damaged file was found"


def damaged(work: Path) -> Iterator[str]:
    """Yield the files of a run and its cache that are not whole."""
    for name, path in _files(work).items():
        reader = READERS.get(path.suffix)
        if TEMPORARY in name or reader is None:
            continue
        try:
            reader(path)
        except Exception as error:  # each reader raises its own
            yield f"{name} is damaged: {error!r}"


def _read_zip(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        if (damaged := archive.testzip()) is not None:
            raise ValueError(damaged)


def _read_image(file: Path) -> None:
    with Image.open(file) as image:
        image.load()


def _read_cache(file: Path) -> None:
    from dcgan.data.dataset_cache import open_cache

    if file.name == "manifest.json" and open_cache(file.parent, json.loads(file.read_text())["made_from"]) is None:
        raise ValueError("the cache can't be opened")


READERS: dict[str, Callable[[Path], object]] = {
    ".npz": _read_zip,
    ".keras": _read_zip,
    ".png": _read_image,
    ".json": _read_cache,
    ".jsonl": lambda file: [json.loads(line) for line in file.read_text().splitlines()],
}
"""How files are tested that a training writes."""


def read_files(work: Path) -> dict[str, object]:
    """Return the content of all files but locks, without times and paths."""
    found: dict[str, object] = {}
    for name, path in _files(work).items():
        if not name.endswith(".lock"):
            found[name] = path.read_bytes()
            if path.name in ("report.json", "manifest.json"):
                values = json.loads(path.read_text())
                found[name] = {key: value for key, value in values.items() if key not in NOT_COMPARED}
    return found


def _files(work: Path) -> dict[str, Path]:
    return {str(path.relative_to(work)): path for path in sorted(work.rglob("*")) if path.is_file()}


if __name__ == "__main__":
    sys.exit(main())
