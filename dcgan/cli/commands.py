"""The commands of `python -m dcgan`: the options of each and the function that runs it.

The functions import what they need when they run, so that `--help` does not wait for TensorFlow.
"""

from collections.abc import Callable
from typing import Any

from dcgan import config
from dcgan.config.fields import Options


def prepare(options: config.PrepareConfig) -> None:
    """Run `dcgan.data.prepare`."""
    from dcgan.data import prepare

    prepare(options)


def train(options: config.TrainConfig) -> None:
    """Run `dcgan.train`."""
    _check_training(options)
    from dcgan import train

    train(options)


def doctor(options: config.DoctorConfig) -> None:
    """Run `dcgan.doctor.diagnose`."""
    _check_training(options)
    from dcgan.doctor import diagnose

    diagnose(options)


def _check_training(options: config.TrainConfig) -> None:
    """Refuse what the options alone show to be wrong, before TensorFlow is imported."""
    from dcgan.config.memory import check_memory
    from dcgan.config.run_commands import check_features
    from dcgan.data.load import check_options

    check_options(options, "train")
    if options.evaluate_every is not None:
        check_features(options.features)
    check_memory(options.resolve())


def generate(options: config.GenerateConfig) -> None:
    """Run `dcgan.sampling.generate`."""
    from dcgan.sampling import generate

    generate(options)


def evaluate(options: config.EvaluateConfig) -> None:
    """Run `dcgan.evaluation.evaluate`."""
    from dcgan.evaluation import evaluate

    evaluate(options)


def project(options: config.ProjectConfig) -> None:
    """Run `dcgan.sampling.project.project`."""
    from dcgan.sampling.project import project

    project(options)


def edit(options: config.EditConfig) -> None:
    """Run `dcgan.evaluation.edit.edit`."""
    from dcgan.evaluation.edit import edit

    edit(options)


def explain(options: config.ExplainConfig) -> None:
    """Run `dcgan.interpretation.explain`."""
    from dcgan.interpretation import explain

    explain(options)


def explore(options: config.ExploreConfig) -> None:
    """Run `dcgan.explore.explore`."""
    from dcgan.explore import explore

    explore(options)


def export(options: config.ExportConfig) -> None:
    """Run `dcgan.export.export`."""
    from dcgan.export import export

    export(options)


def lesson(options: config.LessonConfig) -> None:
    """Run `dcgan.lesson.write_lesson`."""
    from dcgan.lesson import write_lesson

    write_lesson(options)


COMMANDS: dict[str, tuple[type[Options], Callable[[Any], None]]] = {
    "prepare": (config.PrepareConfig, prepare),
    "doctor": (config.DoctorConfig, doctor),
    "train": (config.TrainConfig, train),
    "generate": (config.GenerateConfig, generate),
    "evaluate": (config.EvaluateConfig, evaluate),
    "project": (config.ProjectConfig, project),
    "edit": (config.EditConfig, edit),
    "explain": (config.ExplainConfig, explain),
    "explore": (config.ExploreConfig, explore),
    "export": (config.ExportConfig, export),
    "lesson": (config.LessonConfig, lesson),
}
"""Every command's config class and function."""
