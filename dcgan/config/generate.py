"""The options of `generate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dcgan.config.fields import FramesPerSecond, PositiveFloat, PositiveInt, option


@dataclass(frozen=True)
class GenerateConfig:
    """Draw pictures from a trained generator; picture n belongs to seed n.

    Without options, a grid of 64 pictures, or of a conditional run a row of each class. A seed is a number that stands
    for a point of the latent space, and so for a picture, always the same.

    Args:
        run_dir: folder of the run; by default the newest one under `checkpoints/`.
        seeds: which pictures, as `0-63` or `3,5,9-12`; by default 0-63, and 0-7 for a walk.
        num: the pictures 0 to N-1; the same as `--seeds 0-(N-1)`.
        label: which class to draw with a conditional run, by name or number, or `each` for a row of every class; by
            default the seeds' own, which are as frequent as in the training images, and where no seeds are asked
            for, a row of every class.
        out: what to write, by its ending: `.png` one grid, `.npy` or `.npz` the images as uint8 (N, H, W, C),
            `.gif` or `.mp4` an animation of a walk, a name without an ending a folder of single PNG files; by
            default a grid in the run directory.
        columns: pictures a row of the grid; by default a grid as square as can be.
        walk: walk through the latent space from each seed to the next in this many pictures, along great
            circles: one row a pair in a grid, one loop (of 12 a pair, if this is not given) in an animation.
        arithmetic: add and subtract the means of some seeds' latents, as '0,1,2 - 3,4,5 + 6,7,8'; blanks around + and
            -, none in a range such as 3-5. A `.png` shows terms and result (DCGAN paper, figure 7), a `.npy` holds
            the result; with a conditional run, in the class of `--label`, or in each.
        cloud: instead of the result alone, nine pictures: itself in the middle, and eight with uniform noise from
            -CLOUD to CLOUD added; 0.25 in the paper.
        along: instead of from seed to seed, walk along a direction, as '0-3 - 4-7': a row a seed, from itself less the
            result of this arithmetic to itself and the result (figure 8), in `--walk` pictures, by default 9.
        stages: show how each picture grows: a row a seed, by default 0-7, and a column a stage of the generator, whose
            feature maps stand for it by their principal components.
        beside: with `--stages`, other runs' folders, parted by commas: below the row of each seed, theirs; for runs
            that differ in `--upsampling`, say.
        animate: instead of drawing new pictures, turn the sample grids of the run's history into an animation.
        fps: pictures a second in an animation.
        weights: `ema`, the averaged generator, `raw`, as training left it, or `best`, the average when it was nearest
            to the data (`train.py --evaluate-every`).
        overwrite: replace `--out` if it exists.
    """

    run_dir: Path | None = option(None, "Pictures")
    seeds: str | None = option(None, "Pictures")
    num: PositiveInt | None = option(None, "Pictures")
    label: str | None = option(None, "Pictures")
    out: Path | None = option(None, "Pictures")
    columns: PositiveInt | None = option(None, "Pictures")
    walk: PositiveInt | None = option(None, "Pictures")
    arithmetic: str | None = option(None, "Pictures")
    cloud: PositiveFloat | None = option(None, "Pictures")
    along: str | None = option(None, "Pictures")
    stages: bool = option(False, "Pictures")
    beside: str | None = option(None, "Pictures")
    animate: bool = option(False, "Pictures")
    fps: FramesPerSecond = option(12.0, "Pictures")
    weights: Literal["ema", "raw", "best"] = option("ema", "Pictures")
    overwrite: bool = option(False, "Pictures")
