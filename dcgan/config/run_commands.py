"""The options of `evaluate`, `explain`, `explore` and `export`, the commands that examine or convert a trained run."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dcgan.config.data import DataConfig, Dataset
from dcgan.config.fields import (
    ImagesPerMap,
    Options,
    Port,
    PositiveInt,
    Seed,
    Weights,
    device_option,
    option,
    run_dir_option,
    weights_option,
)
from dcgan.core.errors import UserError

METRIC_NAMES = ("frechet", "kernel", "precision_recall", "density_coverage", "modes", "nearest_neighbors")
METRIC_NAMES += ("memorization", "support", "checkerboard", "linear_probe")
"""Names of the metrics of `dcgan.evaluation.metrics.METRICS`, in the order of the report."""

FEATURES = "classifier", "inception", "inception-2015"
"""Names of features; others are files."""


def parse_metrics(text: str, known: Collection[str]) -> list[str]:
    """Return the metrics that `--metrics` names, each once.

    Args:
        text: names separated by commas.
        known: names of all metrics.

    Raises:
        UserError: there is no such metric.
    """
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in known:
            raise UserError(f"--metrics: there is no metric {name!r}.", f"Metrics: {', '.join(known)}.")
    return names


def check_features(features: str) -> None:
    """Refuse features that are neither known nor a file.

    Args:
        features: value of `--features`.

    Raises:
        UserError: there is no such file.
    """
    if features not in FEATURES and not Path(features).is_file():
        raise UserError(f"There is no model file {features}.", f"--features: {', '.join(FEATURES)}, or a .keras file.")


@dataclass(frozen=True)
class EvaluateConfig(DataConfig):
    """Evaluate generated images: compare them with held-out real images, in numbers.

    The held-out images are the test split, which is not used for training; for a dataset without one, a random fifth
    of its images, which a run has seen in training. The data options default to those of the run.

    Args:
        dataset: dataset to compare with; by default the run's own, and `mnist10k` for `--images`.
        images: evaluate the images of this folder, `.zip`, `.npy` or `.npz` instead of a run; they need the size of the
            dataset's images.
        num: maximum number of generated images; as many real images are evaluated beside them.
        metrics: metrics to measure, separated by commas: frechet, kernel, precision_recall, density_coverage, modes,
            nearest_neighbors, memorization, support, checkerboard, linear_probe; by default all that can be measured
            except linear_probe.
        features: features to compare images in: `classifier`, trained once on the dataset's labels; `inception` or
            `inception-2015`, the network of published FID, whose weights are downloaded; or a `.keras` file.
        reference_statistics: `.npz` file with mean `mu` and covariance `sigma` of features, as published for datasets;
            the Fréchet distance to them is measured as well.
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
    reference_statistics: Path | None = option(None, "Report")
    json: Path | None = option(None, "Report")
    overwrite: bool = option(False, "Report")
    device: str = device_option()


@dataclass(frozen=True)
class ExplainConfig(DataConfig):
    """Show the images that activate the discriminator's feature maps most, and the pixels that cause it.

    The data options are those of the run, unless they are given.

    Args:
        dataset: data set to search for the images; by default the run's own.
        layer: layer whose feature maps are shown, as its name or as the number of a convolution stage, from 0 on; by
            default the last stage. A stage ends before the next convolution. The outputs of a dense layer count as
            feature maps; `logit` is the discriminator's output.
        maps: number of feature maps, from the first on, or their indices, as `3,5,9-12`; `6-6` is map 6 alone.
        rule: how an activation is propagated back to the pixels: `gradient`; `deconvnet`, of Zeiler and Fergus; or
            `guided` backpropagation, which combines both. Without max-pooling, `deconvnet` gives the same projection
            for every image.
        images: number of images per feature map, at most 100.
        whole: show whole images instead of the receptive field.
        random_weights: show the same for an untrained network beside it.
        seed: seed of the random weights.
        out: PNG file to write; by default a file in the run directory, which replaces an older one.
        overwrite: replace `--out` if it exists.
    """

    dataset: Dataset | None = option(None, "Data")
    run_dir: Path | None = run_dir_option("Images")
    layer: str | None = option(None, "Images")
    # The DCGAN paper's figure 5 shows six, by guided backpropagation; Zeiler and Fergus, figure 2, nine images each.
    maps: str = option("6", "Images")
    rule: Literal["guided", "deconvnet", "gradient"] = option("guided", "Images")
    images: ImagesPerMap = option(9, "Images")
    whole: bool = option(False, "Images")
    random_weights: bool = option(False, "Images")
    seed: Seed = option(0, "Images")
    out: Path | None = option(None, "Images")
    overwrite: bool = option(False, "Images")
    device: str = device_option()


@dataclass(frozen=True)
class ExploreConfig(DataConfig):
    """Show a run in the browser: curves and samples, images of any seed, nearest training images, feature maps.

    The page is served on this machine alone until Ctrl-C, and follows a training that is running. The data options are
    those of the run, unless they are given.

    Args:
        dataset: dataset to search for the nearest images, and for those that activate a feature map; by default the
            run's own.
        compare_runs: folders of other runs, separated by commas, to show beside it: their curves, and their images of
            the same seeds.
        port: port of the page on 127.0.0.1; by default a free one.
        browser: open the page in the browser.
    """

    dataset: Dataset | None = option(None, "Data")
    run_dir: Path | None = run_dir_option("Page")
    compare_runs: str | None = option(None, "Page")
    port: Port | None = option(None, "Page")
    browser: bool = option(True, "Page")
    # The GPU is left to a training beside it.
    device: str = device_option(default="cpu")


@dataclass(frozen=True)
class ExportConfig(Options):
    """Convert a trained generator to another format, verify it and write a model card beside it.

    The export is loaded in its own runtime and compared with the Keras generator. The model card describes inputs and
    outputs, usage, origin and license. Example: `python -m dcgan export --format onnx`.

    Args:
        format: format to write (required): `saved_model` for TensorFlow, `onnx`, `litert` for phones and small
            devices, `keras`, `keras_float16` for a file of half the size, `npz` for NumPy alone, `html` for a
            page that generates images in a browser, or `hub` for a folder to publish on Hugging Face.
        out: file to write, or folder for `saved_model` and `hub`; by default in the run directory, under `exported/`.
        overwrite: replace `--out` and its model card if they exist.
    """

    run_dir: Path | None = run_dir_option("Export")
    format: Literal["saved_model", "onnx", "litert", "keras", "keras_float16", "npz", "html", "hub"] | None = option(
        None, "Export"
    )
    out: Path | None = option(None, "Export")
    weights: Weights = weights_option("Export")
    overwrite: bool = option(False, "Export")
    device: str = device_option()


@dataclass(frozen=True)
class LessonConfig(Options):
    """Open the lesson on the transposed convolution in the browser: a page whose figures can be touched.

    Args:
        out: HTML file to write instead of opening a temporary one.
        overwrite: replace `--out` if it exists.
    """

    out: Path | None = option(None, "Lesson")
    overwrite: bool = option(False, "Lesson")
