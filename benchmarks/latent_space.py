"""Does arithmetic in the latent space do what it says? The DCGAN paper's experiments on digits, judged by a classifier.

Radford et al. 2016, section 6.3, shows pictures; here the data set's classifier says which digit a picture is, and its
pixels say how thick the strokes are and how they slant. Latents are chosen by these readings alone, and results are
judged on other seeds than the directions were found on. Thick and thin, right and left are the upper and the lower
third of the pictures of a class. A direction's unit is the way between the means of its two groups.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.timing import number, table
from benchmarks.sample_pool import Pool, drawn, subject_of
from benchmarks.stroke_features import STYLES, lying_and_standing

STRENGTHS = (0.5, 1.0, 1.5, 2.0)
BOTH_WAYS = (-2.0, -1.0, 0.0, 1.0, 2.0)


def pairs(pool: Pool) -> list[tuple[int, int]]:
    """Every two different classes that the pool shows often enough to choose from."""
    digits, counts = np.unique(pool.wanted, return_counts=True)
    often = [int(digit) for digit, count in zip(digits, counts, strict=True) if count >= 60]
    return [(a, b) for a in often for b in often if a != b]


def arithmetic(pool: Pool, style: str, trials: int) -> Iterator[list[str]]:
    """Rows: how often high a - low a + low b is a b, and high, by the number of samples a term."""
    for samples, rescaled in ((1, False), (3, False), (10, False), (10, True)):
        results = _results(pool, style, samples, trials)
        yield [f"{style}, {samples} a term{', typical length' * rescaled}", *_judged(pool, style, *results, rescaled)]
    yield [f"{style}, low b alone, 3", *_judged(pool, style, *_results(pool, style, 3, trials, alone=True), False)]


def _results(pool: Pool, style: str, samples: int, trials: int, alone: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Results of arithmetic, float32 (N, dim), and the class b each should have, int (N,)."""
    from dcgan.sampling.latent_arithmetic import combine

    high, low = pool.thirds(style)
    made, wanted = [], []
    for a, b in pairs(pool):
        groups = [(1, high & (pool.wanted == a)), (-1, low & (pool.wanted == a)), (1, low & (pool.wanted == b))]
        for _ in range(trials):
            made.append(combine((sign, _some(pool, group, samples)) for sign, group in groups[2 * alone :]))
            wanted.append(b)
    return np.stack(made), np.array(wanted)


def _some(pool: Pool, group: np.ndarray, count: int) -> np.ndarray:
    """A few latents of a group, chosen at random."""
    members = np.flatnonzero(group)
    return pool.latents[pool.subject.random.choice(members, min(count, len(members)), replace=False)]


def _judged(pool: Pool, style: str, made: np.ndarray, wanted: np.ndarray, rescaled: bool) -> list[str]:
    """How often results are read as what they should be, lie above the middle of their class, and both."""
    length = np.linalg.norm(made, axis=1).mean() / np.sqrt(made.shape[1])
    made = made * np.sqrt(made.shape[1]) / np.linalg.norm(made, axis=1, keepdims=True) if rescaled else made
    result = Pool(pool.subject, made, wanted if pool.subject.classes else None)
    values, measured = STYLES[style](pool.images), STYLES[style](result.images)
    middles = {digit: np.median(values[pool.wanted == digit]) for digit in np.unique(wanted)}
    right, above = result.digits == wanted, measured > [middles[digit] for digit in wanted]
    return [number(1.0 if rescaled else length), *map(_share, (right, above, right & above))]


def turning(pool: Pool, others: Pool, starts: int) -> Iterator[list[str]]:
    """Rows: how often a direction turns pictures of class a into b, by how it was found and how much is added."""
    couples = [(a, b, np.flatnonzero(others.wanted == a)[:starts]) for a, b in pairs(pool)]
    wanted = np.concatenate([np.full(len(members), b) for _, b, members in couples])
    start = np.concatenate([others.latents[members] for *_, members in couples])
    for name, find in FINDERS.items():
        ways = []
        for a, b, members in couples:
            either = np.isin(pool.wanted, (a, b))
            way = find(pool.latents[either], pool.wanted[either] == b, pool.subject.random)
            ways.append(np.tile(way, (len(members), 1)))
        moved = (start + np.float32(strength) * np.concatenate(ways) for strength in STRENGTHS)
        yield [name, *(_share(Pool(pool.subject, latents).digits == wanted) for latents in moved)]


