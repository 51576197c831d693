"""The command that judges: a table to read, and the same as JSON."""

import importlib.metadata
import itertools
import json
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dcgan import runs
from dcgan.config import EvaluateConfig
from dcgan.core.atomic_io import atomic_write, check_overwrite
from dcgan.core.errors import UserError
from dcgan.runs import Run
from dcgan.runs.loading import data_options

_ROW = "{:22}{:>20}{:>20}{:>9}"
_PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn")


def evaluate(config: EvaluateConfig) -> dict[str, Any]:
    """Measure how near drawn pictures are to held-out ones, print it as a table, and write it as JSON.

    Args:
        config: every option; see `EvaluateConfig`.

    Returns:
        What was written: `pictures`, `data`, `features`, `counts` and `versions` say what was compared, and `left_out`
        what metrics lack that were left out unasked. `figures` holds, by name, `drawn`, `real` (as many training
        images), `ratio`, `better` and, where there are, `drawn_spread`, `real_spread` and `note`; numbers that do not
        exist are null.

    Raises:
        UserError: options that contradict each other; no such run, pictures or data set; what a metric lacks; or a
            place that is taken.
    """
    run = _run(config)
    place = _place(config, run)
    comparison = _comparison(config, run)
    from dcgan.evaluation.metrics import chosen, left_out

    names = chosen(config.metrics, comparison)  # before anything is drawn or learnt
    sheets = _sheets(config, names, place)
    began = time.monotonic()
    report = _describe(comparison, names)
    report["left_out"] = left_out(comparison) if config.metrics is None else {}
    _print_head(report)
    report["figures"] = dict(_figure(figure) for figure in _measure(comparison, names, sheets))
    report["seconds"] = round(time.monotonic() - began, 1)
    _write(report, place)
    return report


def _run(config: EvaluateConfig) -> Run | None:
    """The run to judge, None for `--images`."""
    if config.images is None:
        return runs.find_run(config.run_dir)
    if config.run_dir is not None:
        raise UserError("--run-dir and --images both say which pictures to judge.", "Leave one of them out.")
    return None


def _place(config: EvaluateConfig, run: Run | None) -> Path | None:
    """Where the report goes; a run's own older one is replaced, any other file only if that was asked."""
    if config.json is not None:
        check_overwrite(config.json, config.overwrite, "--json")
        return config.json
    if run is None:
        return None
    taken = run.evaluation_file.exists() and run.is_pretrained() and not config.overwrite
    return _beside_the_published(run.evaluation_file) if taken else run.evaluation_file


def _beside_the_published(file: Path) -> Path:
    """The first free name beside the report that came with a generator; says so."""
    names = (file.with_stem(f"{file.stem}-{number}") for number in itertools.count(2))
    free = next(name for name in names if not name.exists())
    print(f"{file} came with the generator and stays (--overwrite would replace it): this report is {free.name}.\n")
    return free


def _sheets(config: EvaluateConfig, names: list[str], place: Path | None) -> dict[str, Path]:
    """Where the sheets of pictures go, by metric: beside the report, named after it, and replaced with it."""
    from dcgan.evaluation.metrics import METRICS

    if place is None:
        return {}
    kinds = {name: METRICS[name].sheet for name in names if METRICS[name].sheet}
    sheets = {name: place.with_name(f"{place.stem}-{kind}.png") for name, kind in kinds.items()}
    for sheet in sheets.values() if config.json is not None else ():
        check_overwrite(sheet, config.overwrite, "--json")
    return sheets


def _comparison(config: EvaluateConfig, run: Run | None):
    """Load both sides; TensorFlow is imported here, quietly."""
    from dcgan.core.tensorflow_import import import_tensorflow

    import_tensorflow()
    from dcgan.core import devices
    from dcgan.evaluation import samples
    from dcgan.evaluation.context import build_context
    from dcgan.evaluation.splits import load_splits

    devices.configure_tensorflow(seed=0)  # whatever is drawn or learnt has a seed of its own
    drawn = samples.samples_from_run(run, config.weights) if run is not None else None
    data = data_options(config, run, drawn.shape if drawn else ())
    real = load_splits(data)
    if drawn is None:
        drawn = samples.samples_from_path(config.images, real.held_out.images.shape[1:], real.held_out.class_names)
    return build_context(drawn, real, data, config.num, config.features, run)


def _describe(this, names: list[str]) -> dict[str, Any]:
    """What is compared with what, and in which features, where a metric needs any."""
    from dcgan.evaluation.metrics import METRICS

    return {
        "pictures": this.samples.words,
        "data": this.reference.words,
        "counts": {"drawn": this.count, "real": this.count, "held_out": len(this.held_out)},
        "features": _describe_features(this) if any(METRICS[name].of_features for name in names) else None,
        "fingerprint": this.reference.held_out.fingerprint,
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def _describe_features(this) -> dict[str, Any]:
    """Which features they are, how many, and how good the classifier is that they are from."""
    extractor = this.extractor
    features = {"name": extractor.name, "width": this.held_out_features.shape[1], "note": extractor.note}
    return features | ({"accuracy": this.classifier_accuracy} if extractor.name == "classifier" else {})


def _print_head(report: dict[str, Any]) -> None:
    """What is compared, and the table's head."""
    counts, features = report["counts"], report["features"]
    print(f"Pictures: {counts['drawn']} of {report['pictures']}; beside them, {counts['real']} real ones.")
    print(f"Data: {report['data']}")
    if report["left_out"]:
        print(f"Left out: {'; '.join(f'{name}, which needs {lacks}' for name, lacks in report['left_out'].items())}.")
    if features is not None:
        right = f" ({features['accuracy']:.2%} right on held-out images)" if "accuracy" in features else ""
        print(f"Features: {features['width']} of {features['name']}{right}. {features['note']}")
    print("\n" + _ROW.format("", "drawn", "real", "ratio"))


def _measure(this, names: list[str], sheets: dict[str, Path]):
    """The figures of all metrics, each printed as soon as it is there."""
    from dcgan.evaluation.metrics import METRICS

    for name in names:
        for figure in METRICS[name].measure(this, sheets.get(name)):
            drawn, real = _number(figure.drawn, figure.drawn_spread), _number(figure.real, figure.real_spread)
            note = f"  {figure.note}" if figure.note else ""
            print(_ROW.format(figure.name, drawn, real, _number(figure.ratio)) + note, flush=True)
            yield figure


def _number(value: float | None, spread: float | None = None) -> str:
    """A number as the table shows it."""
    if value is None:
        return "–"
    return f"{value:.4g}" if spread is None else f"{value:.2g} ± {spread:.2g}"


def _figure(figure) -> tuple[str, dict[str, Any]]:
    """A figure's name, and the rest of it, without what it doesn't have."""
    content = asdict(figure)
    name, optional = content.pop("name"), ("drawn_spread", "real_spread", "note")
    kept = {key: value for key, value in content.items() if key not in optional or value not in (None, "")}
    return name, {**kept, "ratio": figure.ratio}


def _write(report: dict[str, Any], place: Path | None) -> None:
    """Write the report, and say where."""
    if place is None:
        return
    with atomic_write(place) as path:
        path.write_text(json.dumps(_finite(report), indent=1) + "\n", encoding="utf-8")
    print(f"\nReport: {place}")


def _finite(value: Any) -> Any:
    """The same without numbers that JSON does not know."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
