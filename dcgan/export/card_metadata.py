"""The metadata at the head of a model card, as Hugging Face reads it: https://huggingface.co/docs/hub/model-cards."""

import math
import re
from typing import Any

import yaml

from dcgan.config import DATASETS, TrainConfig
from dcgan.config.fields import Weights
from dcgan.export.public_files import read_report
from dcgan.runs import Run

TASK = "unconditional-image-generation"
"""The hub's name for what a generator does; it has none for generation by class."""

HUB_DATASETS = {
    "mnist10k": "ylecun/mnist",
    "mnist": "ylecun/mnist",
    "stacked_mnist": "ylecun/mnist",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10",
}
"""Repositories of the data sets that the hub has; of CelebA, it has copies by several people only."""

_LICENSE = ("license", "license_name", "license_link")


def card_metadata(run: Run, weights: Weights, trained: TrainConfig | None, library: str, name: str) -> dict[str, Any]:
    """Return the metadata of a model card.

    Args:
        run: the run that was exported.
        weights: the weights that were exported.
        trained: the run's options; None if they are unknown.
        library: the hub's name of the library that loads the export; empty if there is none.
        name: name of the model.

    Returns:
        Values that YAML can represent. The license is that of the run's own card: which one the weights have is for the
        person who trained them to say.
    """
    dataset = HUB_DATASETS.get(trained.dataset) if trained else None
    results = _results(run, weights, trained)
    return {
        **({"library_name": library} if library else {}),
        **read_license(run),
        "pipeline_tag": TASK,
        "tags": ["gan", "dcgan", "image-generation", *(["class-conditional"] if run.classes() else [])],
        **({"datasets": [dataset]} if dataset else {}),
        **({"model-index": [{"name": name, "results": [results]}]} if results else {}),
    }


def front_matter(metadata: dict[str, Any]) -> str:
    """Return metadata as the block of YAML that a card begins with.

    Args:
        metadata: values that YAML can represent.
    """
    return f"---\n{yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=1000)}---"


def read_license(run: Run) -> dict[str, str]:
    """Return the license in the metadata of a run's own card; empty if it has none.

    Args:
        run: a run, for example one that was downloaded.
    """
    try:
        text = run.model_card_file.read_text(encoding="utf-8")
        block = re.match(r"---\n(.*?)^---\s*$", text, re.MULTILINE | re.DOTALL)
        given = yaml.safe_load(block[1]) if block else {}
        return {key: given[key] for key in _LICENSE if isinstance(given.get(key), str)}
    except (OSError, ValueError, AttributeError, RecursionError, yaml.YAMLError):
        return {}


def _results(run: Run, weights: Weights, trained: TrainConfig | None) -> dict[str, Any]:
    """Return the evaluation of these weights as an entry of `model-index`; empty without one."""
    report = read_report(run)
    if report is None or report["weights"] != f"{weights} weights":
        return {}
    arguments = {"images": report["count"], **({"features": report["features"]} if report["features"] else {})}
    values = {name: metric.get("generated") for name, metric in report["metrics"]}
    metrics = [
        {"type": name, "value": value, "name": name, "args": dict(arguments)}
        for name, value in values.items()
        if isinstance(value, int | float) and math.isfinite(value)
    ]
    named = re.match(r"\w+", report["data"])
    dataset = named[0] if named and named[0] in DATASETS else trained.dataset if trained else "folder"
    described = {"type": HUB_DATASETS.get(dataset, "imagefolder" if dataset == "folder" else dataset), "name": dataset}
    return {"task": {"type": TASK}, "dataset": described, "metrics": metrics} if metrics else {}
