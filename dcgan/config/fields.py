"""Fields of the config dataclasses: value ranges, metadata, and what two configs differ in."""

import re
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from dcgan.core.errors import UserError
from dcgan.core.paths import repository_address, to_path


@dataclass(frozen=True)
class Range:
    """The numbers that an option takes, as metadata of an `Annotated` type; `dcgan.config.parser` enforces it.

    Args:
        description: what the option takes, as error messages put it.
        restrictions: pairs of a comparison operator and a bound; all of them hold.
    """

    description: str
    restrictions: tuple[tuple[str, float], ...]


PositiveInt = Annotated[int, Range("an integer of at least 1", ((">=", 1), ("<", 2**31)))]
NonNegativeInt = Annotated[int, Range("an integer of at least 0", ((">=", 0), ("<", 2**31)))]
Clusters = Annotated[int, Range("an integer from 0 to 1000", ((">=", 0), ("<=", 1000)))]
Seed = Annotated[int, Range("an integer of at least 0", ((">=", 0), ("<", 2**63)))]
KernelSize = Annotated[int, Range("an integer of at least 2", ((">=", 2), ("<", 2**31)))]
"""At stride 2, a kernel of size 1 would leave three of every four pixels empty."""

EvaluationImages = Annotated[int, Range("an integer of at least 4", ((">=", 4), ("<", 2**31)))]
"""Precision and recall compare each image with three others."""

LatentWalk = Annotated[int, Range("an integer from 1 to 10000", ((">=", 1), ("<=", 10_000)))]
WalkSteps = Annotated[int, Range("an integer from 2 to 1000", ((">=", 2), ("<=", 1000)))]
Restarts = Annotated[int, Range("an integer from 1 to 1000", ((">=", 1), ("<=", 1000)))]
ImagesInMemory = Annotated[int, Range("an integer from 1 to 100000", ((">=", 1), ("<=", 100_000)))]
ImagesPerMap = Annotated[int, Range("an integer from 1 to 100", ((">=", 1), ("<=", 100)))]
PositiveFloat = Annotated[float, Range("a number above 0", ((">", 0), ("<", float("inf"))))]
NonNegativeFloat = Annotated[float, Range("a number of at least 0", ((">=", 0), ("<", float("inf"))))]
UnitInterval = Annotated[float, Range("a number from 0 to 1", ((">=", 0), ("<=", 1)))]
Decay = Annotated[float, Range("a number of at least 0 and below 1", ((">=", 0), ("<", 1)))]
"""Adam divides by 1 - beta_1."""

Port = Annotated[int, Range("an integer from 1 to 65535", ((">=", 1), ("<=", 65535)))]
FramesPerSecond = Annotated[float, Range("a number from 0.01 to 1000", ((">=", 0.01), ("<=", 1000)))]

Weights = Literal["ema", "raw", "best"]
"""The generators of a run: EMA weights, the weights without averaging, the EMA weights of the best evaluation."""

InitScale = Literal["fresh", "keep"]
"""The scale of kernels that come from another run: that of new ones, or their own."""


_DEVICE = re.compile(r"auto|cpu|gpu(:\d{1,3})?")


@dataclass(frozen=True)
class Options:
    """Base of the config dataclasses: a path may be text, its first part `~`, and no text has line breaks."""

    def __post_init__(self):
        """Convert text to the paths that the fields are annotated with, and check the device."""
        device = getattr(self, "device", "auto")
        if not _DEVICE.fullmatch(str(device)):
            raise UserError(f"--device takes auto, cpu, gpu, or gpu:1 for one of several GPUs, not {device!r}.")
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, str | Path) and Path in get_args(f.type):
                object.__setattr__(self, f.name, to_path(value))
                if (address := repository_address(value)) and not f.metadata["repository"]:
                    raise UserError(f"--{option_name(f).replace('_', '-')} takes a path, not a repository: {address}.")
            if isinstance(value, str | Path) and re.search(r"[\r\n]", str(value)):  # it would be shown in two lines
                raise UserError(f"--{option_name(f).replace('_', '-')} has a line break: {str(value)!r}.")


def option(
    default: Any,
    group: str,
    *,
    changes_result: bool = True,
    name: str | None = None,
    help: str | None = None,
    repository: bool = False,
) -> Any:
    """Return a dataclass field with the metadata that the command line and the run directory need.

    Args:
        default: default of the field.
        group: heading of the option in `--help`.
        changes_result: whether two runs that differ in this option alone end with different weights.
        name: name of the option where it is not the field's, for example `"class"`, which is a keyword of Python.
        help: help text; by default the field's entry under `Args` in the docstring of its class.
        repository: whether a path may be the address of a repository of Hugging Face, `hf://user/name`.
    """
    metadata = {"group": group, "changes_result": changes_result, "name": name, "help": help, "repository": repository}
    return field(default=default, metadata=metadata)


PRETRAINED_NAMES = ("mnist", "fashion_mnist", "emoji")
"""The pretrained runs that come with the program; `dcgan.runs.finding` finds them."""


def run_dir_option(group: str) -> Any:
    """Return the field `run_dir` of a command that reads a run, with its help text."""
    text = (
        f"folder of the run, the name of a pretrained one ({', '.join(PRETRAINED_NAMES)}), or a repository of Hugging "
        "Face as `hf://user/name`; by default the newest one under `checkpoints/`, or else the pretrained digits."
    )
    return option(None, group, help=text, repository=True)


def weights_option(group: str) -> Any:
    """Return the field `weights: Weights` of a command that uses a generator, with its help text."""
    text = (
        "generator weights to use: `ema` for the exponential moving average, `raw` for the weights without averaging, "
        "`best` for the EMA weights of the best evaluation (`dcgan train --evaluate-every`)."
    )
    return option("ema", group, help=text)


def device_option(group: str = "Computation", default: str = "auto") -> Any:
    """Return the field `device: str` of a command that computes with TensorFlow, with its help text."""
    text = (
        "device to compute on: `cpu`; `gpu` for all GPUs, of which there has to be one; `gpu:1` for one of several, "
        "counted from 0; `auto` for the GPUs if there are any, otherwise the CPU."
    )
    return option(default, group, changes_result=False, help=text)


def option_name(field: Field) -> str:
    """Return an option's name in YAML and in the parser; on the command line, its underscores are hyphens."""
    return field.metadata["name"] or field.name


def result_options(config: Options) -> dict[str, Any]:
    """Return the options of a config that change the result, as `{name: value}`."""
    return {f.name: getattr(config, f.name) for f in fields(config) if f.metadata["changes_result"]}


def differing_options(ours: Options, theirs: Options) -> dict[str, tuple[Any, Any]]:
    """Return the options that change the result and differ, as `{name: (ours, theirs)}`.

    Args:
        ours: a config.
        theirs: a config of the same class. Two training configs are resolved first, so that a default and the same
            value given explicitly are equal.
    """
    pairs = {name: (value, getattr(theirs, name)) for name, value in result_options(ours).items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
