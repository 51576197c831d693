"""The options of `evaluate`."""

from dataclasses import dataclass
from pathlib import Path

from dcgan.config.data import DataConfig, Dataset
from dcgan.config.fields import PositiveInt, Weights, option, run_dir_option, weights_option


@dataclass(frozen=True)
class EvaluateConfig(DataConfig):
    """Evaluate generated images: compare them with held-out real images, in numbers.

    The held-out images are the test split, which is not used for training; for a dataset without one, a random half of
    its images, which a run has seen in training. The data options default to those of the run.

    Args:
        dataset: dataset to compare with; by default the run's own, and `mnist10k` for `--images`.
        images: evaluate the images of this folder, `.zip`, `.npy` or `.npz` instead of a run; they need the size of the
            dataset's images.
        num: maximum number of generated images; as many training images are evaluated beside them.
        metrics: metrics to measure, separated by commas: frechet, kernel, precision_recall, density_coverage, modes,
            nearest_neighbors, memorization, support, checkerboard, linear_probe; by default all that can be measured
            except linear_probe.
        features: features to compare images in: `classifier`, trained once on the dataset's labels, `inception`, whose
            weights are downloaded, or a `.keras` file.
        json: file for the report; figures are written beside it with the same name. The default is `evaluation.json` in
            the run directory, which is replaced if it exists; the report of a pretrained generator is kept, and the new
            report is `evaluation-2.json` and so on.
        overwrite: replace `--json` and its figures if they exist, or the report of a pretrained generator.
    """

    dataset: Dataset | None = option(None, "Data")
    run_dir: Path | None = run_dir_option("Images")
    images: Path | None = option(None, "Images")
    weights: Weights = weights_option("Images")
    # As many as the test sets of MNIST and CIFAR-10 have; the Fréchet distance of fewer images is larger.
    num: PositiveInt = option(10_000, "Images")
    metrics: str | None = option(None, "Report")
    features: str = option("classifier", "Report")
    json: Path | None = option(None, "Report")
    overwrite: bool = option(False, "Report")
