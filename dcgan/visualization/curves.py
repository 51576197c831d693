"""How a run went, as curves."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from dcgan.core.atomic_io import atomic_write
from dcgan.core.errors import UserError

PANELS = {
    "loss": {"d_loss": "discriminator", "g_loss": "generator"},
    "mean of D": {"d_real": "real images", "d_fake": "generated images"},
}
"""Axis label → {key in the log: name of the curve}."""

MEASURED = {
    "distance": {"frechet_distance": "Fréchet distance to held-out images"},
    "part of the pictures": {"precision": "precision: drawn near real", "recall": "recall: real near drawn"},
}
"""The same of what only some records have; drawn where there is any."""

FEW = 40
"""So many points and more are a line; of fewer each is marked, for a single one would not be seen."""


def save_curves(path: Path, records: Iterable[Mapping[str, float]]) -> None:
    """Draw the losses, below them what the discriminator makes of real and generated images, and below that the
    distance to the data, precision and recall, where they were measured.

    A key that a record lacks leaves a gap in that curve; what was measured now and then is joined over gaps.

    Args:
        path: file to write; its ending names the format (`.png`, `.svg`, `.pdf`).
        records: objects of `log.jsonl` with `step`, and `d_loss`, `g_loss`, `d_real`, `d_fake`, and perhaps
            `frechet_distance`, `precision` and `recall`.

    Raises:
        UserError: there are no records, or the file can't be written.
    """
    records = list(records)
    if not records:
        raise UserError("There is nothing to draw curves of yet.", "Train a while, then try again.")
    with atomic_write(path) as temporary:
        _figure(records).savefig(temporary)


def draw_curves(figure, records: list[Mapping[str, float]]) -> None:
    """Draw the curves of some records, at least one, into a matplotlib figure or a part of one."""
    panels = _panels(records)
    axes = dict(zip(panels, figure.subplots(len(panels), 1, sharex=True), strict=True))
    for label, curves in panels.items():
        _draw(axes[label], _having(records, curves) if label in MEASURED else records, curves)
        axes[label].set_ylabel(label)
    # An undecided discriminator says one half to everything (Goodfellow et al. 2014, proposition 1).
    axes["mean of D"].axhline(0.5, color="grey", linestyle=":", linewidth=1)
    for label in ("mean of D", "part of the pictures"):
        if label in axes:
            axes[label].set_ylim(0, 1)
    if "distance" in axes:
        _scale(axes["distance"], [_number(record.get("frechet_distance")) for record in records])
    axes[list(panels)[-1]].set_xlabel("step")


def _figure(records: list[Mapping[str, float]]):
    """The figure, made without pyplot: no window, no state that outlives it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3 * len(_panels(records))), dpi=100, layout="constrained")
    draw_curves(figure, records)
    return figure


def _panels(records: list[Mapping[str, float]]) -> dict[str, dict[str, str]]:
    """What there is to draw."""
    return PANELS | {label: curves for label, curves in MEASURED.items() if _having(records, curves)}


def _having(records: list[Mapping[str, float]], keys: Iterable[str]) -> list[Mapping[str, float]]:
    """Those records that have any of some keys."""
    keys = set(keys)
    return [record for record in records if keys & record.keys()]


def _scale(panel, values: list[float]) -> None:
    """By tenfolds where a distance has fallen that far; else evenly, down to zero, which is what it should come to."""
    found = [value for value in values if 0 < value < float("inf")]
    if found and max(found) > 10 * min(found):
        panel.set_yscale("log")
    else:
        panel.set_ylim(bottom=0)


def _draw(panel, records: list[Mapping[str, float]], curves: Mapping[str, str]) -> None:
    """One line a key over the steps."""
    steps = [record["step"] for record in records]
    style = {"marker": "o", "markersize": 3} if len(records) < FEW else {}
    for key, name in curves.items():
        panel.plot(steps, [_number(record.get(key)) for record in records], label=name, linewidth=1, **style)
    panel.grid(alpha=0.3)
    # Above the panel, where it covers no curve.
    panel.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(curves), frameon=False, borderaxespad=0.2)


def _number(value: object) -> float:
    """A value of the log, or a gap."""
    return float(value) if isinstance(value, int | float) else float("nan")
