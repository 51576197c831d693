"""Progress bar, log, TensorBoard and graceful interruption of a training loop."""

import contextlib
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO, TypeVar

import numpy as np
from tqdm import tqdm

from dcgan.config import ResolvedTrainConfig
from dcgan.core.atomic_io import explain_write_errors
from dcgan.core.errors import UserError
from dcgan.core.imports import silence_stdout
from dcgan.core.signal_watch import STOP_SIGNALS
from dcgan.core.streams import shows_progress
from dcgan.runs import Run
from dcgan.runs.jsonl import to_line
from dcgan.training.tensorboard import TensorBoardWriter

SECONDS_PER_CALL = 0.25
"""How long the loop may take to notice a signal, unless a single step takes longer."""

Result = TypeVar("Result")


class _Stop(BaseException):
    """Raised by a signal during a call that a stop may end."""


Callback = Callable[[Run], None]
"""Called with the run whenever it has something new to show."""


@contextlib.contextmanager
def optional_image(say: Callable[[str], object]) -> Iterator[None]:
    """Report an image that can't be written, for example since a viewer has it open: training does not depend on it.

    Args:
        say: prints a line.
    """
    try:
        yield
    except UserError as error:
        say(f"{error.problem} Training continues without it.")


class Progress:
    """Reports on a training loop; a context manager around it.

    While it is active, the first SIGINT, SIGTERM or SIGHUP requests a stop after the current step (`stop_requested`),
    and so does a closed standard output (`| head`); a second signal ends the program at once.

    Args:
        run: where the log is written.
        config: options of the run.
        first: number of the first step to come.
        last: number of the last step that may come.
        silent: report nothing; one of several processes reports for all.
        callback: called with the run after each logged step and each sample grid, instead of a progress bar or lines.
    """

    def __init__(
        self,
        run: Run,
        config: ResolvedTrainConfig,
        first: int,
        last: int,
        *,
        silent: bool = False,
        callback: Callback | None = None,
    ):
        self.run, self.config, self.first, self.last, self.silent = run, config, first, last, silent
        self.callback = None if silent else callback
        self.steps_per_call = 1
        self.stop_requested = False
        self._stop_raises = False
        self._seconds_before = run.trained_seconds()
        self._marked_step = first - 1

    def __enter__(self) -> "Progress":
        self._started = self._marked_time = time.monotonic()
        self._log = self._open_log()
        self._bar = tqdm(
            total=self.last,
            initial=self.first - 1,
            unit="step",
            dynamic_ncols=True,
            disable=self.silent or self.callback is not None or not shows_progress(),
        )
        self.tensorboard = (
            TensorBoardWriter(self.run, self.say) if self.config.tensorboard and not self.silent else None
        )
        if self.tensorboard and self.first <= self.last:
            self.tensorboard.options(self.config)
        self._handlers = self._catch_signals()
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._bar.close()
        with contextlib.suppress(OSError):  # a full disk was reported when the line was written
            self._log.close()
        if self.tensorboard:
            self.tensorboard.close()
        self._call_back()

    def count(self, step: int) -> None:
        """Count the steps up to `step`. The first ones do not measure speed, since the step was traced in them."""
        if self._marked_step == self.first - 1:
            self._marked_step, self._marked_time = step, time.monotonic()
        self._bar.update(step - self._bar.n)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Report the metrics of a step in the log, on the terminal and in TensorBoard.

        The time the steps took decides how many of them, `steps_per_call`, fit into a quarter of a second.

        Args:
            step: the last one done.
            metrics: `STEP_METRICS` of the step, and perhaps evaluation metrics and diversity.
        """
        self._bar.update(step - self._bar.n)
        record = self._record(step, metrics)
        self.steps_per_call = max(1, int(SECONDS_PER_CALL * record["images_per_second"] / self.config.batch_size))
        with explain_write_errors(self.run.log_file):
            self._log.write(to_line(record))
        self._show(record)
        if self.tensorboard:
            self.tensorboard.scalars(record)

    def sync_log(self) -> None:
        """Flush the log to the disk: a checkpoint must not outlive the records before it."""
        if not self.silent:
            with explain_write_errors(self.run.log_file):
                self._log.flush()
                os.fsync(self._log.fileno())

    def say(self, line: str) -> None:
        """Print a line, above the progress bar if there is one."""
        if self.silent:
            return
        if self._bar.disable:
            self._print(line)
        else:
            self._bar.write(line, file=sys.stderr)

    def rewind(self, step: int, message: str) -> None:
        """Report that steps were rolled back, and drop them from the log.

        Args:
            step: where training had arrived.
            message: why; the run's newest checkpoint is already the one that training continues from.
        """
        self.say(f"step {step}: {message}")
        last = self.run.checkpoints.latest_step()
        self._log.close()
        if not self.silent:
            self.run.rewind_log(last)
        self._log = self._open_log()
        self._marked_step, self._marked_time = last, time.monotonic()
        self._bar.n = last
        self._bar.refresh()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Do not count the time of this block as training time."""
        began = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - began
            self._started, self._marked_time = self._started + spent, self._marked_time + spent

    def unless_stopped(self, function: Callable[[], Result]) -> Result | None:
        """Call a function; end it as soon as a signal requests a stop, and don't call it if a stop was requested.

        Args:
            function: what it does up to any point need not be undone.

        Returns:
            What the function returns; None after a stop.
        """
        try:
            try:
                self._stop_raises = True
                return None if self.stop_requested else function()
            finally:
                self._stop_raises = False
        except _Stop:
            return None

    def show_samples(self, step: int, grid: np.ndarray) -> None:
        """Show a grid of samples, uint8 (H, W, C), in TensorBoard and to the callback.

        Args:
            step: number of the step that the samples were generated after.
            grid: the samples.
        """
        if self.tensorboard:
            self.tensorboard.samples(step, grid)
        self._call_back()

    @property
    def should_stop(self) -> bool:
        """Whether a stop was requested or `--minutes` have passed in this call."""
        minutes = self.config.minutes
        return self.stop_requested or (minutes is not None and time.monotonic() - self._started >= 60 * minutes)

    def _open_log(self) -> TextIO:
        """Open the log for appending; a silent process writes none."""
        file = Path(os.devnull) if self.silent else self.run.log_file
        return file.open("a", encoding="utf-8", buffering=1)

    def _record(self, step: int, metrics: Mapping[str, float]) -> dict[str, Any]:
        """Return one object of the log."""
        now = time.monotonic()
        images = (step - self._marked_step) * self.config.batch_size
        speed = images / max(now - self._marked_time, 1e-9)
        self._marked_step, self._marked_time = step, now
        seconds = self._seconds_before + now - self._started
        return {"step": step, **metrics, "images_per_second": round(speed, 1), "seconds": round(seconds, 3)}

    def _show(self, record: Mapping[str, Any]) -> None:
        """Show a record in the progress bar, or as a line where there is no terminal."""
        if self.silent:
            return
        if self.callback is not None:
            self._call_back()
            return
        distance = f"  Fréchet {record['frechet_distance']:.3g}" if "frechet_distance" in record else ""
        text = (
            f"D loss {record['d_loss']:.3f}  G loss {record['g_loss']:.3f}  D(x) {record['d_real']:.2f}  "
            f"D(G(z)) {record['d_fake']:.2f}  {record['images_per_second']:.0f} images/s{distance}"
        )
        if not self._bar.disable:
            self._bar.set_postfix_str(text)
            return
        measured = record["images_per_second"] > 0  # not in a step that was done before a stop
        left = f"  {tqdm.format_interval(self._seconds_left(record))} left" if measured else ""
        self._print(f"step {record['step']}/{self.last}  {text}{left}")

    def _call_back(self) -> None:
        """Call the callback; its time is not training time."""
        if self.callback is not None:
            with self.paused():
                self.callback(self.run)

    def _print(self, line: str) -> None:
        """Print a line; when nobody reads any more, request a stop."""
        try:
            print(line, flush=True)
        except BrokenPipeError:
            self.stop_requested = True
            silence_stdout()

    def _seconds_left(self, record: Mapping[str, Any]) -> float:
        """Return how long the run will take at the current speed, or until `--minutes` end it."""
        for_steps = (self.last - record["step"]) * self.config.batch_size / max(record["images_per_second"], 1e-9)
        for_minutes = 60 * (self.config.minutes or math.inf) - (time.monotonic() - self._started)
        return max(min(for_steps, for_minutes), 0.0)

    def _catch_signals(self) -> dict[int, Any]:
        """Install the signal handlers, which only the main thread may do; return the previous ones."""
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self._request_stop) for number in STOP_SIGNALS}

    def _request_stop(self, number: int, frame: object) -> None:
        """Remember the signal; the next one has its usual effect again."""
        self.stop_requested = True
        for caught, handler in self._handlers.items():
            signal.signal(caught, handler)
        if self._stop_raises:
            raise _Stop
