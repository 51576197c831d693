"""Edits along a direction in the latent space, toward a stroke feature or from class to class."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dcgan.config import EditConfig
from dcgan.core.classes import NAME_PREFIX
from dcgan.core.errors import UserError, did_you_mean, errors_about
from dcgan.evaluation.label_predictor import GeneratedImages, LabelPredictor, RunGenerator, parse_class
from dcgan.evaluation.stroke_features import STROKE_FEATURES, for_polarity
from dcgan.runs.directions import save_direction
from dcgan.sampling.latent_directions import difference_of_means, generate_along, linear_direction
from dcgan.visualization import tile

"""The values of `--toward` that need no classifier."""

CLASS_STRENGTHS, FEATURE_STRENGTHS = (0.0, 2.0), (-2.0, 2.0)
"""Multiples of the direction that are added, from the first column to the last."""

NUM_IMAGES = 2000
"""Default number of images that the direction is found on."""

NUM_TESTED = 200
"""Maximum number of other images that the effect is measured on."""


@dataclass(frozen=True, eq=False)
class Edit:
    """A direction and how to use it.

    Args:
        direction: difference between two groups of latents, float32 (dim,).
        strengths: multiples of it in the first and the last column.
        selected: which of the test images to edit, bool (M,).
        description: what the direction does, in a few words.
        describe_effect: describes the effect, given the images before and after the edit.
    """

    direction: np.ndarray
    strengths: tuple[float, float]
    selected: np.ndarray
    description: str
    describe_effect: Callable[[np.ndarray, np.ndarray], str]


FindEdit = Callable[[GeneratedImages, GeneratedImages], Edit]
"""Finds an edit on the first images, and selects which of the second ones to edit."""


def move_toward(source: RunGenerator, config: EditConfig) -> tuple[np.ndarray, str, str]:
    """Move latents toward what `--toward` names, and print the effect.

    Without `--out`, the direction is stored beside the figure in the run directory.

    Args:
        source: the generator.
        config: all options, with `toward`.

    Returns:
        The figure, uint8 (H', W', C), one row per image; a name for it; and a summary in one line.

    Raises:
        UserError: there is no such class or feature, or the images do not show both groups.
    """
    find = _feature_edit(source, config) if config.toward in STROKE_FEATURES else _class_edit(source, config)
    num = config.num or NUM_IMAGES
    found_on, others = source.generate(range(num)), source.generate(range(num, 2 * num))
    edit = find(found_on, others)
    selected = others[edit.selected]
    if not len(selected):
        raise UserError("None of the images can be edited: no image is of the class to start from.", "Increase --num.")
    strengths = np.linspace(*edit.strengths, config.walk)
    shown = generate_along(source.generator, selected.rows[: config.rows], edit.direction, strengths)
    tested = selected[:NUM_TESTED]
    edited = generate_along(source.generator, tested.rows, edit.direction, edit.strengths[1:])[:, 0]
    first, last = edit.strengths
    print(f"Tested on {len(tested)} other images, moved by {last:g} times the direction:")
    print(f"  {edit.describe_effect(tested.images, edited)}.")
    words = [word.removeprefix(NAME_PREFIX) for word in (config.from_class, config.toward) if word]
    name = f"{'-to-'.join(words).replace(':', '-')}-{config.method}"
    if config.out is None:
        label = " to ".join(words)
        save_direction(source.run, name, label, edit.direction)
    summary = f"{edit.description}, one row per image, moved by {first:g} to {last:g} times the direction"
    return tile(shown.reshape(-1, *shown.shape[2:]), config.walk), name, summary


def _class_edit(source: RunGenerator, config: EditConfig) -> FindEdit:
    """Return how to find the edit to one class from another class or all others, before any image is generated."""
    toward = config.toward or ""
    if source.classes is not None:
        labeled = source.classes.labeled
        condition = "classes" if labeled else "clusters of similar images"
        raise UserError(
            f"{source.run.path} is conditioned on {condition}, so the latent does not encode the class.",
            ("Use `dcgan generate --class` to generate a class, or" if labeled else "Train with --clusters 0, or use")
            + f" --toward slant or boldness{did_you_mean(toward, STROKE_FEATURES)}",
        )
    names, predict = source.label_predictor()
    with errors_about("--toward"):
        target = parse_class(toward, names, STROKE_FEATURES)
    with errors_about("--from-class"):
        origin = None if config.from_class is None else parse_class(config.from_class, names)
    if origin == target:
        raise UserError(f"--from-class {names[target]!r} is the target class itself.", "Choose another --from-class.")
    return lambda found_on, others: _between_classes(config, names, predict, (origin, target), found_on, others)


def _between_classes(
    config: EditConfig,
    names: tuple[str, ...],
    predict: LabelPredictor,
    classes: tuple[int | None, int],
    found_on: GeneratedImages,
    others: GeneratedImages,
) -> Edit:
    """Find the edit between two classes, or from all classes where the first one is None."""
    origin, target = classes
    other_labels, labels = predict(others.images), predict(found_on.images)
    used = np.isin(labels, (target, origin)) if origin is not None else np.ones(len(labels), bool)
    direction = _direction(config, found_on.rows[used], labels[used] == target)
    selected = other_labels == origin if origin is not None else other_labels != target

    def describe_effect(before: np.ndarray, after: np.ndarray) -> str:
        fractions = [np.mean(predict(images) == target) for images in (before, after)]
        return f"{fractions[1]:.0%} are classified as {names[target]!r}, {fractions[0]:.0%} before"

    start = repr(names[origin]) if origin is not None else "any other class"
    return Edit(direction, CLASS_STRENGTHS, selected, f"From {start} to {names[target]!r}", describe_effect)


def _feature_edit(source: RunGenerator, config: EditConfig) -> FindEdit:
    """Return how to find the edit along a stroke feature."""
    return lambda found_on, others: _along_feature(config, source.latent_dim, found_on, others)


def _along_feature(config: EditConfig, dim: int, found_on: GeneratedImages, others: GeneratedImages) -> Edit:
    """Find the edit from the lower to the upper third of a stroke feature among images of the same class."""
    feature_name = config.toward or ""
    measure = for_polarity(STROKE_FEATURES[feature_name], found_on.images)
    values = measure(found_on.images)
    if found_on.labels is not None:
        for label in np.unique(found_on.labels):
            values[found_on.labels == label] -= values[found_on.labels == label].mean()
    low, high = np.quantile(values, (1 / 3, 2 / 3))
    outer = (values <= low) | (values >= high)
    direction = _direction(config, found_on.rows[outer, :dim], values[outer] >= high)

    def describe_effect(before: np.ndarray, after: np.ndarray) -> str:
        change = (measure(after) - measure(before)).mean() / values.std()
        verb = "rises" if change >= 0 else "falls"
        return f"mean {feature_name} {verb} by {abs(change):.1f} standard deviations"

    selected = np.ones(len(others), bool)
    return Edit(direction, FEATURE_STRENGTHS, selected, f"Along {feature_name}", describe_effect)


def _direction(config: EditConfig, rows: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Return the difference of the group means, or its projection on the normal of the plane between the groups."""
    difference = difference_of_means(rows, positive)
    if config.method == "means":
        return difference
    normal = linear_direction(rows, positive)
    return normal * (normal @ difference)
