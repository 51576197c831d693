"""Options and evaluation of a run as they may be published: without the places of files on a disk."""

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from dcgan.config import TrainConfig
from dcgan.core.paths import file_name, repository_address
from dcgan.runs import Run

Config = TypeVar("Config", bound=TrainConfig)


def read_report(run: Run) -> dict[str, Any] | None:
    """Return the parts of `evaluation.json` that a model card repeats; None if there is no readable report.

    Args:
        run: the run.

    Returns:
        `weights`, as `ema weights`; `count` of the generated images; `data`; `features`, empty if no metric uses any;
        and `metrics`, as pairs of a name and its values.
    """
    try:
        report = json.loads(run.evaluation_file.read_text(encoding="utf-8"))
        metrics = [(name, dict(metric)) for name, metric in report["metrics"].items()]
        # The report names the run with its path, which does not belong into a published card.
        weights = re.search(r"\((\w+ weights)\)$", report["images"])
        return {
            "weights": weights[1] if weights else "unknown weights",
            "count": report["counts"]["generated"],
            "data": str(report["data"]),
            "features": file_name(str((report.get("features") or {}).get("name") or "")),
            "metrics": metrics,
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def public_report(run: Run) -> dict[str, Any] | None:
    """Return the report of `evaluation.json` with names for paths; None if there is no readable report.

    Args:
        run: the run.
    """
    read = read_report(run)
    if read is None:
        return None
    report = json.loads(run.evaluation_file.read_text(encoding="utf-8"))
    report["images"] = f"{run.name} ({read['weights']})"
    if isinstance(report.get("features"), dict):
        report["features"]["name"] = read["features"]
    if "reference_statistics" in report:
        report["reference_statistics"] = file_name(str(report["reference_statistics"]))
    return report


def public_config(config: Config) -> Config:
    """Return options of a training without the places of its files: a path becomes the last part of it.

    Args:
        config: options of a run.

    Returns:
        The options; `cache_dir` and `run_dir`, which concern the machine of the training alone, are None.
    """
    values = {field.name: getattr(config, field.name) for field in fields(config)}
    named = {name: _without_folders(value) for name, value in values.items() if isinstance(value, str | Path)}
    return replace(config, **(named | {"cache_dir": None, "run_dir": None}))


def _without_folders(value: str | Path) -> str | Path:
    """Return the last part of a path or a text with slashes; a repository keeps its address."""
    if repository_address(value) or not re.search(r"[\\/]", str(value)):
        return value
    return type(value)(file_name(str(value)))
