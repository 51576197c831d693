"""Options that the commands share."""

import argparse
import ast
from typing import Any


def parser(description: str, rounds: int, seconds: float | None = None) -> argparse.ArgumentParser:
    """A parser with `--rounds` and, where a turn has a length to choose, `--seconds`.

    Args:
        description: the command's docstring; its first line, the question, is shown.
        rounds, seconds: the defaults.
    """
    made = argparse.ArgumentParser(
        description=description.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    made.add_argument("--rounds", type=int, default=rounds, help="how often everybody has a turn")
    if seconds is not None:
        made.add_argument("--seconds", type=float, default=seconds, help="about how long a turn is")
    return made


def variant(text: str) -> dict[str, Any]:
    """Options of `TrainConfig` as `name=value` or `name=value,name=value`; numbers are numbers, the rest is text."""
    return {name.strip(): _value(value.strip()) for name, value in (pair.split("=", 1) for pair in text.split(","))}


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
