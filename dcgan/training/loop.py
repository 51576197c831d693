"""The training loop: from a config to a finished run."""

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import tensorflow as tf

from dcgan import data
from dcgan.config import ResolvedTrainConfig, TrainConfig, differing_options
from dcgan.config.memory import check_memory, memory_warning
from dcgan.core.autotuning import store_autotuning_results
from dcgan.core.classes import Classes
from dcgan.core.devices import check_gpus, configure_tensorflow, explain_memory_errors, select_device, visible_gpus
from dcgan.core.errors import UserError
from dcgan.core.signal_watch import something_to_save
from dcgan.data import ImageDataset
from dcgan.data.python_data import dataset_of
from dcgan.evaluation.evaluator import Evaluator
from dcgan.networks import build_discriminator, build_generator
from dcgan.runs import Run, default_run_dir, open_run
from dcgan.training.agreement import (
    agree_on_issue,
    agree_on_next,
    check_agreement,
    explain_lost_workers,
    options_to_agree_on,
)
from dcgan.training.checkpointing import (
    first_checkpoint,
    restore_checkpoint,
    save_checkpoint,
    save_samples,
    weights_digest,
)
from dcgan.training.conditioning import divide_into_clusters, num_clusters, training_classes
from dcgan.training.distributed import Job, build_strategy, resolve_job
from dcgan.training.health_checks import HealthChecks
from dcgan.training.initialization import inherit_networks, initialize, load_source
from dcgan.training.losses import Loss
from dcgan.training.memory import MemoryReport
from dcgan.training.precision import check_compile_mode, resolve_precision
from dcgan.training.progress import Callback, Progress, optional_image
from dcgan.training.regularizers import Regularizer
from dcgan.training.report import print_evaluation, print_introduction, write_report
from dcgan.training.schedule import Schedule
from dcgan.training.trainer import Trainer

EvaluateGenerator = Callable[[keras.Model, Classes | None], dict[str, float]]
"""From a generator and the classes of a conditional run to metrics by name."""


