"""Small figures as the bytes of a PNG: a training as it stands, lines, bars. Made without pyplot, as `curves` are."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from dcgan.visualization.curves import draw_curves

DPI = 80
"""Of figures that are looked at on a screen, beside text."""

LONG = 60
"""Letters of a legend's names that do not fit into one line."""


def encode_progress(records: Sequence[Mapping[str, float]], grid: np.ndarray | None = None, title: str = "") -> bytes:
    """How a training stands: the newest samples, and beside them the curves so far.

    Args:
        records: as for `save_curves`; there may be none yet.
        grid: uint8 (H, W, C), or None where nothing has been drawn yet.
        title: a line above both.

    Returns:
        A PNG file's bytes.
    """
    figure = _figure(11, 5)
    left, right = figure.subfigures(1, 2, width_ratios=(4, 5))
    if grid is not None:
        _show(left.subplots(), grid)
    if records:
        draw_curves(right, records)
    figure.suptitle(title)
    return _few_colours(_encode(figure))


def encode_lines(
    x: Sequence[float] | np.ndarray,
    lines: Mapping[str, Sequence[float] | np.ndarray],
    labels: tuple[str, str],
    *,
    logarithmic: bool = False,
) -> bytes:
    """Lines over one axis.

    Args:
        x: (N,).
        lines: name → (N,).
        labels: of both axes, x and y.
        logarithmic: whether the y axis is.

    Returns:
        A PNG file's bytes.
    """
    figure = _figure(7, 3.2)
    axes = figure.subplots()
    for name, y in lines.items():
        axes.plot(x, y, label=name, linewidth=1.5)
    return _finished(figure, axes, labels, logarithmic)


def encode_bars(
    names: Sequence[str], groups: Mapping[str, Sequence[float] | np.ndarray], labels: tuple[str, str]
) -> bytes:
    """Bars side by side: one of each group above every name.

    Args:
        names: N of them.
        groups: name → (N,).
        labels: of both axes, x and y.

    Returns:
        A PNG file's bytes.
    """
    figure = _figure(7, 3.2)
    axes = figure.subplots()
    width = 0.8 / len(groups)
    for index, (name, heights) in enumerate(groups.items()):
        axes.bar(np.arange(len(names)) + (index - (len(groups) - 1) / 2) * width, heights, width, label=name)
    axes.set_xticks(range(len(names)), names)
    return _finished(figure, axes, labels, logarithmic=False)


def _figure(width: float, height: float):
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def _show(axes, grid: np.ndarray) -> None:
    """A picture, every pixel a square."""
    axes.imshow(grid.squeeze(-1) if grid.shape[-1] == 1 else grid, cmap="gray", vmin=0, vmax=255, resample=False)
    axes.set_axis_off()


def _finished(figure, axes, labels: tuple[str, str], logarithmic: bool) -> bytes:
    """What lines and bars have in common: names of the axes, a grid, a legend."""
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    if logarithmic:
        axes.set_yscale("log")
    names = axes.get_legend_handles_labels()[1]
    legend = figure.legend(loc="outside upper center", ncols=4 if sum(map(len, names)) < LONG else 2)
    for text in legend.get_texts():
        text.set_parse_math(False)  # a name may be a file's, with signs that would be formulas
    return _encode(figure)


def _few_colours(png: bytes) -> bytes:
    """The same in at most 256 colours: a third of the bytes where samples are shown, which are noise at first."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(buffer, "PNG")
    return buffer.getvalue()


def _encode(figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": "dcgan"})
    return buffer.getvalue()
