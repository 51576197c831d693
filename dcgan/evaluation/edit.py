"""The command that turns: along the direction that leads from pictures of one kind to those of another."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcgan.config import EditConfig
from dcgan.core.errors import UserError, did_you_mean
from dcgan.core.tensorflow_import import import_tensorflow
from dcgan.evaluation.stroke_features import boldness, for_polarity, slant
from dcgan.sampling.output_path import check_png_path
from dcgan.visualization import save_png, tile

STYLES = {"slant": slant, "boldness": boldness}
"""What the pixels say of a picture, by name."""

FOLDER = "turned"
"""Where sheets lie in a run directory."""

STRENGTHS = {"class": (0.0, 2.0), "style": (-2.0, 2.0)}
"""How many times the way between the two groups is added, from the first column to the last."""

JUDGED = 200
"""Pictures on which it is measured what the direction does."""


@dataclass(frozen=True, eq=False)
class Way:
    """A direction, and what it is for.

    Args:
        direction: float32 (dim,): the way from one group of latents to the other.
        starts: bool (M,), which pictures of another pool are to be turned.
        strengths: of the first and the last column.
        words: what it leads to.
        judge: says in a line what became of pictures, from them as they were and as they are turned.
    """

    direction: np.ndarray
    starts: np.ndarray
    strengths: tuple[float, float]
    words: str
    judge: Callable[[np.ndarray, np.ndarray], str]


Find = Callable[..., Way]
"""Finds the way on a pool of pictures, for those of another pool."""


def edit(config: EditConfig) -> Path:
    """Find a direction on some pictures, draw others along it, and measure on them what it does.

    Radford et al. 2016, section 6.3.2 and figure 8, for whatever the data set's classifier or a reading of the pixels
    tells apart.

    Args:
        config: every option; see `EditConfig`.

    Returns:
        The sheet: a row a picture, itself where nothing is added.

    Raises:
        UserError: no such run, class or style; the pictures do not show both; or a place that is taken.
    """
    if config.toward is None:
        raise UserError("--toward is missing.", "Take slant, boldness, or with an unlabelled run a class's name.")
    check_png_path(config.out, config.overwrite)
    import_tensorflow()
    from dcgan.evaluation.label_predictor import load_subject
    from dcgan.sampling.latent_directions import generate_along

    subject = load_subject(config, config.weights)
    find = _styled(config, subject) if config.toward in STYLES else _classified(config, subject)
    pool, others = subject.pool(range(config.num)), subject.pool(range(config.num, 2 * config.num))
    way = find(pool, others)
    starts = others[way.starts]
    if not len(starts.rows):
        raise UserError("None of the pictures shows what is to be turned.", "Draw more with --num.")
    strengths = np.linspace(*way.strengths, config.walk)
    shown = generate_along(subject.generator, starts.rows[: config.rows], way.direction, strengths)
    out = config.out or subject.run.path / FOLDER / f"{_name(config)}.png"
    save_png(out, tile(shown.reshape(-1, *shown.shape[2:]), config.walk), _notes(config, subject))
    judged = starts[slice(JUDGED)]
    turned = generate_along(subject.generator, judged.rows, way.direction, way.strengths[1:])[:, 0]
    first, last = way.strengths
    print(f"Tried on {len(judged.rows)} other pictures, moved by {last:g} times the way that was found:")
    print(f"  {way.judge(judged.images, turned)}.")
    print(f"{way.words}, a row a picture, moved by {first:g} to {last:g} times the way: {out}")
    return out


def _classified(config: EditConfig, subject) -> Find:
    """What goes from pictures of one class, or of all others, to those of another, as the classifier reads them.

    Raises:
        UserError: there are no such classes; before anything is drawn or learnt.
    """
    from dcgan.evaluation.label_predictor import parse_class

    if subject.classes is not None:
        raise UserError(
            f"{subject.run.path} is told the class of a picture, which its latent then says nothing about.",
            f"`generate.py --label` draws a class; here take slant or boldness{did_you_mean(config.toward, STYLES)}",
        )
    names, read = subject.reader()
    wanted = parse_class(config.toward, names, STYLES)
    start = None if config.start is None else parse_class(config.start, names)
    if start == wanted:
        raise UserError(f"From {names[wanted]!r} to itself leads no way.", "Choose another --start.")
    return lambda pool, others: _between_classes(config, names, read, (start, wanted), pool, others)


def _between_classes(config: EditConfig, names, read, kinds: tuple[int | None, int], pool, others) -> Way:
    """From a class, or None for any other, to another one; by the pictures of `pool`, for those of `others`."""
    start, wanted = kinds
    read_there, read_here = read(others.images), read(pool.images)
    of_either = np.isin(read_here, (wanted, start)) if start is not None else np.ones(len(read_here), bool)
    direction = _direction(config, pool.rows[of_either], read_here[of_either] == wanted)
    starts = read_there == start if start is not None else read_there != wanted

    def judge(before: np.ndarray, after: np.ndarray) -> str:
        shares = [np.mean(read(images) == wanted) for images in (before, after)]
        return f"{shares[1]:.0%} are read as {names[wanted]!r}, where {shares[0]:.0%} were"

    origin = repr(names[start]) if start is not None else "any other"
    return Way(direction, starts, STRENGTHS["class"], f"From {origin} to {names[wanted]!r}", judge)


def _styled(config: EditConfig, subject) -> Find:
    """What goes from the lower to the upper third of a style.

    Raises:
        UserError: a class to begin at was given, too.
    """
    if config.start is not None:
        raise UserError("--start is for a class that becomes another.", f"Leave it out with --toward {config.toward}.")
    dim = subject.generator.inputs[0].shape[-1]
    return lambda pool, others: _along_style(config, dim, pool, others)


def _along_style(config: EditConfig, dim: int, pool, others) -> Way:
    """From the lower to the upper third of a style among pictures of the same class."""
    measure = for_polarity(STYLES[config.toward], pool.images)
    values = measure(pool.images)
    for label in np.unique(pool.labels) if pool.labels is not None else ():
        values[pool.labels == label] -= values[pool.labels == label].mean()
    low, high = np.quantile(values, (1 / 3, 2 / 3))
    outer = (values <= low) | (values >= high)
    direction = _direction(config, pool.rows[outer, :dim], values[outer] >= high)

    def judge(before: np.ndarray, after: np.ndarray) -> str:
        moved = (measure(after) - measure(before)).mean() / values.std()
        verb = "rises" if moved >= 0 else "falls"
        return f"their mean {config.toward} {verb} by {abs(moved):.1f} times what it varies by (a standard deviation)"

    return Way(direction, np.ones(len(others.rows), bool), STRENGTHS["style"], f"Along {config.toward}", judge)


def _direction(config: EditConfig, rows: np.ndarray, shows: np.ndarray) -> np.ndarray:
    """By the means of both groups, or by the plane between them; as long as the means lie apart along it."""
    from dcgan.sampling.latent_directions import difference_of_means, linear_direction

    difference = difference_of_means(rows, shows)
    if config.method == "means":
        return difference
    normal = linear_direction(rows, shows)
    return normal * (normal @ difference)


def _name(config: EditConfig) -> str:
    """A name that says what is in it."""
    return f"{config.toward if config.start is None else f'{config.start}-to-{config.toward}'}-{config.method}"


def _notes(config: EditConfig, subject) -> dict[str, str]:
    """What the sheet's file says about where it is from."""
    notes = {"Software": "dcgan", "Run": subject.run.path.resolve().name, "Toward": config.toward}
    return notes | ({} if config.start is None else {"Start": config.start})