def styling(pool: Pool, others: Pool, style: str) -> Iterator[list[str]]:
    """Rows: how often the class stays along a style's direction, and what that does to the style."""
    high, low = pool.thirds(style)
    either = high | low
    ways = {name: find(pool.latents[either], high[either], pool.subject.random) for name, find in FINDERS.items()}
    if not pool.subject.classes:
        ways["difference, at right angles to the classes'"] = _beside_classes(pool, ways["difference of means"])
    for name, way in ways.items():
        yield [f"{style}, {name}", *(_moved(others, style, way, strength) for strength in BOTH_WAYS)]


def _beside_classes(pool: Pool, way: np.ndarray) -> np.ndarray:
    """A direction without its part along those that tell each class from all others, as long as it was."""
    from dcgan.sampling.latent_directions import difference_of_means, orthogonal_to

    classes = [difference_of_means(pool.latents, pool.wanted == digit) for digit in np.unique(pool.wanted)]
    rest = orthogonal_to(way, *classes)
    return rest * (np.linalg.norm(way) / np.linalg.norm(rest))


def _moved(others: Pool, style: str, way: np.ndarray, strength: float) -> str:
    """How often the class stays, and how far the style moves, in deviations within a class."""
    moved = Pool(others.subject, others.latents + np.float32(strength) * way, others.labels)
    shift = (STYLES[style](moved.images) - STYLES[style](others.images)).mean() / _deviation(others, style)
    return f"{_share(moved.digits == others.wanted)}, {shift:+.2f}"


def _deviation(pool: Pool, style: str) -> float:
    """How much a style differs within a class."""
    values = STYLES[style](pool.images)
    return float(np.sqrt(np.mean([values[pool.wanted == digit].var() for digit in np.unique(pool.wanted)])))


