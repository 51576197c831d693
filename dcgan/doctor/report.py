"""The doctor's report: text for a person, JSON for a program, and a contact sheet."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dcgan.core.atomic_io import atomic_write
from dcgan.core.sizes import format_shape
from dcgan.core.wording import counted
from dcgan.data.image_dataset import evenly_spaced
from dcgan.doctor.findings import Finding, by_severity
from dcgan.doctor.sample import Sample
from dcgan.training.preflight import format_bytes
from dcgan.visualization import save_png, tile

SHEET_IMAGES, SHEET_ROWS = 64, 8


@dataclass(frozen=True)
class Report:
    """All that was found.

    Args:
        data: facts about the images; empty if they can't be read.
        machine: facts about the machine.
        plan: facts about the training; empty if it can't begin.
        findings: problems, the most severe first.
    """

    data: dict[str, Any]
    machine: dict[str, Any]
    plan: dict[str, Any]
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> list[Finding]:
        """The findings that prevent training."""
        return [finding for finding in self.findings if finding.level == "error"]

    def to_json(self) -> str:
        """Return everything as JSON."""
        content = {
            "findings": [asdict(finding) for finding in self.findings],
            "data": self.data,
            "machine": self.machine,
            "plan": self.plan,
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    def lines(self) -> Iterator[str]:
        """Yield the lines of the text: facts, then findings."""
        if self.data:
            yield from _data_lines(self.data)
        yield from _machine_lines(self.machine)
        if self.plan:
            yield from _plan_lines(self.plan)
        yield ""
        for finding in by_severity(self.findings):
            yield f"{finding.level}: {finding.text}"
        if not self.findings:
            yield "No problems found."


def _data_lines(facts: dict[str, Any]) -> Iterator[str]:
    yield f"Data      {facts['description']}"
    shape = format_shape((facts["height"], facts["width"], facts["channels"]))
    seen = "all" if facts["complete"] else f"{facts['looked_at']} of {facts['images']}, chosen at random,"
    yield f"          {seen} looked at, as {shape}; {facts['gray_images']} are gray"
    if "widths" in facts:
        sizes = " to ".join(f"{facts['widths'][at]:.0f}x{facts['heights'][at]:.0f}" for at in (0, 4))
        median = f"{facts['widths'][2]:.0f}x{facts['heights'][2]:.0f}"
        formats = ", ".join(f"{name} {count}" for name, count in facts["formats"].items())
        yield f"          files: {formats}; {sizes} pixels, median {median}"
        yield f"          cropping removes {facts['cut_away'][2]:.0%} of the median image"
    yield (
        f"          {facts['equal_images']} repeat another image, {facts['near_duplicates']} nearly; "
        f"{len(facts['broken'])} of {facts['tried'] or facts['images']} are broken"
    )


def _machine_lines(facts: dict[str, Any]) -> Iterator[str]:
    yield f"Machine   {facts.get('devices') or 'no usable device'}"
    features = f" ({', '.join(facts['features'])})" if facts["features"] else ""
    memory = "" if facts["memory"] is None else f", {format_bytes(facts['memory'])} of memory"
    free = "" if facts["free_memory"] is None else f", {format_bytes(facts['free_memory'])} free"
    yield f"          {facts['processor']}{features}, {counted(facts['cores'], 'core')}{memory}{free}"
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    yield f"          {facts['system']}, Python {facts['python']}, {packages}"
    for name, title in (("run_dir", "run"), ("cache_dir", "cache")):
        folder = facts[name]
        free = "unknown space" if folder["free"] is None else f"{format_bytes(folder['free'])} free"
        locks = {True: "files can be locked", False: "no file locks", None: "locks unknown"}[folder["locks"]]
        yield f"          {title}: {folder['path']}, {free}, {locks}"


def _plan_lines(facts: dict[str, Any]) -> Iterator[str]:
    steps = facts["events"]["steps"]
    after = f", resumed after step {facts['resumes_after']}" if facts["resumes_after"] else ""
    images = counted(facts["batch_size"], "image")
    yield f"Plan      {counted(steps, 'step')} of {images}, {facts['epochs']:g} epochs{after}"
    if "costs" not in facts:
        yield f"          memory: more than {format_bytes(facts['least_memory'])}"
        return
    costs = facts["costs"]
    yield (
        f"          {costs['step'] * 1000:.3g} ms per step ({facts['images_per_second']:.0f} images/s, "
        f"{counted(costs['steps_measured'], 'step')} timed, ± {costs['step_error'] / costs['step']:.0%})"
    )
    largest = sorted(facts["seconds"].items(), key=lambda item: -item[1])
    parts = ", ".join(f"{name} {_duration(value)}" for name, value in largest if value >= 0.5)
    if facts["steps_reached"] < steps:
        reached = counted(facts["steps_reached"], "step")
        yield f"          time: {_duration(facts['total_seconds'])}, as --minutes says: about {reached}"
        yield f"          time of all steps: {_duration(sum(facts['seconds'].values()))} ({parts})"
    else:
        yield f"          time: {_duration(facts['total_seconds'])} ({parts})"
    if facts["memory"] is not None:
        gpu = "" if facts["gpu_memory"] is None else f", and {format_bytes(facts['gpu_memory'])} on the GPU"
        yield f"          memory: {format_bytes(facts['memory'])}{gpu}"
    cache = f", and {format_bytes(facts['cache_bytes'])} for the prepared images" if facts["cache_bytes"] else ""
    yield f"          disk: {format_bytes(facts['run_bytes'])} for the run{cache}"


def _duration(seconds: float) -> str:
    """Return a time as text, for example `3 min`."""
    if seconds < 100:
        return f"{seconds:.2g} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def write_json(path: Path, report: Report) -> None:
    """Write a report as JSON.

    Args:
        path: the file, which is replaced.
        report: the report.

    Raises:
        UserError: it can't be written.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(report.to_json(), encoding="utf-8")


def write_contact_sheet(path: Path, sample: Sample) -> None:
    """Write a grid of up to 64 images as the networks will see them; a row per class where there are classes.

    Args:
        path: the PNG file, which is replaced.
        sample: the images.

    Raises:
        UserError: it can't be written.
    """
    count = len(sample.images)
    indices = evenly_spaced(count, min(SHEET_IMAGES, count))
    columns = None
    if sample.labels is not None and count:
        rows = [np.flatnonzero(sample.labels == label) for label in np.unique(sample.labels)[:SHEET_IMAGES]]
        columns = max(1, SHEET_IMAGES // len(rows))
        indices = np.concatenate([row[evenly_spaced(len(row), columns)] for row in rows])
    images = sample.images[indices]
    if images.shape[-1] == 4:  # premultiplied: on white
        images = images[..., :3] + (255 - images[..., 3:])
    save_png(path, tile(images, columns), {"Software": "dcgan", "Images": str(count)})
