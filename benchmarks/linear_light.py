"""Does it matter that images are resized in stored sRGB values instead of linear light?

Random square parts of three photographs that scikit-learn and Matplotlib bring are resized to 64×64 (bicubic) in both
ways. The table has the mean difference of the pixels, and Fréchet distances in the features of a classifier that tells
other parts of the photographs apart: between the same parts resized in either way, and between two sets of parts. The
latter is what sampling alone makes of real images.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.options import argument_parser
from benchmarks.tables import format_number, markdown_table

SIZE = 64
STEPS = 150  # of the classifier


def photographs() -> dict[str, np.ndarray]:
    """Return the photographs by name, uint8 (H, W, 3)."""
    import matplotlib
    import sklearn.datasets
    from PIL import Image

    files = [Path(sklearn.datasets.__file__).parent / "images" / name for name in ("china.jpg", "flower.jpg")]
    files.append(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    return {file.name: np.asarray(Image.open(file).convert("RGB")) for file in files}


def to_linear(values: np.ndarray) -> np.ndarray:
    """Return linear light, 0 to 1, of stored sRGB values, 0 to 1 (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0) + 0.055) / 1.055) ** 2.4)


def to_stored(light: np.ndarray) -> np.ndarray:
    """Return stored sRGB values, 0 to 1, of linear light, 0 to 1 (IEC 61966-2-1)."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def resize(image: np.ndarray, *, linear: bool) -> np.ndarray:
    """Resize an image to 64×64, bicubic and antialiased.

    Args:
        image: uint8 (H, W, 3).
        linear: whether in linear light.

    Returns:
        uint8 (64, 64, 3).
    """
    from PIL import Image

    values = image / 255
    planes = np.moveaxis(to_linear(values) if linear else values, 2, 0).astype(np.float32)
    small = [np.asarray(Image.fromarray(plane).resize((SIZE, SIZE), Image.Resampling.BICUBIC)) for plane in planes]
    result = np.stack(small, 2)
    return np.round(255 * np.clip(to_stored(result) if linear else result, 0, 1)).astype(np.uint8)


def random_parts(images: Sequence[np.ndarray], count: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Return random square parts, of 128 pixels per side up to the whole height, and the index of each one's image.

    Args:
        images: uint8 (H, W, 3) each, taken in turns.
        count: number of parts.
        seed: of the sides and the positions.
    """
    random = np.random.default_rng(seed)
    parts, labels = [], np.arange(count) % len(images)
    for label in labels:
        height, width = images[label].shape[:2]
        side = random.integers(2 * SIZE, min(height, width), endpoint=True)
        top, left = random.integers(height - side, endpoint=True), random.integers(width - side, endpoint=True)
        parts.append(images[label][top : top + side, left : left + side])
    return parts, labels


def report(count: int) -> str:
    """Return both tables.

    Args:
        count: number of parts in a set.
    """
    from dcgan.data.image_dataset import dataset_from_arrays
    from dcgan.evaluation.classifier import train_classifier
    from dcgan.evaluation.distances import frechet_distance
    from dcgan.evaluation.features import classifier_features_from

    images = photographs()
    rows = []
    for name, image in images.items():
        stored, light = (resize(image, linear=linear).astype(float) for linear in (False, True))
        rows.append([name, format_number(np.abs(light - stored).mean()), format_number((light - stored).mean())])
    pixels = markdown_table(("64x64", "mean difference, gray levels", "brighter by"), rows)

    parts, labels = random_parts(list(images.values()), count, 0)
    training = np.stack([resize(part, linear=False) for part in parts])
    dataset = dataset_from_arrays("photographs", training, labels.astype(np.int64), tuple(images))
    extractor = classifier_features_from(train_classifier(dataset, STEPS))
    features = {}
    for seed in (1, 2):
        parts, _ = random_parts(list(images.values()), count, seed)
        for linear in (False, True):
            features[seed, linear] = extractor(np.stack([resize(part, linear=linear) for part in parts]))
    pairs = {
        "the same parts, resized in either way": ((1, False), (1, True)),
        "other parts, resized alike": ((1, False), (2, False)),
        "other parts, resized in either way": ((1, False), (2, True)),
    }
    rows = [[name, format_number(frechet_distance(features[a], features[b]))] for name, (a, b) in pairs.items()]
    return f"{pixels}\n\n{markdown_table((f'{count} parts', 'Fréchet distance'), rows)}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.linear_light`."""
    parser = argument_parser(__doc__)
    parser.add_argument("--parts", type=int, default=500, help="number of parts in a set")
    options = parser.parse_args(arguments)

    from dcgan.core.imports import import_tensorflow

    import_tensorflow()
    print(report(options.parts), machine.describe(), sep="\n\n")


if __name__ == "__main__":
    main()
