"""What a field of a command's options is: its type, its group, and whether it decides the result."""

from dataclasses import field, fields
from typing import Any

from jsonargparse.typing import restricted_number_type

KernelSize = restricted_number_type("KernelSize", int, (">=", 2))
"""At stride 2 a kernel of side 1 would leave three pixels of four empty."""

Count = restricted_number_type("Count", int, [(">=", 1), ("<", 2**31)])
Finite = restricted_number_type("Finite", float, [(">", 0), ("<", float("inf"))])
Decay = restricted_number_type("Decay", float, [(">=", 0), ("<", 1)])
"""Adam divides by 1 - beta_1."""
WalkSteps = restricted_number_type("WalkSteps", int, [(">=", 2), ("<=", 1000)])
PerMap = restricted_number_type("PerMap", int, [(">=", 1), ("<=", 100)])
FramesPerSecond = restricted_number_type("FramesPerSecond", float, [(">=", 0.01), ("<=", 1000)])


def option(default: Any, group: str, *, changes_result: bool = True) -> Any:
    """A field with what the command line and the run directory want to know of it.

    Args:
        default: the field's default.
        group: the heading it stands under in `--help`.
        changes_result: whether two runs that differ in it alone end with different weights.
    """
    return field(default=default, metadata={"group": group, "changes_result": changes_result})


def decisive(config: Any) -> dict[str, Any]:
    """The options that change the result, by name."""
    return {f.name: getattr(config, f.name) for f in fields(config) if f.metadata["changes_result"]}


def differences(ours: Any, theirs: Any) -> dict[str, tuple[Any, Any]]:
    """Name the options that change the result and differ: `{name: (ours, theirs)}`."""
    pairs = {name: (value, getattr(theirs, name)) for name, value in decisive(ours).items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
