"""What a field of a command's options is: its type, its group, and whether it decides the result."""

from dataclasses import field, fields
from typing import Any

from jsonargparse.typing import restricted_number_type


def _number(name: str, kind: type, words: str, *restrictions: tuple[str, float]) -> type:
    """A number that the command line checks; `words` say in a message what may be given."""
    return restricted_number_type(name, kind, list(restrictions), docstring=words)


PositiveInt = _number("Count", int, "a whole number of at least 1", (">=", 1), ("<", 2**31))
NonNegativeInt = _number("Units", int, "a whole number of at least 0", (">=", 0), ("<", 2**31))
Seed = _number("Seed", int, "a whole number of at least 0", (">=", 0), ("<", 2**63))
KernelSize = _number("KernelSize", int, "a whole number of at least 2", (">=", 2))
"""At stride 2 a kernel of side 1 would leave three pixels of four empty."""

WalkSteps = _number("WalkSteps", int, "a whole number from 2 to 1000", (">=", 2), ("<=", 1000))
ImagesPerMap = _number("PerMap", int, "a whole number from 1 to 100", (">=", 1), ("<=", 100))
PositiveFloat = _number("Finite", float, "a number above 0", (">", 0), ("<", float("inf")))
UnitInterval = _number(
    "Part", float, "a number from 0 to 1", (">=", 0), ("<=", 1.0), ("<=", 1)
)  # not jsonargparse's own
Decay = _number("Decay", float, "a number of at least 0 and below 1", (">=", 0), ("<", 1))
"""Adam divides by 1 - beta_1."""

FramesPerSecond = _number("FramesPerSecond", float, "a number from 0.01 to 1000", (">=", 0.01), ("<=", 1000))


def option(default: Any, group: str, *, changes_result: bool = True) -> Any:
    """A field with what the command line and the run directory want to know of it.

    Args:
        default: the field's default.
        group: the heading it stands under in `--help`.
        changes_result: whether two runs that differ in it alone end with different weights.
    """
    return field(default=default, metadata={"group": group, "changes_result": changes_result})


def result_options(config: Any) -> dict[str, Any]:
    """The options that change the result, by name."""
    return {f.name: getattr(config, f.name) for f in fields(config) if f.metadata["changes_result"]}


def differing_options(ours: Any, theirs: Any) -> dict[str, tuple[Any, Any]]:
    """Name the options that change the result and differ: `{name: (ours, theirs)}`."""
    pairs = {name: (value, getattr(theirs, name)) for name, value in result_options(ours).items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
