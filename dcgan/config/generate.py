"""The options of `generate`, and which of them can be combined."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from dcgan.config.fields import (
    FramesPerSecond,
    LatentWalk,
    Options,
    PositiveFloat,
    PositiveInt,
    Weights,
    device_option,
    option,
    option_name,
    run_dir_option,
    weights_option,
)
from dcgan.config.messages import flag
from dcgan.core.errors import UserError

OutputFormat = Literal["grid", "array", "archive", "animation", "folder"]
"""What a path can hold."""

FORMATS: dict[str, OutputFormat] = {
    ".png": "grid",
    ".npy": "array",
    ".npz": "archive",
    ".gif": "animation",
    ".mp4": "animation",
    "": "folder",
}
"""Format of the output by the extension of its name."""


@dataclass(frozen=True)
class GenerateConfig(Options):
    """Generate images from a trained generator; image n belongs to seed n.

    By default, generate a grid of 64 images, or for a conditional run one row per class. A seed is a number that
    determines a latent vector and hence an image, always the same one.

    Args:
        seeds: seeds of the images, as `0-63` or `3,5,9-12`; by default 0-63, and 0-7 for a walk.
        num: number of images N, for the seeds 0 to N-1.
        class_label: class of the images of a conditional run, by name or number, or `each` for one row per class;
            `name:each` or `name:7` for a class that is called so, `number:7` for its number; by default each seed's own
            label, with the class frequencies of the training data, and without `--seeds` and `--num` one row per class.
        walk: number of images from each seed to the next on a walk through the latent space, along great circles: one
            row per pair of seeds in a grid, one loop in an animation (by default with 12 images per pair).
        along: walk along a direction instead of from seed to seed, as '0-3 - 4-7': one row per seed, from its latent
            minus the result of this arithmetic to its latent plus the result (figure 8), in `--walk` images, by default
            9.
        arithmetic: add and subtract the mean latents of some seeds, as '0,1,2 - 3,4,5 + 6,7,8', with spaces around +
            and -, but none in a range such as 3-5. A `.png` shows terms and result (DCGAN paper, figure 7), a `.npy`
            contains the result; for a conditional run in the class of `--class`, or in each class.
        noise: also show eight copies of the result of `--arithmetic` with uniform noise from -NOISE to NOISE added, in
            a 3x3 grid around it; 0.25 in the paper.
        stages: show how the generator builds each image: one row per seed, by default 0-7, and one column per stage,
            which shows the principal components of its feature maps.
        compare_runs: folders of other runs for `--stages`, separated by commas: their rows follow the row of each
            seed, for example to compare values of `--upsampling`.
        animate: turn the sample grids saved during training into an animation instead of generating images.
        out: file or folder to write; the extension selects the format: `.png` for one grid, `.npy` or `.npz` for the
            images as uint8 (N, H, W, C), `.gif` or `.mp4` for an animated walk, no extension for a folder of single PNG
            files; by default a grid in the run directory.
        columns: number of columns of the grid; by default the grid is as square as possible.
        fps: frames per second of an animation.
        overwrite: replace `--out` if it exists.
    """

    run_dir: Path | None = run_dir_option("Images")
    weights: Weights = weights_option("Images")
    seeds: str | None = option(None, "Images")
    num: PositiveInt | None = option(None, "Images")
    class_label: str | None = option(None, "Images", name="class")
    walk: LatentWalk | None = option(None, "Latent space")
    along: str | None = option(None, "Latent space")
    arithmetic: str | None = option(None, "Latent space")
    noise: PositiveFloat | None = option(None, "Latent space")
    stages: bool = option(False, "Inspection")
    compare_runs: str | None = option(None, "Inspection")
    animate: bool = option(False, "Inspection")
    out: Path | None = option(None, "Output")
    columns: PositiveInt | None = option(None, "Output")
    fps: FramesPerSecond = option(12.0, "Output")
    overwrite: bool = option(False, "Output")
    device: str = device_option()


@dataclass(frozen=True)
class _Rule:
    """What an option can be combined with.

    Args:
        reason: what the option does, as the reason why it excludes the others.
        excludes: fields of the options that it cannot be combined with.
        formats: formats of the output that it can be written in.
    """

    reason: str
    excludes: tuple[str, ...] = ()
    formats: tuple[OutputFormat, ...] = get_args(OutputFormat)


_RULES = {
    "seeds": _Rule("it selects the images", ("num",)),
    "animate": _Rule(
        "it shows the samples saved during training",
        ("seeds", "num", "class_label", "walk", "columns", "arithmetic", "along", "stages"),
        ("animation",),
    ),
    "arithmetic": _Rule(
        "it names its own seeds", ("seeds", "num", "walk", "columns", "along", "stages"), ("grid", "array")
    ),
    "along": _Rule("it shows one row per seed", ("columns", "stages"), ("grid",)),
    "stages": _Rule("it shows one row per seed", ("walk", "columns"), ("grid",)),
    "walk": _Rule("it sets the number of columns", ("columns",), ("grid", "animation")),
    "columns": _Rule("it is for a grid of seeds", (), ("grid",)),
}
"""Rule of each option, by its field."""

_REQUIRED = {"noise": "arithmetic", "compare_runs": "stages"}
"""Options without effect unless another one is given."""


def check_combinations(config: GenerateConfig) -> None:
    """Reject options that contradict each other, rather than ignore one of them.

    Args:
        config: the options as given.

    Raises:
        UserError: two options exclude each other, one has no effect without another one, or the output has no format
            that can hold what they ask for.
    """
    for name, rule in _RULES.items():
        if not _is_given(config, name):
            continue
        excluded = " and ".join(_flag(other) for other in rule.excludes if _is_given(config, other))
        if excluded:
            raise UserError(f"{_flag(name)} cannot be combined with {excluded}: {rule.reason}.", "Leave one out.")
        if config.out is not None and output_format(config.out) not in rule.formats:
            names = " or ".join(f"NAME{extension}" for extension, form in FORMATS.items() if form in rule.formats)
            raise UserError(f"{_flag(name)} cannot be written to {config.out}.", f"Use --out {names}.")
    for name, required in _REQUIRED.items():
        if _is_given(config, name) and not _is_given(config, required):
            raise UserError(f"{_flag(name)} has no effect without {_flag(required)}.", "Add it, or leave both out.")
    if config.along is not None and config.walk == 1:
        raise UserError("--walk 1 cannot show both ends of a direction.", "Use --walk 2 or more.")


def output_format(out: Path) -> OutputFormat:
    """Return the format that the extension of a path selects.

    Args:
        out: value of `--out`.

    Returns:
        One of the values of `FORMATS`.

    Raises:
        UserError: the path is empty or has an unknown extension. A folder of such a name is hardly what was meant.
    """
    if not out.name:
        raise UserError("--out is empty.", "Name a file or a folder.")
    try:
        return FORMATS[out.suffix.lower()]
    except KeyError:
        hint = "Use .png, .npy, .npz, .gif or .mp4, or the name of a folder without a dot."
        raise UserError(f"--out {out} has the unknown extension {out.suffix}.", hint) from None


def _is_given(config: GenerateConfig, name: str) -> bool:
    return getattr(config, name) not in (None, False)


def _flag(name: str) -> str:
    """The command-line option of a field."""
    return {f.name: flag(option_name(f)) for f in fields(GenerateConfig)}[name]
