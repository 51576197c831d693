"""What is to be drawn, of which run, and where to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dcgan.config import GenerateConfig
from dcgan.files import named_paths
from dcgan.runs import Run
from dcgan.sampling.asked import Asked


@dataclass(frozen=True)
class Job:
    """What to draw, and where to.

    Args:
        config: the command's options.
        run: the run to draw from.
        asked: which pictures.
        out: a free path.
    """

    config: GenerateConfig
    run: Run
    asked: Asked
    out: Path

    @cached_property
    def generator(self):
        """The run's generator, on a TensorFlow that repeats itself."""
        from dcgan.quiet import import_tensorflow

        import_tensorflow()
        from dcgan import devices

        devices.set_up(seed=0)  # nothing is drawn from it: latents have seeds of their own
        return self.run.load_generator(self.config.weights)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all images together, (N, H, W, C)."""
        return len(self.asked), *self.generator.output_shape[1:]

    @property
    def dim(self) -> int:
        """The length of a latent; loads TensorFlow, quietly."""
        return self.generator.inputs[0].shape[-1]

    def chunks(self, rows: Iterable[np.ndarray] | None = None, total: int | None = None) -> Iterator[np.ndarray]:
        """Draw, with a bar on a terminal: what is asked for, or `total` other rows."""
        rows = self.asked.rows(self.dim) if rows is None else rows
        from dcgan.sampling.draw import draw

        with tqdm(total=total or len(self.asked), unit=" pictures", leave=False, disable=None) as bar:
            for chunk in draw(self.generator, rows):
                yield chunk
                bar.update(len(chunk))

    def notes(self) -> dict[str, str]:
        """What a picture's file says about where it is from."""
        run, label = self.run.path.resolve().name, self.config.label
        notes = {"Software": "dcgan", "Run": run, "Seeds": str(self.asked.seeds), "Weights": self.config.weights}
        others = {
            "Label": label,
            "Arithmetic": self.config.arithmetic,
            "Along": self.config.along,
            "Beside": ", ".join(path.resolve().name for path in named_paths(self.config.beside)),
        }
        return notes | {name: text for name, text in others.items() if text}
