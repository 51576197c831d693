"""Stop trainings by SIGTERM, and by Ctrl-C twice, in each of their phases: `python -m tests.reliability.signals`.

The trainings are those of `tests.reliability.kills`. In each phase, at a random call and moment of it, a training gets
SIGTERM: it has to end with exit code 0 within 10 seconds, after a checkpoint of the step that it has reached, if it had
begun. Or it gets SIGINT twice, and has to end within 3 seconds. The same command then ends with the bytes of an
undisturbed training, beside the grids of samples that a stop adds.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.reliability.faults import be_a_child
from tests.reliability.kills import damaged, prepare_run
from tests.reliability.small_run import STEPS, collect, fresh

PHASES = {
    "dataset preparation": ("dcgan.data.dataset_cache", "write_cache", 1),
    "first step and its compilation": ("dcgan.training.trainer", "Trainer.train_steps", 1),
    "step": ("dcgan.training.trainer", "Trainer.train_steps", STEPS),
    "evaluation": ("dcgan.evaluation.evaluator", "Evaluator.__call__", 4),
    "save": ("dcgan.training.loop", "save_checkpoint", 4),
    "sample grid": ("dcgan.training.loop", "save_samples", 3),
    "report at the end": ("dcgan.training.loop", "write_report", 1),
}
"""Module and name of the function that is called in each phase, and how often an undisturbed training calls it."""

SECONDS = {signal.SIGTERM: 10.0, signal.SIGINT: 3.0}
"""How long a training may take to end, where it has a processor core for itself; more if it shares one."""


def main(arguments: list[str] | None = None) -> int:
    """Stop trainings in every phase; return 0 if all ended in time and nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5, help="number of trainings per phase and signal")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", default="", help="start of the names of the phases")
    options = parser.parse_args(arguments)
    dice, began, tried, failures = random.Random(options.seed), time.monotonic(), 0, 0
    print(f"Seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        template, finished = prepare_run(folder)
        expected = collect(finished)
        for number in SECONDS:
            for phase in (phase for phase in PHASES if phase.startswith(options.only)):
                longest = fair = inside = 0
                for _ in range(options.times):
                    tried += 1
                    fresh(template, folder / "work")
                    stop = Stop(folder, phase, number, dice)
                    problems = list(stop.problems(expected))
                    longest, inside = max(longest, stop.seconds), inside + stop.inside
                    fair = max(fair, stop.seconds / stop.slowdown)
                    failures += bool(problems)
                    for problem in problems:
                        print(f"{phase}, {number.name}, call {stop.call}: {problem}", flush=True)
                        print(stop.output, file=sys.stderr, flush=True)
                print(
                    f"{phase}, {number.name}: at most {longest:.1f} s to the end, {fair:.1f} s with a core for itself, "
                    f"{inside} of {options.times} signals before the call ended",
                    flush=True,
                )
    print(f"{tried - failures} of {tried} stops survived, {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


class Stop:
    """A training that gets a signal in a phase, and is resumed.

    Args:
        folder: with the folder `work`, where it starts.
        phase: a key of `PHASES`.
        number: the signal; SIGINT is sent twice.
        dice: chooses the call and the moment in it.
    """

    def __init__(self, folder: Path, phase: str, number: signal.Signals, dice: random.Random):
        self.folder, self.phase, self.number = folder, phase, number
        self.work, self.notes = folder / "work", folder / "notes"
        self.notes.unlink(missing_ok=True)
        self.call, self.delay = dice.randint(1, PHASES[phase][2]), dice.uniform(0, 0.1)
        self.slowdown = 1.0
        self.code, self.output, _ = self._run(self._disturbed)
        ended = time.monotonic()
        notes: dict[str, Any] = {}
        for line in self.notes.read_text().splitlines() if self.notes.exists() else ():
            notes |= json.loads(line)
        self.seconds = ended - notes.get("sent", ended)
        self.sent, self.inside, self.step = "sent" in notes, notes.get("inside", False), notes.get("step", 0)

    def problems(self, expected: dict[str, Any]) -> Iterator[str]:
        """Yield what went wrong, and what the resumed training lacks."""
        if not self.sent:
            yield "no signal was sent"
        if self.code not in ((0,) if self.number == signal.SIGTERM else (0, 130)):
            yield f"exit code {self.code}"
        if "Traceback" in self.output:
            yield "a traceback"
        saved = max((int(file.stem[5:]) for file in self.work.glob("run/checkpoints/step-*.npz")), default=0)
        if self.number == signal.SIGTERM and saved != self.step:
            yield f"the checkpoint is of step {saved}, not {self.step}"
        yield from damaged(self.work)
        code, output, self.slowdown = self._run(_train)
        if self.seconds > SECONDS[self.number] * self.slowdown:
            yield f"it took {self.seconds:.1f} s to end"
        if code or "Traceback" in output or "damaged" in output:
            yield f"resuming ended with exit code {code}:\n{output}"
            return
        found = collect(self.work)
        pairs = zip(found["log.jsonl"], expected["log.jsonl"], strict=False)  # a stop also logs the diversity
        found["log.jsonl"] = [{key: record.get(key) for key in other} for record, other in pairs]
        for name in sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
            if name.startswith("run/samples/") and name not in expected:
                continue
            yield f"{name} is not that of an undisturbed training"

    def _run(self, function: Callable[[], int]) -> tuple[int, str, float]:
        """Run a function in a fork; return its exit code, its output, and how many times its processor time it took."""
        began = time.monotonic()
        scratch, output = self.folder / "scratch", self.folder / "output"
        scratch.mkdir(exist_ok=True)
        output.unlink(missing_ok=True)
        sys.stdout.flush()
        child = os.fork()
        if not child:
            be_a_child(function, self.work, scratch, output)
        _, status, usage = os.wait4(child, 0)
        slowdown = (time.monotonic() - began) / (usage.ru_utime + usage.ru_stime)
        return os.waitstatus_to_exitcode(status), output.read_text(), max(1.0, slowdown)

    def _disturbed(self) -> int:
        """Train; at the chosen call of the phase's function, send the signal a moment after its start."""
        import importlib

        from dcgan.training.trainer import Trainer

        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores Ctrl-C
        module, name, _ = PHASES[self.phase]
        owner: Any = importlib.import_module(module)
        for part in name.split(".")[:-1]:
            owner = getattr(owner, part)
        name = name.split(".")[-1]
        function, train_steps, calls = getattr(owner, name), Trainer.train_steps, 0

        def counted(trainer: Trainer, *arguments: Any) -> Any:
            metrics = train_steps(trainer, *arguments)
            self._note(step=trainer.step)
            return metrics

        def hooked(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls != self.call:
                return function(*arguments, **options)
            over = threading.Event()
            threading.Thread(target=self._send, args=[over], daemon=True).start()
            try:
                return function(*arguments, **options)
            finally:
                over.set()

        if owner is Trainer:
            function = counted
        else:
            Trainer.train_steps = counted
        setattr(owner, name, hooked)
        return _train()

    def _send(self, over: threading.Event) -> None:
        time.sleep(self.delay)
        self._note(sent=time.monotonic(), inside=not over.is_set())
        os.kill(os.getpid(), self.number)
        if self.number == signal.SIGINT:
            time.sleep(self.delay)
            os.kill(os.getpid(), self.number)

    def _note(self, **values: Any) -> None:
        with self.notes.open("a") as file:
            file.write(json.dumps(values) + "\n")


def _train() -> int:
    from dcgan.cli.main import run_command

    return run_command("train", ["--config", "../config.yaml"], "train.py")


if __name__ == "__main__":
    sys.exit(main())
