"""The command that continues a run's weights in a new run, with other images or options."""

from dataclasses import replace

from dcgan.config import TrainConfig
from dcgan.config.parser import to_arguments
from dcgan.core.atomic_io import numbered_paths
from dcgan.core.paths import command_line
from dcgan.runs.run import Run


def new_run_command(given: TrainConfig, run: Run) -> str:
    """Return the command line that trains with the given options in a new run, beginning with the weights of another.

    Args:
        given: options as they were given, not resolved, so that those of the networks can be the other run's.
        run: the other run.

    Returns:
        A line to copy into a shell.
    """
    path = next(path for path in numbered_paths(run.path, suffix="") if not path.exists())
    config = replace(given, run_dir=path, init_from=str(run.path), init_weights="ema", init_scale="keep")
    return command_line(["python", "-m", "dcgan", "train", *to_arguments(config)])


def new_run_hint(given: TrainConfig, run: Run, otherwise: str) -> str:
    """Return the hint of an error that refuses to resume a run.

    Args:
        given: options as they were given.
        run: the run that can't be resumed with them.
        otherwise: how to resume it, or to start afresh.
    """
    return f"{otherwise} To continue its weights in a new run: `{new_run_command(given, run)}`"
