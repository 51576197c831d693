"""The `evaluate` command: metrics of generated images as a table and as JSON."""

import importlib.metadata
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcgan import runs
from dcgan.config import EvaluateConfig
from dcgan.config.run_commands import METRIC_NAMES, check_features, parse_metrics
from dcgan.core.atomic_io import atomic_write, check_overwrite, numbered_paths
from dcgan.core.errors import UserError
from dcgan.data.load import check_options
from dcgan.runs import Run
from dcgan.runs.loading import data_options

if TYPE_CHECKING:
    from dcgan.evaluation.context import EvaluationContext
    from dcgan.evaluation.metrics import MetricResult
    from dcgan.evaluation.reference_statistics import ReferenceStatistics

_ROW = "{:22}{:>19} {:>19} {:>9}"
_PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn")


def evaluate(config: EvaluateConfig) -> dict[str, Any]:
    """Compare generated images with held-out images; print the metrics as a table and write them as JSON.

    Args:
        config: all options; see `EvaluateConfig`.

    Returns:
        The report as written. `images`, `data`, `features`, `counts` and `versions` describe what was compared, for a
        GPU also `device` and `tensor_float_32` (false: features are computed in full float32 precision).
        `skipped_metrics` holds what default metrics need that could not be measured. `metrics` holds, by name,
        `generated`, `real` (as many real images), `ratio`, `better` and optionally `generated_std`, `real_std` and
        `note`; values that do not exist are null. `frechet_to_statistics` is there with `--reference-statistics`.

    Raises:
        UserError: conflicting options; a missing run, image or dataset; a metric that can't be measured; or an output
            file that exists.
    """
    run = _find_run(config)
    _check_options(config, run)
    report_file = _report_file(config, run)
    statistics = _load_statistics(config)
    context = _load_context(config, run)
    from dcgan.evaluation.metrics import select_metrics, skipped_metrics

    names = select_metrics(config.metrics, context)  # before any image is generated or classifier trained
    figure_files = _figure_files(config, names, report_file)
    started = time.monotonic()
    report = _describe(context, names, statistics)
    report["skipped_metrics"] = skipped_metrics(context) if config.metrics is None else {}
    _print_header(report)
    results = _measure(context, names, figure_files, statistics)
    report["metrics"] = dict(_to_json(result) for result in _printed(results))
    report["seconds"] = round(time.monotonic() - started, 1)
    _write(report, report_file)
    return report


def _find_run(config: EvaluateConfig) -> Run | None:
    """Return the run to evaluate, None for `--images`."""
    if config.images is None:
        return runs.find_run(config.run_dir)
    if config.run_dir is not None:
        raise UserError("--run-dir and --images both select images to evaluate.", "Leave out one of them.")
    return None


def _check_options(config: EvaluateConfig, run: Run | None) -> None:
    """Refuse what is wrong with the options alone, before TensorFlow is loaded."""
    if config.metrics is not None:
        table = sys.modules.get("dcgan.evaluation.metrics")  # a program that has loaded it may have added metrics
        parse_metrics(config.metrics, table.METRICS if table else METRIC_NAMES)
    check_features(config.features)
    check_options(data_options(config, run), "train")
    if config.images is not None and not config.images.exists():
        hint = "--images is a folder or .zip of images, or a .npy or .npz file."
        raise UserError(f"There is no {config.images}.", hint)


def _report_file(config: EvaluateConfig, run: Run | None) -> Path | None:
    """Return where to write the report: a run's own older report is replaced, another file only with --overwrite."""
    if config.json is not None:
        check_overwrite(config.json, config.overwrite, "--json")
        return config.json
    if run is None:
        return None
    file = run.output_dir / run.evaluation_file.name
    return _free_name(file) if file.exists() and run.is_pretrained() and not config.overwrite else file


def _free_name(file: Path) -> Path:
    """Return the first free name beside the report of a pretrained generator, and report that choice."""
    free = next(name for name in numbered_paths(file) if not name.exists())
    print(f"{file} exists and is kept (--overwrite replaces it). Writing {free.name}.\n")
    return free


def _figure_files(config: EvaluateConfig, names: list[str], report_file: Path | None) -> dict[str, Path]:
    """Return the files for the metrics' figures, by metric: beside the report, with its name, and replaced with it."""
    from dcgan.evaluation.metrics import METRICS

    if report_file is None:
        return {}
    suffixes = {name: METRICS[name].figure for name in names if METRICS[name].figure}
    files = {name: report_file.with_name(f"{report_file.stem}-{suffix}.png") for name, suffix in suffixes.items()}
    for file in files.values() if config.json is not None else ():
        check_overwrite(file, config.overwrite, "--json")
    return files


def _load_statistics(config: EvaluateConfig) -> "ReferenceStatistics | None":
    """Return the statistics to compare with besides the held-out images, if any."""
    from dcgan.evaluation.reference_statistics import load_statistics

    return load_statistics(config.reference_statistics) if config.reference_statistics else None


