"""The command that drops: what a generator draws without the feature maps that draw one class."""

from pathlib import Path

import numpy as np

from dcgan.config import DropConfig
from dcgan.core.errors import UserError
from dcgan.core.tensorflow_import import import_tensorflow
from dcgan.sampling.output_path import check_png_path
from dcgan.visualization import save_png, tile

FOLDER = "dropped"
"""Where sheets lie in a run directory."""

WAYS = "as they are", "without these maps", "without random ones"

SHOWN = 10
"""Pictures of the thing on the sheet, and as many of other things."""


def drop(config: DropConfig) -> Path:
    """Find the maps that speak for a class, zero them, and draw the same pictures as before, and without random maps.

    Radford et al. 2016, section 6.3.1, where the thing was windows and they were marked by hand.

    Args:
        config: every option; see `DropConfig`.

    Returns:
        The sheet: the pictures as they are, without these maps, and without as many others.

    Raises:
        UserError: no such run, layer or class, no picture of it, or a place that is taken.
    """
    if config.thing is None:
        raise UserError("--thing is missing.", "Name a class, as --thing 7.")
    check_png_path(config.out, config.overwrite)
    import_tensorflow()
    from dcgan.evaluation.label_predictor import load_subject, parse_class
    from dcgan.sampling.feature_ablation import feature_maps, split_generator, weights_by_labels

    subject = load_subject(config, config.weights)
    names, read = subject.reader()
    wanted = parse_class(config.thing, names)
    pool, fresh = subject.pool(range(config.num)), subject.pool(range(config.num, 2 * config.num))
    maps = feature_maps(split_generator(subject.generator, config.layer)[0], pool.rows)
    dropped = weights_by_labels(maps, _seen(pool, read) == wanted) > 0
    drawn, seen = _drawn(config, subject.generator, fresh, dropped), _seen(fresh, read)
    print(f"{dropped.sum()} of {len(dropped)} maps speak for {names[wanted]!r}.")
    _tell({words: read(images) == seen for words, images in drawn.items()}, seen == wanted, names[wanted])
    out = config.out or subject.run.path / FOLDER / f"{names[wanted]}.png"
    notes = {"Software": "dcgan", "Run": subject.run.path.resolve().name, "Thing": names[wanted]}
    save_png(out, _sheet(drawn, seen == wanted), notes)
    print(f"A column a picture, {names[wanted]!r} first; below without these maps, and without as many others: {out}")
    return out


def _drawn(config: DropConfig, generator, pool, dropped: np.ndarray) -> dict[str, np.ndarray]:
    """The pictures of a pool in each of the `WAYS`."""
    from dcgan.sampling.feature_ablation import ablate_maps
    from dcgan.sampling.generation import generate_images

    chance = np.random.default_rng(config.seed).permutation(dropped)
    drawn = [generate_images(ablate_maps(generator, which, config.layer), pool.rows) for which in (dropped, chance)]
    return dict(zip(WAYS, [pool.images, *drawn], strict=True))


def _tell(right: dict[str, np.ndarray], shows: np.ndarray, name: str) -> None:
    """A table: how many pictures, of the thing and of all others, are still read as what they were."""
    print(f"Read as what they were drawn to be, of {len(shows)} pictures:")
    print(f"  {'':24}{name:>10}{'others':>10}")
    for words, each in right.items():
        print(f"  {words:24}{_share(each[shows]):>10}{_share(each[~shows]):>10}")


def _seen(pool, read) -> np.ndarray:
    """What the pictures are: the classes they are drawn in, or else those that are read."""
    return read(pool.images) if pool.labels is None else pool.labels


def _share(right: np.ndarray) -> str:
    return f"{right.mean():.1%}" if len(right) else "–"


def _sheet(drawn: dict[str, np.ndarray], shows: np.ndarray) -> np.ndarray:
    """A column a picture, those of the thing first, a row a way of drawing it."""
    columns = np.concatenate([np.flatnonzero(shows)[:SHOWN], np.flatnonzero(~shows)[:SHOWN]])
    return tile(np.concatenate([images[columns] for images in drawn.values()]), len(columns))
