"""What TensorBoard is shown of a run: numbers, sample grids, the options, and features of pictures as points."""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from dcgan.config import TrainConfig, decisive
from dcgan.runs import Run

GROUPS = {
    "d_loss": "loss/discriminator",
    "g_loss": "loss/generator",
    "d_real": "mean of D/real images",
    "d_fake": "mean of D/generated images",
    "frechet_distance": "judged/Fréchet distance",
    "frechet_ratio": "judged/ratio to real images",
    "precision": "judged/precision",
    "recall": "judged/recall",
    "diversity": "judged/diversity",
    "images_per_second": "speed/images per second",
    "seconds": "speed/seconds",
}
"""What a key of the log is called there: what is to be compared stands together, under one heading."""


class Board:
    """Writes the events of a run. It is a mirror: when it breaks, that is said once, and training goes on without it.

    Args:
        run: whose `tensorboard/` they go to.
        say: shows a line to the person who trains.
    """

    def __init__(self, run: Run, say: Callable[[str], None] = lambda line: print(line, file=sys.stderr)):
        self.run, self.say = run, say
        self._writer = None
        self._broken = False
        self._attempt(self._open)

    def scalars(self, record: Mapping[str, float]) -> None:
        """Show a record of the log."""
        self._attempt(self._write_scalars, record)

    def samples(self, step: int, grid) -> None:
        """Show a grid of samples, uint8 (H, W, C)."""
        self._attempt(self._write_samples, step, grid)

    def options(self, config: TrainConfig) -> None:
        """Show the options that decide the result, so that runs can be compared by them."""
        self._attempt(self._write_options, config)

    def embedding(self, write: Callable[[Path], None]) -> None:
        """Have somebody write what the projector shows into the folder of the events."""
        self._attempt(write, self.run.events)

    def close(self) -> None:
        """Write what is held back."""
        if self._writer is not None:
            self._attempt(self._writer.close)

    def _attempt(self, work: Callable[..., None], *arguments) -> None:
        """Do some of the work, or give up for good; a full disk is only one of many reasons."""
        if self._broken:
            return
        try:
            work(*arguments)
        except Exception as error:  # of TensorFlow, of a plugin, of the system: the run is worth more than its mirror
            self._broken = True
            self.say(f"{self.run.events} can't be written; training goes on without TensorBoard: {_in_words(error)}")

    def _open(self) -> None:
        import tensorflow as tf

        self._writer = tf.summary.create_file_writer(str(self.run.events))

    def _write_scalars(self, record: Mapping[str, float]) -> None:
        import tensorflow as tf

        with self._writer.as_default(record["step"]):
            for name, value in record.items():
                if name != "step":
                    tf.summary.scalar(GROUPS.get(name, name), value)

    def _write_samples(self, step: int, grid) -> None:
        import tensorflow as tf

        with self._writer.as_default(step):
            tf.summary.image("samples", grid[None])
        self._writer.flush()

    def _write_options(self, config: TrainConfig) -> None:
        import tensorflow as tf
        from tensorboard.plugins.hparams import summary_v2 as hparams  # its `api` would load Keras' callbacks as well

        given = {name: value for name, value in decisive(config).items() if value is not None}
        with self._writer.as_default(0):
            summary = hparams.hparams_pb(given, trial_id=self.run.path.resolve().name)
            tf.summary.experimental.write_raw_pb(summary.SerializeToString())
        self._writer.flush()


def _in_words(error: Exception) -> str:
    """What an exception says, in a line; without the operations that TensorFlow names around it."""
    text = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", str(getattr(error, "message", None) or error), flags=re.DOTALL)
    return " ".join(text.split())[:200] or type(error).__name__
