"""The options of `evaluate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dcgan.config.data import DATASETS, DataConfig
from dcgan.config.fields import PositiveInt, option


@dataclass(frozen=True)
class EvaluateConfig(DataConfig):
    """Measure how near drawn pictures are to real ones that are held out.

    These are the test split, which no training saw; of a data set without one, a random half of its images, which a
    run learnt from like all others. The data options are those of the run, unless they are given.

    Args:
        dataset: what to compare with; by default the run's own, and `mnist10k` for `--images`.
        run_dir: folder of the run whose pictures are judged; by default the newest one under `checkpoints/`.
        images: instead of a run's, the pictures in this folder, `.zip`, `.npy` or `.npz`; as large as the data set's.
        weights: `ema`, the averaged generator, `raw`, as training left it, or `best`, as `train.py --evaluate-every`
            kept it.
        num: how many pictures are judged, at most; as many training images are measured beside them.
        metrics: which, parted by commas: frechet, kernel, precision_recall, density_coverage, modes, neighbours,
            memorisation, support, checkerboard, unsupervised; by default all that can be measured but the last.
        features: what the pictures are compared in: `classifier`, trained once on the data set's labels, `inception`,
            whose weights are downloaded, or the name of a `.keras` file.
        json: file for the report, beside which sheets of pictures take its name; by default `evaluation.json` in the
            run directory, replacing an older one, but not the one that came with a published generator: beside that,
            it is `evaluation-2.json` and so on.
        overwrite: replace `--json` and its sheets if they exist, or what came with a published generator.
    """

    dataset: Literal[*DATASETS] | None = option(None, "Data")
    run_dir: Path | None = option(None, "Pictures")
    images: Path | None = option(None, "Pictures")
    weights: Literal["ema", "raw", "best"] = option("ema", "Pictures")
    # As many as MNIST's and CIFAR-10's test sets have; the Fréchet distance of fewer pictures is larger.
    num: PositiveInt = option(10_000, "Pictures")
    metrics: str | None = option(None, "Report")
    features: str = option("classifier", "Report")
    json: Path | None = option(None, "Report")
    overwrite: bool = option(False, "Report")
