"""Command-line options that benchmarks share."""

import argparse
import ast
from pathlib import Path
from typing import Any


def argument_parser(
    description: str | None, rounds: int | None = None, seconds: float | None = None
) -> argparse.ArgumentParser:
    """Return a parser with the options `--rounds` and `--seconds` where they have a default.

    Args:
        description: the module's docstring; the help shows its first line, the question.
        rounds: default of `--rounds`; None to leave the option out.
        seconds: default of `--seconds`; None to leave the option out.
    """
    parser = argparse.ArgumentParser(
        description=(description or "").partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    if rounds is not None:
        parser.add_argument("--rounds", type=int, default=rounds, help="number of measurements of each row")
    if seconds is not None:
        parser.add_argument("--seconds", type=float, default=seconds, help="approximate length of a measurement")
    return parser


def add_dataset_options(parser: argparse.ArgumentParser) -> None:
    """Add `--dataset` and `--data-dir`."""
    parser.add_argument("--dataset", default="mnist10k", help="dataset, as for train.py")
    parser.add_argument("--data-dir", type=Path, help="directory of the dataset, as for train.py")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add `--run-dir`, `--data-dir`, `--weights` and `--seed`."""
    parser.add_argument("--run-dir", type=Path, help="run directory; the newest run if not given")
    parser.add_argument("--data-dir", type=Path, help="directory of the dataset, if it has moved since the training")
    parser.add_argument("--weights", choices=("ema", "raw", "best"), default="ema", help="as for generate.py")
    parser.add_argument("--seed", type=int, default=0, help="seed of every random choice")


def parse_variant(text: str) -> dict[str, Any]:
    """Parse options of `TrainConfig` given as `name=value,name=value`; values that are Python literals become numbers.

    Args:
        text: comma-separated pairs.
    """
    pairs = (pair.split("=", 1) for pair in text.split(","))
    return {name.strip(): _literal_or_text(value.strip()) for name, value in pairs}


def _literal_or_text(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
