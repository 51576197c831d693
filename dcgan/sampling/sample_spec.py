"""What to generate: the options of `generate`, checked and resolved into one value before TensorFlow is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from dcgan import runs
from dcgan.config import GenerateConfig
from dcgan.config.generate import OutputFormat, check_combinations, output_format
from dcgan.core.atomic_io import parse_paths
from dcgan.core.errors import errors_about
from dcgan.runs import Run
from dcgan.sampling.latent_arithmetic import Expression, parse_arithmetic
from dcgan.sampling.seeds import parse_seeds
from dcgan.sampling.selection import EACH_CLASS, Selection, default_selection, select

Mode = Literal[
    "grid",
    "walk grid",
    "direction",
    "stages",
    "arithmetic figure",
    "arithmetic array",
    "array",
    "archive",
    "folder",
    "walk animation",
    "training animation",
]
"""What is generated, and in which form it is written."""

ANIMATION_STEPS = 12
"""Images per pair of seeds in an animated walk by default: one second at the default frame rate."""

DIRECTION_STEPS = 9
"""Images along a direction by default; the middle one belongs to the seed itself."""


@dataclass(frozen=True)
class SampleSpec:
    """Everything that decides what `generate` does.

    Args:
        run: the run whose generator is used.
        mode: what is generated, and in which form it is written.
        selection: the images; in the arithmetic modes only its labels count, in a training animation nothing.
        out: file or folder to write.
        numbered: whether a number is added to the name of `out` if it is taken.
        overwrite: whether `out` is replaced if it exists.
        weights: weights of the generator, as for `Run.load_generator`.
        device: device that computes the images, as for `dcgan.core.devices.select_device`.
        images_per_pair: number of images per pair of seeds in a walk, or per seed along a direction; 0 in other modes.
        columns: number of columns of a grid; None for a grid that is as square as possible.
        expression: the arithmetic, or the direction; no terms in other modes.
        noise: amplitude of the noise around the result of the arithmetic; None for the result alone.
        compared: other runs with their selections, whose stages follow those of each seed.
        fps: frames per second of an animation.
        notes: text chunks of the PNG files that are written.
    """

    run: Run
    mode: Mode
    selection: Selection
    out: Path
    numbered: bool
    overwrite: bool
    weights: str
    device: str
    images_per_pair: int
    columns: int | None
    expression: Expression
    noise: float | None
    compared: tuple[tuple[Run, Selection], ...]
    fps: float
    notes: Mapping[str, str]


def resolve_spec(config: GenerateConfig) -> SampleSpec:
    """Check the options of `generate` and resolve them.

    Args:
        config: the options as given.

    Returns:
        What to generate.

    Raises:
        UserError: options contradict each other, a value cannot be parsed, or there is no such run or class.
    """
    mode = _mode(config)
    check_combinations(config)
    expression = _expression(config)
    run = runs.find_run(config.run_dir)
    selection = _selection(config, mode, run)
    others = [runs.find_run(path) for path in parse_paths(config.compare_runs)]
    images_per_pair = _images_per_pair(config, mode)
    if mode in ("walk grid", "walk animation"):
        selection.walk(1, images_per_pair, loop=mode == "walk animation")  # refuses what can't be walked
    return SampleSpec(
        run=run,
        mode=mode,
        selection=selection,
        out=_default_out(config, mode, run, selection) if config.out is None else config.out,
        numbered=config.out is None and not config.overwrite,
        overwrite=config.overwrite,
        weights=config.weights,
        device=config.device,
        images_per_pair=images_per_pair,
        columns=images_per_pair or config.columns or selection.columns,
        expression=expression,
        noise=config.noise,
        compared=tuple((other, select(selection.seeds, config.class_label, other.classes())) for other in others),
        fps=config.fps,
        notes=_notes(config, mode, run, selection),
    )


def _mode(config: GenerateConfig) -> Mode:
    """The mode that the options select; they may still contradict each other."""
    output: OutputFormat = "grid" if config.out is None else output_format(config.out)
    if config.animate:
        return "training animation"
    if config.stages:
        return "stages"
    if config.arithmetic is not None:
        return "arithmetic array" if output == "array" else "arithmetic figure"
    if config.along is not None:
        return "direction"
    if output == "animation":
        return "walk animation"
    return "walk grid" if config.walk else output


def _expression(config: GenerateConfig) -> Expression:
    """The arithmetic or the direction."""
    option, text = ("--along", config.along) if config.arithmetic is None else ("--arithmetic", config.arithmetic)
    with errors_about(option):
        return Expression(()) if text is None else parse_arithmetic(text)


def _selection(config: GenerateConfig, mode: Mode, run: Run) -> Selection:
    """Return the seeds and classes to generate.

    By default seeds 0 to 7 in modes that show a row per seed or pair, otherwise the default grid.
    """
    if mode == "training animation":
        return Selection(())
    classes, label = run.classes(), config.class_label
    if config.arithmetic is not None:
        seeds = parse_arithmetic(config.arithmetic).seeds
        return replace(default_selection(classes), seeds=seeds) if label is None else select(seeds, label, classes)
    if config.num is not None:
        return select(parse_seeds(f"0-{config.num - 1}"), label, classes)
    if config.seeds is not None:
        with errors_about("--seeds"):
            seeds = parse_seeds(config.seeds)
        return select(seeds, label, classes)
    if mode in ("walk grid", "walk animation", "direction", "stages"):
        return select(parse_seeds("0-7"), label, classes)
    if label is None:
        return default_selection(classes)
    return select(parse_seeds("0-7" if label == EACH_CLASS else "0-63"), label, classes)


def _images_per_pair(config: GenerateConfig, mode: Mode) -> int:
    """The number of images per pair of seeds, or per seed along a direction."""
    defaults = {"walk animation": ANIMATION_STEPS, "direction": DIRECTION_STEPS}
    return config.walk or defaults.get(mode, 0)


def _default_out(config: GenerateConfig, mode: Mode, run: Run, selection: Selection) -> Path:
    """A file in the run directory, named after its content; a long list of seeds is replaced by its length."""
    if mode == "training animation":
        return run.output_dir / "history.gif"
    seeds = str(selection.seeds)
    if config.arithmetic is not None:
        what, seeds = "arithmetic", "".join(config.arithmetic.split())
    elif config.along is not None:
        what = f"along-{''.join(config.along.split())}"
    elif config.stages:
        others = parse_paths(config.compare_runs)
        what = f"stages-of-{1 + len(others)}-runs" if others else "stages"
    else:
        what = "walk" if config.walk else "seeds"
    seeds = seeds if len(seeds) <= 40 else f"{len(selection.seeds)}-chosen"
    labels = selection.labels
    label = "" if labels is None else "-each-class" if selection.per_class else f"-class-{labels[0]}"
    weights = "" if config.weights == "ema" else f"-{config.weights}"
    return run.output_dir / "generated" / f"{what}-{seeds}{label}{weights}.png"


def _notes(config: GenerateConfig, mode: Mode, run: Run, selection: Selection) -> dict[str, str]:
    """The text chunks of a PNG file, which say what it shows; each file of a folder has its own seed instead."""
    notes = {
        "Software": "dcgan",
        "Run": run.name,
        "Seeds": "" if mode == "folder" else str(selection.seeds),
        "Weights": config.weights,
        "Class": config.class_label,
        "Arithmetic": config.arithmetic,
        "Direction": config.along,
        "Compared runs": ", ".join(path.resolve().name for path in parse_paths(config.compare_runs)),
    }
    return {name: text for name, text in notes.items() if text}
