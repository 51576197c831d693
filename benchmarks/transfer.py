"""Is a generator of few images better after equal time if it begins with one of other images (`--init-from`)?

A few images of one dataset are written as a folder of PNG files, the same ones for every seed, and trained on from
scratch, with the weights of a run on other images, and with the first layers of that run's discriminator frozen
(`--freeze-d`). The networks are the same, and so is what a step costs; frozen layers make it a little cheaper. The
distance is that to images that neither the runs nor the classifier whose features are compared have seen: the test
images of the dataset. With `--dataset uci_digits`, the images are the 1,797 handwritten digits of scikit-learn (UCI,
8×8 pixels, enlarged to 20×20 in 28×28 as in MNIST), the held-out ones those that are not trained on, and the classifier
is one of MNIST.
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import machine
from benchmarks.options import argument_parser
from benchmarks.tables import markdown_table, mean_and_deviation

if TYPE_CHECKING:
    import numpy as np

    from dcgan.config import DataConfig

UCI_DIGITS = "uci_digits"

Results = dict[str, list[list[dict[str, Any]]]]
"""By row, for each seed the log records of the steps that were evaluated."""


def variants(
    source: str, frozen: Sequence[int], rates: Sequence[float] = (), *, keep: bool = False
) -> dict[str, dict[str, Any]]:
    """Return the options of every row, by its name.

    Args:
        source: as for `--init-from`.
        frozen: numbers of layers to freeze; 0 for none.
        rates: learning rates of both networks with which each row is trained as well.
        keep: whether there is a row for `--init-scale keep` beside each that begins with another run.
    """
    rows: dict[str, dict[str, Any]] = {"from scratch": {}}
    for count in frozen:
        name = f"--init-from {source}" + (f" --freeze-d {count}" if count else "")
        rows[name] = {"init_from": source, "freeze_d": count}
        if keep:
            rows[f"{name} --init-scale keep"] = rows[name] | {"init_scale": "keep"}
    for name, options in list(rows.items()):
        for rate in rates:
            rows[f"{name}, learning rates {rate:g}"] = options | {"generator_lr": rate, "discriminator_lr": rate}
    return rows


def few_images(labels: "np.ndarray", count: int) -> "np.ndarray":
    """Return the indices of the first images of each class, as many of each.

    Args:
        labels: integers (N,).
        count: number of images, over all classes.

    Returns:
        int64 (count,), or less where a class has fewer images; ascending.
    """
    import numpy as np

    classes = np.unique(labels)
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[: count // len(classes)] for label in classes]))


def write_images(folder: Path, images: "np.ndarray", labels: "np.ndarray", names: Sequence[str]) -> None:
    """Write images as PNG files in class folders.

    Args:
        folder: where to write.
        images: uint8 (N, H, W, C).
        labels: integers (N,).
        names: of the classes.
    """
    from dcgan.visualization import save_png

    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        directory = folder / names[label].replace("/", "-")
        directory.mkdir(parents=True, exist_ok=True)
        save_png(directory / f"{index:05d}.png", image)


def uci_digits() -> tuple["np.ndarray", "np.ndarray"]:
    """Return the handwritten digits of scikit-learn, uint8 (1797, 28, 28, 1), and their labels, int64 (1797,).

    As in MNIST, a digit fills 20×20 pixels in the middle. (Alpaydin and Kaynak 1998, "Optical Recognition of
    Handwritten Digits", UCI Machine Learning Repository.)
    """
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.zeros((len(digits.target), 28, 28, 1), np.uint8)
    for image, small in zip(images, digits.images, strict=True):
        gray = Image.fromarray(np.round(small * (255 / 16)).astype(np.uint8))
        image[4:24, 4:24, 0] = np.asarray(gray.resize((20, 20), Image.Resampling.BICUBIC))
    return images, digits.target.astype(np.int64)


class HeldOut:
    """Compares generated images with held-out ones in the features of a classifier; an evaluator for `dcgan.train`.

    Args:
        classifier: options of the dataset that the classifier is trained on.
        held_out: uint8 (N, H, W, C).
        count: number of images to generate.
    """

    def __init__(self, classifier: "DataConfig", held_out: "np.ndarray", count: int):
        from dcgan.evaluation.features import classifier_features
        from dcgan.evaluation.splits import load_splits

        self._count, self._extractor = count, classifier_features(load_splits(classifier).classifier)
        self._real = self._extractor(held_out)

    def __call__(self, generator: Any, classes: Any) -> dict[str, float]:
        from dcgan.evaluation.distances import frechet_distance, precision_recall
        from dcgan.evaluation.evaluator import FIRST_SEED
        from dcgan.evaluation.samples import samples_from_generator

        images = samples_from_generator(generator, classes, "training", FIRST_SEED).take(self._count)
        generated = self._extractor(images)
        precision, recall = precision_recall(self._real, generated)
        distance = frechet_distance(generated, self._real)
        return {"frechet_distance": distance, "precision": precision, "recall": recall}


def prepare(folder: Path, dataset: str, data_dir: Path, count: int, num: int) -> HeldOut:
    """Write the few images, and return what measures the distance to the held-out ones.

    Args:
        folder: where to write the images.
        dataset: as for `train.py`, with labels and a test split, or `UCI_DIGITS`.
        data_dir: directory of the dataset; for `UCI_DIGITS`, of MNIST.
        count: number of images to train on.
        num: number of images to generate for an evaluation.
    """
    import numpy as np

    from dcgan import data
    from dcgan.config import DataConfig

    if dataset == UCI_DIGITS:
        config, (images, labels) = DataConfig(dataset="mnist", data_dir=data_dir), uci_digits()
        chosen = few_images(labels, count)
        held_out, names = np.delete(images, chosen, axis=0), tuple(map(str, range(10)))
    else:
        config = DataConfig(dataset=dataset, data_dir=data_dir)  # pyright: ignore[reportArgumentType]
        training = data.load(config)
        images, labels, names = training.images, training.labels, training.class_names
        assert labels is not None
        chosen, held_out = few_images(labels, count), data.load(config, "test").images
    write_images(folder, images[chosen], labels[chosen], names)
    return HeldOut(config, held_out, num)


def train_row(folder: Path, options: Mapping[str, Any], seed: int, steps: int, every: int, evaluator: Any) -> list:
    """Train one run and return its records of the steps that were evaluated.

    Args:
        folder: with the images, `images`; the run is written beside them.
        options: of the row.
        seed: of the run.
        steps: number of steps.
        every: steps between two evaluations.
        evaluator: as for `dcgan.train`.
    """
    import dcgan

    config = dcgan.TrainConfig(
        dataset="folder",
        data_dir=folder / "images",
        cache_dir=folder / "cache",
        image_size=28,
        channels=1,
        run_dir=Path(tempfile.mkdtemp(dir=folder)),
        seed=seed,
        steps=steps,
        evaluate_every=every,
        save_every=steps,
        tensorboard=False,
        **options,
    )
    run = dcgan.train(config, evaluator=evaluator, callback=lambda run: None)
    return [record for record in run.log_records() if "frechet_distance" in record]


def report(results: Results) -> str:
    """Return the table: a row per variant with the distance at each step, mean and standard deviation over the seeds.

    Args:
        results: by row.
    """
    steps = [record["step"] for record in next(iter(results.values()))[0]]
    rows = []
    for name, by_seed in results.items():
        distances = [
            mean_and_deviation([records[index]["frechet_distance"] for records in by_seed])
            for index in range(len(steps))
        ]
        names = "precision", "recall", "seconds"
        others = [mean_and_deviation([records[-1][name] for records in by_seed]) for name in names]
        rows.append([name, *distances, *others])
    columns = [f"distance at step {step:,}" for step in steps]
    return markdown_table(("", *columns, "precision", "recall", "seconds"), rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.transfer`."""
    parser = argument_parser(__doc__)
    parser.add_argument(
        "--dataset", default="fashion_mnist", help=f"dataset of the few images, as for train.py, or {UCI_DIGITS}"
    )
    parser.add_argument("--data-dir", type=Path, required=True, help="its directory; that of MNIST for uci_digits")
    parser.add_argument("--source", default="mnist", help="run to begin with, as for --init-from")
    parser.add_argument("--images", type=int, default=500, help="number of images to train on")
    parser.add_argument("--steps", type=int, default=800, help="steps of every training")
    parser.add_argument("--every", type=int, default=200, help="steps between two evaluations")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds of the trainings of each row")
    parser.add_argument("--frozen", type=int, nargs="+", default=[0, 1, 2], help="rows: layers to freeze")
    parser.add_argument(
        "--rates", type=float, nargs="*", default=[], help="further rows: learning rates of both networks"
    )
    parser.add_argument("--keep", action="store_true", help="further rows: --init-scale keep")
    parser.add_argument("--num", type=int, default=2000, help="number of images to generate for an evaluation")
    options = parser.parse_args(arguments)

    from dcgan.core.imports import import_tensorflow

    import_tensorflow()
    rows = variants(options.source, options.frozen, options.rates, keep=options.keep)
    results: Results = {name: [] for name in rows}
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        evaluator = prepare(folder / "images", options.dataset, options.data_dir, options.images, options.num)
        for seed in options.seeds:  # the rows alternate, so that other work on the machine slows none of them alone
            for name, changed in rows.items():
                records = train_row(folder, changed, seed, options.steps, options.every, evaluator)
                results[name].append(records)
                text = ", ".join(f"{record['frechet_distance']:.3g}" for record in records)
                print(f"seed {seed}, {name}: {text}; {records[-1]['seconds']:.0f} s", file=sys.stderr, flush=True)
    print(report(results), machine.describe(), sep="\n\n")


if __name__ == "__main__":
    main()