def train(
    config: TrainConfig,
    *,
    images: Any = None,
    loss: Loss | None = None,
    regularizer: Regularizer | None = None,
    build_generator: Callable[..., keras.Model] = build_generator,
    build_discriminator: Callable[..., keras.Model] = build_discriminator,
    evaluator: EvaluateGenerator | None = None,
    callback: Callback | None = None,
) -> Run:
    """Train until the run has completed `config.steps` steps. Calling it again resumes from the newest checkpoint.

    Args:
        config: every option.
        images: what to train on instead of `config.dataset`: uint8 images (N, H, W) or (N, H, W, C); a pair of these
            and N labels; a finite `tf.data.Dataset` of images, or of pairs of images and labels; or an `ImageDataset`.
        loss: maps real and fake logits, (N, 1) each, to discriminator loss and generator loss; by default, the one that
            `config.loss` names.
        regularizer: adds a term to the discriminator's loss, see `dcgan.training.regularizers`; by default, the one
            that `config.gradient_penalty` describes.
        build_generator: has the signature of `dcgan.networks.build_generator`.
        build_discriminator: has the signature of `dcgan.networks.build_discriminator`.
        evaluator: measures the generated images every `config.evaluate_every` steps, and is not used where that is
            None; by default, an `Evaluator` of the config. Its metrics include `frechet_distance`.
        callback: called with the run after each logged step and each sample grid, instead of a progress bar; for
            example `dcgan.notebook.LiveProgress()`.

    Returns:
        The run directory, with at least one checkpoint in it.

    Raises:
        UserError: the data, the run directory, an option or the device is not usable, or memory ran out; nothing is
            lost.
    """
    dataset = None
    if images is not None:
        dataset, config = dataset_of(images, config)
    if config.run_dir and config.data_dir and config.run_dir.resolve() == config.data_dir.resolve():
        raise UserError(f"--run-dir and --data-dir are both {config.run_dir}.", "A run needs a folder of its own.")
    given = config
    select_device(config.device)
    config = resolve_config(given, on_gpu=bool(visible_gpus()))
    check_memory(config)
    memory = MemoryReport(config)
    job = resolve_job(config)
    if warning := memory_warning(config):
        print(warning, flush=True)
    if job.workers > 1:
        something_to_save()  # one worker that ends alone would be an error of the others
    if dataset is None:
        dataset = data.load(config)
    if config.dataset == "folder":
        config = replace(config, channels=dataset.channels)  # as its images decide
    classes = training_classes(config, dataset)
    config = replace(config, clusters=num_clusters(config, classes, len(dataset))).resolve_augmentation(len(dataset))
    last = last_step(config, len(dataset))
    with explain_memory_errors(memory.error), explain_lost_workers(job):
        strategy = _connect(config, job, dataset)
        evaluator = _resolve_evaluator(config, job, evaluator, has_files=images is None)
    with (
        open_run(config, writing=job.is_chief, given=given) as run,
        explain_memory_errors(memory.error),
        explain_lost_workers(job),
    ):
        uncompiled = config.compile == "none" or strategy.num_replicas_in_sync > 1
        device = configure_tensorflow(config.seed, op_determinism=uncompiled)
        classes, labels = divide_into_clusters(config, dataset, classes, run, writing=job.is_chief, given=given)
        trainer = Trainer(
            config,
            dataset.image_size,
            dataset.channels,
            strategy,
            classes.input_probabilities if classes else (),
            loss=loss,
            regularizer=regularizer,
            build_generator=build_generator,
            build_discriminator=build_discriminator,
        )
        begins = not run.checkpoints.exist()
        initial_weights = initialize(trainer, load_source(config), classes) if begins and config.init_from else ""
        initial = first_checkpoint(trainer, run) if config.health_checks else {}
        state = restore_checkpoint(trainer, run, dataset.fingerprint, writing=job.is_chief, given=given)
        values = {"steps to resume from": trainer.step, "clusters": b"" if labels is None else labels.tobytes()}
        values["initial weights"] = weights_digest(trainer) if config.init_from and job.workers > 1 else b""
        check_agreement(job, strategy, values)
        batches = trainer.batches(dataset.images, last, labels)
        if job.is_chief:
            run.save_classes(classes)
        print_introduction(run, dataset, trainer, last, f"{device}{job.description}; {trainer.description}", job)
        if initial_weights and job.is_chief:
            print(initial_weights)
        unfinished = state.get("unfinished")  # metrics of a step whose evaluation a stop ended
        training_left = trainer.step < last or unfinished is not None
        print_evaluation(evaluator, training_left)
        checks = config.health_checks and training_left
        schedule = Schedule(config, trainer.step, last, health_checks=checks, is_chief=job.is_chief)
        memory.watch(trainer, schedule, dataset.images.nbytes)
        with Progress(run, config, trainer.step + 1, last, silent=not job.is_chief, callback=callback) as progress:
            health = HealthChecks(
                job, run, dataset, trainer, progress, _scale(evaluator), initial, state, enabled=checks
            )

            def finish_step(metrics: dict[str, float]) -> dict[str, float] | None:
                """Evaluate, log, sample and write a checkpoint if due; return the metrics if a stop ends this early."""
                unfinished = None
                if schedule.due("evaluate"):
                    with progress.paused():
                        evaluation = _evaluate_and_keep_best(evaluator, trainer, classes, run, job, progress)
                    if evaluation is None:
                        schedule.stop_requested, unfinished = True, metrics
                    else:
                        metrics |= evaluation
                        health.check_distance(schedule.step, metrics["frechet_distance"])
                if unfinished is None and schedule.due("log"):
                    progress.log(schedule.step, metrics)
                else:
                    progress.count(schedule.step)
                if schedule.due("sample"):
                    with optional_image(progress.say):
                        progress.show_samples(schedule.step, save_samples(trainer, run, classes))
                if schedule.due("checkpoint"):
                    progress.sync_log()
                    save_checkpoint(trainer, run, dataset.fingerprint, health.state_at_checkpoint(), unfinished)
                return unfinished

            if initial_weights and job.is_chief:  # from here on, the other run is not needed any more
                save_checkpoint(trainer, run, dataset.fingerprint, health.state_at_checkpoint())
            if unfinished is not None:
                unfinished = finish_step(unfinished)
            while not schedule.finished:
                stop, limit = agree_on_next(job, strategy, progress.should_stop, progress.steps_per_call)
                steps = schedule.steps_until_next_event(1 if stop else limit)
                tensors = trainer.train_steps(batches, tf.constant(steps))
                something_to_save()
                if schedule.step == progress.first - 1:
                    store_autotuning_results()
                step = schedule.advance(steps, stop or (job.workers == 1 and progress.stop_requested))
                metrics: dict[str, float] = {}
                issue = None
                if schedule.due("log", "losses", "diversity", "evaluate", "checkpoint"):
                    metrics = {name: float(value) for name, value in tensors.items()}  # waits for the device
                    issue = health.check(step, metrics, schedule)
                if agree_on_issue(job, strategy, issue is not None):
                    # Back to the last healthy checkpoint, with half the learning rates.
                    message = health.roll_back(issue)
                    progress.rewind(step, message)
                    schedule.rewind(trainer.step)
                    batches = trainer.batches(dataset.images, last, labels)
                    continue
                unfinished = finish_step(metrics)
        if job.is_chief:
            write_report(config, run, dataset, classes, trainer, progress, finished=unfinished is None)
    return run