def _load_context(config: EvaluateConfig, run: Run | None) -> "EvaluationContext":
    """Load generated and real images; TensorFlow is imported here."""
    from dcgan.core.imports import import_tensorflow

    import_tensorflow()
    from dcgan.core import devices
    from dcgan.evaluation import samples
    from dcgan.evaluation.context import build_context
    from dcgan.evaluation.splits import load_splits

    devices.configure_tensorflow(seed=0, device=config.device)  # everything random here has a seed of its own
    devices.check_gpus()
    if run is not None:
        images = samples.samples_from_run(run, config.weights)
        data = data_options(config, run, images.shape)
        return build_context(images, load_splits(data), data, config.num, config.features, run)
    assert config.images is not None  # `_find_run`
    data = data_options(config, None)
    splits = load_splits(data)
    height, width, channels = splits.held_out.images.shape[1:]
    images = samples.samples_from_path(config.images, (height, width, channels), splits.held_out.class_names)
    return build_context(images, splits, data, config.num, config.features)


def _describe(
    context: "EvaluationContext", names: list[str], statistics: "ReferenceStatistics | None"
) -> dict[str, Any]:
    """Return what is compared, and in which features, if a metric uses any."""
    from dcgan.evaluation.metrics import METRICS

    uses_features = statistics is not None or any(METRICS[name].uses_features for name in names)
    return {
        "images": context.samples.description,
        "data": context.splits.description,
        "counts": {"generated": context.count, "real": context.count, "held_out": len(context.held_out)},
        "features": _describe_features(context) if uses_features else None,
        **({"reference_statistics": str(statistics.path)} if statistics else {}),
        "fingerprint": context.splits.held_out.fingerprint,
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
        **_describe_gpu(),
    }


def _describe_gpu() -> dict[str, Any]:
    """Return the GPU, and that features are computed without TF32; nothing for a CPU, which has no TF32."""
    from dcgan.core import devices

    return {"device": devices.describe_devices(), "tensor_float_32": False} if devices.visible_gpus() else {}


def _describe_features(context: "EvaluationContext") -> dict[str, Any]:
    """Return name, width and note of the features, and the accuracy of the classifier that they come from."""
    extractor = context.extractor
    features = {"name": extractor.name, "width": context.held_out_features.shape[1], "note": extractor.note}
    return features | ({"accuracy": context.classifier_accuracy} if extractor.name == "classifier" else {})


def _print_header(report: dict[str, Any]) -> None:
    """Print what is compared, and the header of the table."""
    counts, features = report["counts"], report["features"]
    print(f"Images: {counts['generated']} of {report['images']}, beside {counts['real']} real images.")
    print(f"Data: {report['data']}")
    if report["skipped_metrics"]:
        print(f"Skipped: {'; '.join(f'{name} (needs {needs})' for name, needs in report['skipped_metrics'].items())}.")
    if features is not None:
        accuracy = f" ({features['accuracy']:.2%} accuracy on held-out images)" if "accuracy" in features else ""
        print(f"Features: {features['width']} of {features['name']}{accuracy}. {features['note']}")
    if "device" in report:
        print(f"Device: {report['device']}; features in float32 without TF32.")
    print("\n" + _ROW.format("", "generated", "real", "ratio"))


def _measure(
    context: "EvaluationContext",
    names: list[str],
    figure_files: dict[str, Path],
    statistics: "ReferenceStatistics | None",
) -> Iterator["MetricResult"]:
    """Yield the results of all metrics, and of the comparison with statistics."""
    from dcgan.evaluation.metrics import METRICS, MetricResult
    from dcgan.evaluation.reference_statistics import distance_to_statistics

    for name in names:
        yield from METRICS[name].measure(context, figure_files.get(name))
    if statistics is not None:
        generated = distance_to_statistics(context.generated_features, statistics)
        real = distance_to_statistics(context.real_features, statistics)
        note = f"to {statistics.path.name}; {context.count} images"
        yield MetricResult("frechet_to_statistics", generated, real, "lower", note=note)


def _printed(results: Iterator["MetricResult"]) -> Iterator["MetricResult"]:
    """Yield results, each printed as soon as it is known."""
    for result in results:
        generated, real = _format(result.generated, result.generated_std), _format(result.real, result.real_std)
        note = f"  {result.note}" if result.note else ""
        print(_ROW.format(result.name, generated, real, _format(result.ratio)) + note, flush=True)
        yield result


def _format(value: float | None, std: float | None = None) -> str:
    """Return a value as the table shows it."""
    if value is None:
        return "–"
    return f"{value:.4g}" if std is None else f"{value:.2g} ± {std:.2g}"


def _to_json(result: "MetricResult") -> tuple[str, dict[str, Any]]:
    """Return a result's name and its other fields, without optional fields that are not set."""
    content = asdict(result)
    name, optional = content.pop("name"), ("generated_std", "real_std", "note")
    kept = {key: value for key, value in content.items() if key not in optional or value not in (None, "")}
    return name, {**kept, "ratio": result.ratio}


def _write(report: dict[str, Any], report_file: Path | None) -> None:
    """Write the report, and print its path."""
    if report_file is None:
        return
    with atomic_write(report_file) as path:
        path.write_text(json.dumps(_without_nan(report), indent=1) + "\n", encoding="utf-8")
    print(f"\nReport: {report_file}")


def _without_nan(value: Any) -> Any:
    """Replace NaN and infinite values, which JSON does not have, by None."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
