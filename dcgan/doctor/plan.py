"""The training that is planned: how often each part of it happens, and what all of it takes."""

import itertools
import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dcgan.config import ResolvedTrainConfig, TrainConfig
from dcgan.config.memory import check_memory, least_memory, memory_warning
from dcgan.config.run_commands import check_features
from dcgan.core.classes import Classes, divide_classes
from dcgan.core.devices import check_gpus, configure_tensorflow, visible_gpus
from dcgan.core.rng import derived_seed
from dcgan.core.wording import counted
from dcgan.data import ImageDataset
from dcgan.data.clusters import cluster_images
from dcgan.doctor.evaluation import EvaluationCosts, measure_evaluation
from dcgan.doctor.findings import Finding
from dcgan.doctor.measure import Costs, measure_costs
from dcgan.doctor.sample import Sample
from dcgan.runs import Run, default_run_dir
from dcgan.training.conditioning import divide_into_clusters, num_clusters, training_classes
from dcgan.training.distributed import resolve_job
from dcgan.training.health import DIVERSITY_CHECK_INTERVAL
from dcgan.training.loop import last_step, resolve_config
from dcgan.training.preflight import format_bytes

OUTSIDE_THE_LOOP = ("start", "preparing images", "classifier", "features of real images", "report")
"""Parts of a training during which the clock of `--minutes` does not run."""

LONG_SECONDS = 24 * 3600
MUCH_EVALUATION = 0.3
"""Fraction of the time that evaluations take from which on it is worth a line."""

FEW_EPOCHS = 3.0
DISK_MARGIN = 1.2
"""Factor of the space that a run needs; below it, the disk is nearly full in the end."""


@dataclass(frozen=True)
class Events:
    """How often what happens in a training that is not yet begun, or resumed.

    Args:
        steps: training steps.
        log: logged steps.
        sample: sample grids.
        checkpoint: checkpoints.
        diversity: checks of generated images.
        evaluate: evaluations.
    """

    steps: int
    log: int
    sample: int
    checkpoint: int
    diversity: int
    evaluate: int


def count_events(config: ResolvedTrainConfig, start: int, last: int) -> Events:
    """Count what happens in a training, as `dcgan.training.schedule.Schedule` decides it, without its steps.

    Args:
        config: options of the training.
        start: steps that are done already.
        last: number of the last step.
    """
    if last <= start:
        return Events(0, 0, 0, 0, 0, 0)
    evaluate = [] if config.evaluate_every is None else [config.evaluate_every]
    return Events(
        steps=last - start,
        log=_count_due(start, last, [config.log_every, config.save_every, *evaluate]),
        sample=_count_due(start, last, [config.sample_every]),
        checkpoint=_count_due(start, last, [config.save_every]),
        diversity=_count_due(start, last, [DIVERSITY_CHECK_INTERVAL, config.save_every]) * config.health_checks,
        evaluate=_count_due(start, last, evaluate) if evaluate else 0,
    )


