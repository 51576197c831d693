"""Plots with matplotlib, without the global state of pyplot: the curves of a training run, lines and bars."""

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from dcgan.core.atomic_io import atomic_write
from dcgan.core.errors import UserError
from dcgan.core.transparency import on_white

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

PANELS = {
    "loss": {"d_loss": "discriminator", "g_loss": "generator"},
    "mean of D": {"d_real": "real images", "d_fake": "generated images"},
}
"""Axis label → {log key: name of the curve}."""

EVALUATION_PANELS = {
    "distance": {"frechet_distance": "Fréchet distance to validation images"},
    "fraction of images": {"precision": "precision: generated near real", "recall": "recall: real near generated"},
}
"""The same for values that only some records have; a panel without any values is omitted."""

MIN_LINE_POINTS = 40
"""Curves with fewer points have a marker at each point: a single one would be invisible otherwise."""

DPI = 80
"""Resolution of plots that are shown on a screen beside text."""

MAX_LEGEND_CHARACTERS = 60
"""Legends with more characters are set in two columns instead of four."""

Record = Mapping[str, Any]
"""One object of `log.jsonl`."""


def save_curves(path: Path, records: Iterable[Record]) -> None:
    """Plot the losses, the mean outputs of the discriminator, and where there are any, the evaluation metrics.

    A missing value leaves a gap in a curve. Metrics that were evaluated now and then are connected across the gaps.

    Args:
        path: file to write; its extension selects the format (`.png`, `.svg`, `.pdf`).
        records: objects of `log.jsonl` with `step`, `d_loss`, `g_loss`, `d_real`, `d_fake`, and optionally
            `frechet_distance`, `precision` and `recall`.

    Raises:
        UserError: there are no records, or the file cannot be written.
    """
    records = list(records)
    if not records:
        raise UserError("The log has no records to plot yet.", "Train for some steps, then try again.")
    figure = _figure(8, 3 * len(_panels(records)), dpi=100)
    plot_curves(figure, records)
    with atomic_write(path) as temporary:
        figure.savefig(temporary)


def plot_curves(figure: "Figure | SubFigure", records: Sequence[Record]) -> None:
    """Plot the curves of `save_curves` into a matplotlib figure or subfigure.

    Args:
        figure: an empty figure.
        records: at least one record, as for `save_curves`.
    """
    panels = _panels(records)
    axes = dict(zip(panels, figure.subplots(len(panels), 1, sharex=True), strict=True))
    for label, curves in panels.items():
        _plot(axes[label], _having(records, curves) if label in EVALUATION_PANELS else records, curves)
        axes[label].set_ylabel(label)
    # The optimal discriminator of a perfect generator outputs 1/2 (Goodfellow et al. 2014, proposition 1).
    axes["mean of D"].axhline(0.5, color="gray", linestyle=":", linewidth=1)
    for label in ("mean of D", "fraction of images"):
        if label in axes:
            axes[label].set_ylim(0, 1)
    if "distance" in axes:
        _scale_distance(axes["distance"], [_number(record.get("frechet_distance")) for record in records])
    axes[list(panels)[-1]].set_xlabel("step")


def encode_progress(records: Sequence[Record], grid: np.ndarray | None = None, title: str = "") -> bytes:
    """Plot the progress of a training run: the latest samples, and beside them the curves so far.

    Args:
        records: as for `save_curves`; may be empty.
        grid: uint8 (H, W, C), or None if there are no samples yet.
        title: text above both.

    Returns:
        The bytes of a PNG file.
    """
    figure = _figure(11, 5)
    left, right = figure.subfigures(1, 2, width_ratios=(4, 5))  # pyright: ignore[reportGeneralTypeIssues]  # an array
    if grid is not None:
        _show(left.subplots(), grid)
    if records:
        plot_curves(right, records)
    figure.suptitle(title, parse_math=False)
    return _quantize(_encode(figure))


