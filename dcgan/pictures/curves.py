"""How a run went, as curves."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from dcgan.errors import UserError
from dcgan.files import whole_file

PANELS = {
    "loss": {"d_loss": "discriminator", "g_loss": "generator"},
    "mean of D": {"d_real": "real images", "d_fake": "generated images"},
}
"""Axis label → {key in the log: name of the curve}."""

MEASURED = {"distance": {"frechet_distance": "Fréchet distance to held-out images"}}
"""The same of what only some records have; drawn where there is any."""


def save_curves(path: Path, records: Iterable[Mapping[str, float]]) -> None:
    """Draw the losses, below them what the discriminator makes of real and generated images, and below that the
    distance to the data, where it was measured.

    A key that a record lacks leaves a gap in that curve; the distance is joined over gaps.

    Args:
        path: file to write; its ending names the format (`.png`, `.svg`, `.pdf`).
        records: objects of `log.jsonl` with `step`, and `d_loss`, `g_loss`, `d_real`, `d_fake`, and perhaps
            `frechet_distance`.

    Raises:
        UserError: there are no records, or the file can't be written.
    """
    records = list(records)
    if not records:
        raise UserError("There is nothing to draw curves of yet.", "Train a while, then try again.")
    with whole_file(path) as temporary:
        _figure(records).savefig(temporary)


def draw_curves(figure, records: list[Mapping[str, float]]) -> None:
    """Draw the curves of some records, at least one, into a matplotlib figure or a part of one."""
    panels = PANELS | (MEASURED if _measured(records) else {})
    axes = figure.subplots(len(panels), 1, sharex=True)
    for panel, (label, curves) in zip(axes, panels.items(), strict=True):
        _draw(panel, _measured(records) if label in MEASURED else records, curves)
        panel.set_ylabel(label)
    # An undecided discriminator says one half to everything (Goodfellow et al. 2014, proposition 1).
    axes[1].axhline(0.5, color="grey", linestyle=":", linewidth=1)
    axes[1].set_ylim(0, 1)
    for panel in axes[len(PANELS) :]:
        panel.set_yscale("log")
    axes[-1].set_xlabel("step")


def _figure(records: list[Mapping[str, float]]):
    """The figure, made without pyplot: no window, no state that outlives it."""
    from matplotlib.figure import Figure

    panels = len(PANELS) + (len(MEASURED) if _measured(records) else 0)
    figure = Figure(figsize=(8, 3 * panels), dpi=100, layout="constrained")
    draw_curves(figure, records)
    return figure


def _measured(records: list[Mapping[str, float]]) -> list[Mapping[str, float]]:
    """Those records in which something was measured."""
    return [record for record in records if any(key in record for keys in MEASURED.values() for key in keys)]


def _draw(panel, records: list[Mapping[str, float]], curves: Mapping[str, str]) -> None:
    """One line a key over the steps."""
    steps = [record["step"] for record in records]
    for key, name in curves.items():
        panel.plot(steps, [_number(record.get(key)) for record in records], label=name, linewidth=1)
    panel.grid(alpha=0.3)
    panel.legend()


def _number(value: object) -> float:
    """A value of the log, or a gap."""
    return float(value) if isinstance(value, int | float) else float("nan")