def _count_due(start: int, last: int, intervals: list[int]) -> int:
    """Count the steps after `start` that are multiples of one of the intervals or are the last one."""
    count = int(all(last % interval for interval in intervals))
    for size in range(1, len(intervals) + 1):  # inclusion and exclusion
        for chosen in itertools.combinations(intervals, size):
            common = math.lcm(*chosen)
            count += (-1) ** (size + 1) * (last // common - start // common)
    return count


def plan_seconds(
    costs: Costs, events: Events, sample: Sample, before: float, evaluation: EvaluationCosts | None = None
) -> dict[str, float]:
    """Return the seconds of every part of a training.

    Args:
        costs: what each part costs.
        events: how often it happens.
        sample: the images.
        before: seconds until the networks are built: imports, clusters.
        evaluation: what an evaluation costs; None for a training without.
    """
    evaluation = evaluation or EvaluationCosts(0, 0.0, 0.0, 0.0)
    each = costs.recalibration + costs.generated_image * evaluation.images + evaluation.each
    preparation = 0.0 if sample.is_cached else sample.seconds_per_image * sample.total
    return {
        "start": before + sample.load_seconds,
        "preparing images": preparation,
        "compilation": costs.build + costs.first_step + costs.events_once,
        "steps": costs.step * max(0, events.steps - 1),
        "health checks": costs.diversity * events.diversity,
        "sample grids": costs.sample * events.sample,
        "checkpoints": costs.checkpoint * events.checkpoint,
        "log": costs.log * events.log,
        "classifier": evaluation.classifier,
        "features of real images": evaluation.start,
        "evaluations": each * events.evaluate,
        "report": costs.report,
    }


def plan_end(minutes: float | None, steps: int, seconds: dict[str, float]) -> tuple[float, int]:
    """Return when a training ends.

    Args:
        minutes: after which training stops; None without a limit.
        steps: all training steps.
        seconds: of every part of all of them, as `plan_seconds` returns them.

    Returns:
        Seconds from start to end, and the number of steps that are done by then.
    """
    total = sum(seconds.values())
    outside = sum(seconds.get(name, 0.0) for name in OUTSIDE_THE_LOOP)
    loop, limit = total - outside, math.inf if minutes is None else 60 * minutes
    if loop <= limit:
        return total, steps
    fraction = max(0.0, limit - seconds["compilation"]) / (loop - seconds["compilation"])
    return outside + limit, max(1, round(fraction * steps))


def plan_disk(costs: Costs, events: Events, config: ResolvedTrainConfig) -> dict[str, int]:
    """Return the bytes of everything that a training writes to its run directory.

    Args:
        costs: sizes of single files.
        events: how often they are written.
        config: options of the training.
    """
    kept = min(config.keep_checkpoints, events.checkpoint)
    return {
        "checkpoints": costs.checkpoint_bytes * kept,
        "checkpoint that is being written": costs.checkpoint_bytes,
        "sample grids": costs.sample_bytes * events.sample,
        "log": costs.log_bytes * events.log,
        "other files": costs.other_bytes + (costs.generator_bytes if events.evaluate else 0),
    }


def examine_plan(
    given: TrainConfig, sample: Sample, limit: float, import_seconds: float, machine: dict[str, Any]
) -> tuple[dict[str, Any], list[Finding]]:
    """Measure parts of the training that is planned, and add them up.

    Args:
        given: its options.
        sample: its images.
        limit: seconds for timed steps; 0 measures nothing.
        import_seconds: what importing TensorFlow took.
        machine: what `describe_machine` returned.

    Returns:
        The facts for the report, and what to know about them.

    Raises:
        UserError: what would end the training at its start.
    """
    config = resolve_config(given, on_gpu=bool(visible_gpus()))
    check_memory(config)
    if config.evaluate_every is not None:
        check_features(config.features)
    job = resolve_job(config)
    run = Run(config.run_dir or default_run_dir(config))
    whole = _whole_dataset(given, sample)
    classes = training_classes(config, whole)
    config = replace(config, clusters=num_clusters(config, classes, len(whole))).resolve_augmentation(len(whole))
    last, start = last_step(config, len(whole)), run.checkpoints.latest_step()
    events = count_events(config, start, last)
    facts: dict[str, Any] = {
        "run_dir": str(run.path),
        "resumes_after": start,
        "last_step": last,
        "batch_size": config.batch_size,
        "epochs": round(last * config.batch_size / len(whole), 2),
        "events": vars(events),
        "classes": 0 if classes is None else len(classes),
        "clusters": config.clusters,
        "augment": config.augment,
        "least_memory": least_memory(config).total,
    }
    findings = _find_in_options(config, facts)
    if start >= last:
        text = f"{run.path} already has {counted(start, 'step')}. A larger --steps or --epochs continues it."
        return facts, [*findings, Finding("note", "finished", text)]
    if limit <= 0 or job.workers > 1 or job.strategy != "single" or len(sample.images) < config.batch_size:
        if limit > 0:
            text = "Steps were not timed: only those of one device are, with at least a batch of images to look at."
            findings.append(Finding("note", "not_timed", text))
        return facts, findings
    if warning := memory_warning(config):
        text = f"{warning} Steps were not timed, which takes as much."
        return facts, [*findings, Finding("warning", "memory", text)]
    configure_tensorflow(config.seed, op_determinism=config.compile == "none")
    check_gpus()
    began = time.perf_counter()
    dataset = _training_dataset(given, sample)
    classes, labels = _divide(config, sample, dataset, classes)
    clusters_seconds = (time.perf_counter() - began) * len(whole) / len(dataset)
    evaluation = None if config.evaluate_every is None else measure_evaluation(config, sample, dataset)
    costs = measure_costs(config, dataset, classes, labels, limit)
    seconds = plan_seconds(costs, events, sample, import_seconds + clusters_seconds, evaluation)
    total, reached = plan_end(config.minutes, events.steps, seconds)
    disk = plan_disk(costs, events, config)
    memory = costs.memory
    cache_bytes = 0 if given.data_dir is None or sample.transform is None else _nbytes(sample)
    if memory is not None and evaluation is not None:
        memory += evaluation.images * dataset.images[0].nbytes  # generated at once
    if memory is not None and cache_bytes:
        memory += max(0, cache_bytes - dataset.images.nbytes)  # mapped pages count as this process's
    facts |= {
        "costs": vars(costs),
        "evaluation": None if evaluation is None else vars(evaluation),
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "total_seconds": total,
        "steps_reached": reached,
        "images_per_second": config.batch_size / costs.step,
        "memory": memory,
        "gpu_memory": costs.gpu_memory,
        "disk": disk,
        "run_bytes": sum(disk.values()),
        "cache_bytes": cache_bytes if not sample.is_cached else 0,
    }
    return facts, findings + _find_in_costs(config, facts, machine, sample)


def _nbytes(sample: Sample) -> int:
    """Return the bytes of all images of a dataset, prepared."""
    return math.prod(sample.images.shape[1:]) * sample.total


def _whole_dataset(config: TrainConfig, sample: Sample) -> ImageDataset:
    """Return the dataset with all labels, and images that take no memory."""
    if sample.dataset is not None:
        return sample.dataset
    images = np.broadcast_to(np.zeros((1, 1, 1, 1), np.uint8), (sample.total, *sample.images.shape[1:]))
    labels = np.repeat(np.arange(len(sample.class_counts)), sample.class_counts) if sample.class_names else None
    return ImageDataset(config.dataset, images, labels, sample.class_names, "")


def _training_dataset(config: TrainConfig, sample: Sample) -> ImageDataset:
    """Return the images that steps are timed with."""
    if sample.dataset is not None:
        return sample.dataset
    return ImageDataset(config.dataset, sample.images, sample.labels, sample.class_names, "")


def _divide(
    config: ResolvedTrainConfig, sample: Sample, dataset: ImageDataset, classes: Classes | None
) -> tuple[Classes | None, np.ndarray | None]:
    """Divide the images into clusters as training does; those of a sample by chance, as many as all images have."""
    labels = None if classes is None else dataset.labels
    if sample.is_complete or not config.clusters:
        return divide_into_clusters(config, dataset, classes)
    cluster_images(dataset.images, labels, max(1, config.clusters * len(dataset) // sample.total), config.seed)
    random = np.random.Generator(np.random.Philox(key=derived_seed(config.seed, "doctor clusters")))
    each = max(1, config.clusters // (1 if classes is None else len(classes)))
    groups = np.zeros(len(dataset), np.int64) if labels is None else labels
    clusters = np.zeros(len(dataset), np.int64)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        clusters[members] = np.unique(random.permutation(len(members)) % each, return_inverse=True)[1]
    return divide_classes(classes, labels, clusters)


def _find_in_options(config: ResolvedTrainConfig, facts: dict[str, Any]) -> list[Finding]:
    findings = []
    if facts["epochs"] < FEW_EPOCHS and config.minutes is None:
        steps = counted(facts["last_step"], "step")
        text = f"Each image is seen {facts['epochs']:.2g} times in {steps}; --epochs 25 is common."
        findings.append(Finding("note", "few_epochs", text))
    return findings


def _find_in_costs(
    config: ResolvedTrainConfig, facts: dict[str, Any], machine: dict[str, Any], sample: Sample
) -> list[Finding]:
    findings = []
    memory, available, all_memory = facts["memory"], machine["free_memory"], machine["memory"]
    if memory is not None and available is not None and memory > available:
        text = (
            f"Training takes {format_bytes(memory)} of memory, and {format_bytes(available)} are free. Close other "
            f"programs, or use --batch-size {max(1, config.batch_size // 2)}."
        )
        level = "error" if all_memory is not None and memory > all_memory else "warning"
        findings.append(Finding(level, "memory", text))
    findings += _find_on_disk(machine["run_dir"], facts["run_bytes"], "the run", "--run-dir")
    findings += _find_on_disk(machine["cache_dir"], facts["cache_bytes"], "the prepared images", "--cache-dir")
    if facts["total_seconds"] > LONG_SECONDS:
        text = (
            f"Training takes {facts['total_seconds'] / 3600:.0f} hours. Half the --image-size takes about a quarter of "
            "them, half the --generator-width and --discriminator-width a third; a GPU is tens of times faster."
        )
        findings.append(Finding("warning", "long", text))
    seconds = facts["seconds"]
    evaluations = seconds["evaluations"] + seconds["features of real images"] + seconds["classifier"]
    if evaluations > MUCH_EVALUATION * sum(seconds.values()):
        text = (
            f"Evaluations take {evaluations / sum(seconds.values()):.0%} of the time. A larger --evaluate-every or a "
            "smaller --evaluate-num takes less."
        )
        findings.append(Finding("note", "evaluations", text))
    if not sample.is_cached and facts["seconds"]["preparing images"] > 60:
        text = "Preparing the images takes minutes, once: `python -m dcgan prepare` does it ahead of the training."
        findings.append(Finding("note", "preparation", text))
    return findings


def _find_on_disk(folder: dict[str, Any], needed: int, what: str, option: str) -> list[Finding]:
    free = folder["free"]
    if free is None or free >= DISK_MARGIN * needed:
        return []
    text = (
        f"The disk of {folder['path']} has {format_bytes(free)} left, and {what} will take {format_bytes(needed)}. "
        f"Free some space, or choose another {option}."
    )
    return [Finding("error" if free < needed else "warning", "disk", text)]
