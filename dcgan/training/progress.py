"""What a person sees of a training: bar or lines, log, TensorBoard, and a hand on the brake."""

import contextlib
import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tqdm import tqdm

from dcgan.config import TrainConfig
from dcgan.core.tensorflow_import import silence_stdout
from dcgan.runs import Run
from dcgan.training.tensorboard import TensorBoardWriter

SECONDS_A_CALL = 0.25
"""How long the loop may be deaf to a signal, if one step does not take longer."""
# SIGHUP, where there is one, is what a closed terminal or a lost connection sends.
STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

Callback = Callable[[Run], None]
"""Is called with the run whenever there is something new to be seen of it."""


class Progress:
    """Watches a training loop; used as a context manager around it.

    While it is open, the first SIGINT, SIGTERM or SIGHUP asks the loop to stop after the step it is in (`stop_requested`),
    and so does a reader of the output that goes away (`| head`); a second signal ends the program at once.

    Args:
        run: where the log is written.
        config: the run's options.
        first: number of the first step to come.
        last: number of the last step that may come.
        silent: show and write nothing: one process of several does that for all.
        watch: shows what is logged and drawn, in place of bar and lines; a notebook's live picture.
    """

    def __init__(
        self,
        run: Run,
        config: TrainConfig,
        first: int,
        last: int,
        silent: bool = False,
        watch: Callback | None = None,
    ):
        self.run, self.config, self.first, self.last, self.silent = run, config, first, last, silent
        self.watch = None if silent else watch
        self.steps_per_call = 1
        self.seconds_before = run.trained_seconds()
        self.stop_requested = False
        self._marked_step = first - 1

    def __enter__(self) -> "Progress":
        self._started = self._marked_time = time.monotonic()
        log = os.devnull if self.silent else self.run.log_file
        self._log = Path(log).open("a", encoding="utf-8", buffering=1)
        self._bar = tqdm(
            total=self.last,
            initial=self.first - 1,
            unit="step",
            dynamic_ncols=True,
            disable=self.silent or self.watch is not None or not (sys.stderr and sys.stderr.isatty()),
        )
        self.board = TensorBoardWriter(self.run, self.say) if self.config.tensorboard and not self.silent else None
        if self.board and self.first <= self.last:
            self.board.options(self.config)
        self._handlers = self._catch_signals()
        return self

    def __exit__(self, *exception) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._bar.close()
        with contextlib.suppress(OSError):  # a full disk was told when the line was written
            self._log.close()
        if self.board:
            self.board.close()
        self._let_watch()

    def count(self, step: int) -> None:
        """Count the steps up to `step`; the first ones are no measure of speed, for the step was traced in them."""
        if self._marked_step == self.first - 1:
            self._marked_step, self._marked_time = step, time.monotonic()
        self._bar.update(step - self._bar.n)

    def show(self, step: int, numbers: dict[str, float]) -> None:
        """Write the numbers of a step everywhere.

        Reading them waited for the device to finish, so it is not done at every step. How long the steps took tells
        how many of them, `steps_per_call`, fit into a quarter of a second.

        Args:
            step: the last one done.
            numbers: `METRICS`, and perhaps others.
        """
        self._bar.update(step - self._bar.n)
        record = self._record(step, numbers)
        self.steps_per_call = max(1, int(SECONDS_A_CALL * record["images_per_second"] / self.config.batch_size))
        self._log.write(json.dumps(record) + "\n")
        self._tell(record)
        if self.board:
            self.board.scalars(record)

    def say(self, line: str) -> None:
        """Say something, above the bar where there is one."""
        if self.silent:
            return
        if self._bar.disable:
            self._print(line)
        else:
            self._bar.write(line, file=sys.stderr)

    def go_back(self, step: int, why: str) -> None:
        """Forget the steps that are no longer part of the run, after saying why.

        Args:
            step: where training had come to.
            why: what is said; the run already ends where training goes on.
        """
        self.say(f"step {step}: {why}")
        last = self.run.checkpoints.latest_step()
        self._log.close()
        self.run.rewind_log(last)
        self._log = self.run.log_file.open("a", encoding="utf-8", buffering=1)
        self._marked_step, self._marked_time = last, time.monotonic()
        self._bar.n = last
        self._bar.refresh()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leave what is done inside out of the run's time."""
        began = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - began
            self._started, self._marked_time = self._started + spent, self._marked_time + spent

    def show_samples(self, step: int, grid) -> None:
        """Hand a grid of samples, uint8 (H, W, C), to TensorBoard and to who watches."""
        if self.board:
            self.board.samples(step, grid)
        self._let_watch()

    @property
    def out_of_time(self) -> bool:
        """Whether `--minutes` have passed in this call."""
        minutes = self.config.minutes
        return minutes is not None and time.monotonic() - self._started >= 60 * minutes

    def _record(self, step: int, numbers: dict[str, float]) -> dict:
        """One object of the log."""
        now = time.monotonic()
        images = (step - self._marked_step) * self.config.batch_size
        speed = images / max(now - self._marked_time, 1e-9)
        self._marked_step, self._marked_time = step, now
        seconds = self.seconds_before + now - self._started
        return {"step": step, **numbers, "images_per_second": round(speed, 1), "seconds": round(seconds, 3)}

    def _tell(self, record: dict) -> None:
        """Show a record in the bar, or as a line where there is no terminal."""
        if self.silent:
            return
        if self.watch is not None:
            self._let_watch()
            return
        distance = f"  Fréchet {record['frechet_distance']:.3g}" if "frechet_distance" in record else ""
        numbers = (
            f"D loss {record['d_loss']:.3f}  G loss {record['g_loss']:.3f}  D(x) {record['d_real']:.2f}  "
            f"D(G(z)) {record['d_fake']:.2f}  {record['images_per_second']:.0f} images/s{distance}"
        )
        if not self._bar.disable:
            self._bar.set_postfix_str(numbers)
            return
        left = tqdm.format_interval(self._seconds_left(record))
        self._print(f"step {record['step']}/{self.last}  {numbers}  {left} left")

    def _let_watch(self) -> None:
        """Have the run looked at; the run's time stands still meanwhile."""
        if self.watch is not None:
            with self.paused():
                self.watch(self.run)

    def _print(self, line: str) -> None:
        """Print a line; when nobody reads any more, stop as after a signal."""
        try:
            print(line, flush=True)
        except BrokenPipeError:
            self.stop_requested = True
            silence_stdout()

    def _seconds_left(self, record: dict) -> float:
        """How long the run goes on at the present speed, or until `--minutes` end it."""
        of_steps = (self.last - record["step"]) * self.config.batch_size / max(record["images_per_second"], 1e-9)
        of_minutes = 60 * (self.config.minutes or math.inf) - (time.monotonic() - self._started)
        return max(min(of_steps, of_minutes), 0.0)

    def _catch_signals(self) -> dict:
        """Take over SIGINT and SIGTERM; only the main thread may."""
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self._ask_to_stop) for number in STOP_SIGNALS}

    def _ask_to_stop(self, number: int, frame) -> None:
        """Remember the signal; the next one has its usual effect again."""
        self.stop_requested = True
        for caught, handler in self._handlers.items():
            signal.signal(caught, handler)