def encode_lines(
    x: Sequence[float] | np.ndarray,
    lines: Mapping[str, Sequence[float] | np.ndarray],
    labels: tuple[str, str],
    *,
    logarithmic: bool = False,
) -> bytes:
    """Plot lines over a common axis.

    Args:
        x: positions of shape (N,).
        lines: values of shape (N,) by name.
        labels: labels of the x and the y axis.
        logarithmic: whether the y axis is logarithmic.

    Returns:
        The bytes of a PNG file.
    """
    figure = _figure(7, 3.2)
    axes = figure.subplots()
    for name, y in lines.items():
        axes.plot(x, y, label=name, linewidth=1.5)
    return _finish(figure, axes, labels, logarithmic)


def encode_bars(
    names: Sequence[str], groups: Mapping[str, Sequence[float] | np.ndarray], labels: tuple[str, str]
) -> bytes:
    """Plot grouped bars: for each name, the bars of all groups side by side.

    Args:
        names: N names along the x axis.
        groups: heights of shape (N,) by the name of the group.
        labels: labels of the x and the y axis.

    Returns:
        The bytes of a PNG file.
    """
    figure = _figure(7, 3.2)
    axes = figure.subplots()
    width = 0.8 / len(groups)
    for index, (name, heights) in enumerate(groups.items()):
        axes.bar(np.arange(len(names)) + (index - (len(groups) - 1) / 2) * width, heights, width, label=name)
    axes.set_xticks(range(len(names)), names)
    return _finish(figure, axes, labels, logarithmic=False)


def _figure(width: float, height: float, dpi: int = DPI) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=dpi, layout="constrained")


def _panels(records: Sequence[Record]) -> dict[str, dict[str, str]]:
    """The panels for which there are values."""
    return PANELS | {label: curves for label, curves in EVALUATION_PANELS.items() if _having(records, curves)}


def _having(records: Sequence[Record], keys: Iterable[str]) -> list[Record]:
    """The records that have any of the keys."""
    keys = set(keys)
    return [record for record in records if keys & record.keys()]


def _scale_distance(axes: "Axes", values: Sequence[float]) -> None:
    """Make the axis logarithmic if the distance has fallen by a factor of 10; otherwise linear from 0."""
    positive = [value for value in values if 0 < value < float("inf")]
    if positive and max(positive) > 10 * min(positive):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)


def _plot(axes: "Axes", records: Sequence[Record], curves: Mapping[str, str]) -> None:
    """Plot one line per key over the steps."""
    steps = [record["step"] for record in records]
    style: dict[str, Any] = {"marker": "o", "markersize": 3} if len(records) < MIN_LINE_POINTS else {}
    for key, name in curves.items():
        axes.plot(steps, [_number(record.get(key)) for record in records], label=name, linewidth=1, **style)
    axes.grid(alpha=0.3)
    # Above the panel, where the legend covers no curve.
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(curves), frameon=False, borderaxespad=0.2)


def _number(value: object) -> float:
    """A value of the log; NaN, which leaves a gap, if it is not a number."""
    return float(value) if isinstance(value, int | float) else float("nan")


def _show(axes: "Axes", grid: np.ndarray) -> None:
    """Show an image without interpolation."""
    grid = on_white(grid)
    axes.imshow(grid.squeeze(-1) if grid.shape[-1] == 1 else grid, cmap="gray", vmin=0, vmax=255, resample=False)
    axes.set_axis_off()


def _finish(figure: "Figure", axes: "Axes", labels: tuple[str, str], logarithmic: bool) -> bytes:
    """Add what lines and bars have in common, axis labels, grid lines and legend, and encode the figure."""
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    if logarithmic:
        axes.set_yscale("log")
    names = axes.get_legend_handles_labels()[1]
    columns = 4 if sum(map(len, names)) < MAX_LEGEND_CHARACTERS else 2
    legend = figure.legend(loc="outside upper center", ncols=columns)
    for text in legend.get_texts():
        text.set_parse_math(False)  # a name may be that of a file, with characters that mathtext would parse
    return _encode(figure)


def _quantize(png: bytes) -> bytes:
    """The same image in at most 256 colors: a third of the bytes with samples, which are noise at first."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(buffer, "PNG")
    return buffer.getvalue()


def _encode(figure: "Figure") -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": "dcgan"})
    return buffer.getvalue()