def resolve_config(given: TrainConfig, on_gpu: bool) -> ResolvedTrainConfig:
    """Fill in the options that were not given; a resumed run keeps what another type of device decided for it.

    With `--init-from`, the options of the networks are that run's.

    Args:
        given: options of the command.
        on_gpu: whether training will use a GPU.
    """
    given = inherit_networks(given)
    config = given.resolve(on_gpu=on_gpu)
    run = Run(config.run_dir or default_run_dir(config))
    if not run.checkpoints.exist():
        return resolve_precision(config)
    saved, elsewhere = run.config(), given.resolve(on_gpu=not on_gpu)
    decided = {name: theirs for name, (_, theirs) in differing_options(config, elsewhere).items()}
    kept = {name: value for name, value in decided.items() if getattr(saved, name) == value}
    return replace(config, **kept, precision=saved.precision if config.precision == "auto" else config.precision)


def _connect(config: ResolvedTrainConfig, job: Job, dataset: ImageDataset) -> tf.distribute.Strategy:
    """Configure TensorFlow, join the other workers, and check that all can train together."""
    configure_tensorflow(config.seed)
    strategy = build_strategy(job, config.batch_size)
    check_gpus()
    check_compile_mode(config, strategy.num_replicas_in_sync)
    check_agreement(job, strategy, {"options": options_to_agree_on(config), "images": dataset.fingerprint})
    return strategy


def _resolve_evaluator(
    config: ResolvedTrainConfig, job: Job, evaluator: EvaluateGenerator | None, *, has_files: bool
) -> EvaluateGenerator | None:
    """Return what measures generated images during training, if `--evaluate-every` asks for it.

    It computes features of real images, which only a process that has its strategy already may do.
    """
    if config.evaluate_every is None or not job.is_chief:
        return None
    if evaluator is None and not has_files:
        raise UserError(
            "--evaluate-every reads real images anew, which it can't from `images`.",
            "Pass an evaluator, or write the images to a .npy file for --data-dir.",
        )
    return Evaluator(config) if evaluator is None else evaluator


def _evaluate_and_keep_best(
    evaluator: EvaluateGenerator | None,
    trainer: Trainer,
    classes: Classes | None,
    run: Run,
    job: Job,
    progress: Progress,
) -> dict[str, float] | None:
    """Measure the generated images; keep the generator if it is the best so far on the evaluator's scale.

    Returns:
        The metrics; None if a stop was requested, which other workers would not know of.
    """
    assert evaluator is not None  # the schedule has evaluations only where there is an evaluator
    generator = trainer.sampling_generator()
    evaluate = functools.partial(evaluator, generator, classes)
    metrics = progress.unless_stopped(evaluate) if job.workers == 1 else evaluate()
    if metrics is None:
        return None
    if metrics["frechet_distance"] < run.best_metrics(_scale(evaluator)).get("frechet_distance", math.inf):
        run.save_best(generator, trainer.step, metrics, _scale(evaluator))
    return metrics


def _scale(evaluator: EvaluateGenerator | None) -> str:
    """Return how an evaluator measures; only distances on one scale are compared."""
    return getattr(evaluator, "scale", "")


def last_step(config: ResolvedTrainConfig, count: int) -> int:
    """Return the step at which `--steps` or `--epochs` ends the run.

    Args:
        config: options of the run.
        count: number of training images.

    Raises:
        UserError: a batch has more images than there are.
    """
    if count < config.batch_size:
        raise UserError(
            f"--batch-size {config.batch_size} is larger than the dataset ({count} images).",
            f"Use --batch-size {count} or less, or add images.",
        )
    limits = [] if config.steps is None else [config.steps]
    if config.epochs is not None:
        steps = round(config.epochs * count / config.batch_size, 6)  # 1.1 epochs of 10 steps are 11.000000000000002
        limits.append(max(1, math.ceil(steps)))
    return min(limits)