def _difference(latents: np.ndarray, shows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    from dcgan.sampling.latent_directions import difference_of_means

    return difference_of_means(latents, shows)


def _normal(latents: np.ndarray, shows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The normal, so long that both groups' means lie one of it apart."""
    from dcgan.sampling.latent_directions import difference_of_means, linear_direction

    normal = linear_direction(latents, shows)
    return normal * (normal @ difference_of_means(latents, shows))


def _random(latents: np.ndarray, shows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Any direction, as long as the difference of means."""
    way = random.standard_normal(latents.shape[1])
    return (way * (np.linalg.norm(_difference(latents, shows, random)) / np.linalg.norm(way))).astype(np.float32)


FINDERS = {"difference of means": _difference, "linear normal": _normal, "random": _random}
"""What finds a direction between latents that show something and others."""


def dropping(pool: Pool, others: Pool, layer: str | None) -> Iterator[list[str]]:
    """Rows: what is left of a thing, and of other things, without the maps that draw it and without random ones."""
    from dcgan.sampling.feature_ablation import feature_maps, split_generator, weights_by_labels, weights_by_masks

    maps = feature_maps(split_generator(pool.subject.generator, layer)[0], pool.rows)
    digits = np.unique(pool.wanted)
    by_class = [weights_by_labels(maps, pool.wanted == digit) > 0 for digit in digits]
    figures = [
        _left(others, dropped, layer, _still_read, others.wanted == digit)
        for digit, dropped in zip(digits, by_class, strict=True)
    ]
    yield ["a class (mean of all): still read as theirs", *_dropped_cells(figures)]
    marked, judged = lying_and_standing(pool.images), lying_and_standing(others.images)
    for name, one, other in (("lying", 0, 1), ("standing", 1, 0)):
        dropped = weights_by_masks(maps, marked[one], among=marked[other]) > 0
        figures = [_left(others, dropped, layer, _ink, judged[one], judged[other]) for _ in range(3)]
        yield [f"{name} strokes, others {('lying', 'standing')[other]}: ink", *_dropped_cells(figures)]


def _left(others: Pool, dropped: np.ndarray, layer: str | None, measure, *where: np.ndarray) -> list[float]:
    """The part of the maps that is dropped; what is left then, here and there; and without as many random maps."""
    from dcgan.sampling.feature_ablation import ablate_maps

    subject, figures = others.subject, [dropped.mean()]
    for which in (dropped, subject.random.permutation(dropped)):
        images = drawn(ablate_maps(subject.generator, which, layer), others.rows)
        figures += measure(others, images, *where)
    return figures


def _still_read(others: Pool, images: np.ndarray, own: np.ndarray) -> list[float]:
    """The part of a class's pictures, and of the others', that is read as theirs."""
    kept = others.subject.classify(images) == others.wanted
    return [kept[own].mean(), kept[~own].mean()]


def _ink(others: Pool, images: np.ndarray, here: np.ndarray, there: np.ndarray) -> list[float]:
    """The part of the ink that is left in two places."""
    return [images[..., 0][place].sum() / others.images[..., 0][place].sum() for place in (here, there)]


def _dropped_cells(figures: Sequence[Sequence[float]]) -> list[str]:
    """The means, as parts of one."""
    return [f"{part:.0%}" for part in np.mean(figures, axis=0)]


def _share(right: np.ndarray) -> str:
    """A part of one, in percent."""
    return f"{np.mean(right):.1%}"


def report(pool: Pool, others: Pool, trials: int, starts: int, layer: str | None) -> Iterator[str]:
    """The tables, each as soon as it is there."""
    conditional = bool(pool.subject.classes)
    yield "Thick a - thin a + thin b, and the same with slant: is it a b, and high as a is?"
    head = ("", "length / typical", "read as b", "above the middle of b", "both")
    yield table(head, [row for style in STYLES for row in arithmetic(pool, style, trials)])
    if not conditional:
        yield "From a to b: how often a picture of a is read as b when so many directions are added"
        yield table(("", *map(number, STRENGTHS)), turning(pool, others, starts))
    yield "Along a style: how often the class stays, and how far the style moves, in deviations within a class"
    head = ("", *(f"{strength:+.0f}" for strength in BOTH_WAYS))
    yield table(head, [row for style in STYLES for row in styling(pool, others, style)])
    yield f"What is left without the maps of {layer or 'the last hidden layer'} that speak for a thing"
    head = ("", "maps dropped", "of the thing", "of others", "as many random maps: of the thing", "of others")
    yield table(head, dropping(pool, others, layer))


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m benchmarks.latent_space`"""
    made = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    made.add_argument("--run-dir", type=Path, help="the run that is looked into; by default the newest")
    made.add_argument("--data-dir", type=Path, help="where the data set lies, if not where the run had it")
    made.add_argument("--seed", type=int, default=0, help="of every choice")
    made.add_argument("--weights", choices=("ema", "raw", "best"), default="ema", help="as for generate.py")
    made.add_argument("--num", type=int, default=4000, help="pictures to choose from, and others to judge on")
    made.add_argument("--trials", type=int, default=10, help="of arithmetic, for every two classes")
    made.add_argument("--starts", type=int, default=20, help="pictures that are turned, for every two classes")
    made.add_argument("--layer", help="whose maps are dropped; by default the last hidden one")
    options = made.parse_args(arguments)
    began = time.monotonic()
    subject, words = subject_of(options.run_dir, options.weights, options.seed, options.data_dir)
    pool, others = subject.pool(range(options.num)), subject.pool(range(options.num, 2 * options.num))
    print(words)
    for part in report(pool, others, options.trials, options.starts, options.layer):
        print(f"\n{part}", flush=True)
    print(f"\n- seed {options.seed}, {time.monotonic() - began:.0f} s\n{machine.describe()}")


if __name__ == "__main__":
    main()
