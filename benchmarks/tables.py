"""Summaries of measurements, and the Markdown tables that show them."""

import statistics
from collections.abc import Iterable, Sequence


def median(values: Iterable[float | None]) -> float | None:
    """Return the median of the values that are not None; None if there are none."""
    measured = [value for value in values if value is not None]
    return statistics.median(measured) if measured else None


def ratio(numerators: Sequence[float | None], denominators: Sequence[float | None]) -> float | None:
    """Return the median over the rounds of the ratio within each round; None if no round has both values."""
    return median(a / b for a, b in zip(numerators, denominators, strict=True) if a is not None and b)


def median_and_range(values: Sequence[float | None], scale: float = 1.0) -> str:
    """Return `median (least–most)` with three digits each; a dash if nothing was measured.

    Args:
        values: one value per round.
        scale: factor of every value.
    """
    measured = [value * scale for value in values if value is not None]
    if not measured:
        return "–"
    return (
        f"{format_number(statistics.median(measured))} ({format_number(min(measured))}–{format_number(max(measured))})"
    )


def mean_and_deviation(values: Sequence[float]) -> str:
    """Return `mean ± standard deviation`; of one value the mean alone."""
    deviation = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3g}{deviation}"


def format_number(value: float | None) -> str:
    """Return a value with three significant digits in plain notation; a dash for None."""
    if value is None:
        return "–"
    whole_digits = len(str(int(abs(value))))
    return f"{value:,.{max(0, 3 - whole_digits)}f}"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose columns are aligned in plain text too.

    Args:
        head: column names.
        rows: one string per column.
    """
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    padded.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)
