"""The command that draws: from a run and seeds to a picture, an array, an animation or a folder."""

from dataclasses import replace
from pathlib import Path

from dcgan import runs
from dcgan.config import GenerateConfig
from dcgan.runs import Run
from dcgan.sampling.latent_arithmetic import parse_arithmetic
from dcgan.sampling.output_path import kind_of, reserve_output_path
from dcgan.sampling.sample_spec import check
from dcgan.sampling.seeds import parse_seeds
from dcgan.sampling.selection import EACH_CLASS, Selection, default_selection, select
from dcgan.sampling.writers import Job, writer_for


def generate(config: GenerateConfig) -> Path:
    """Draw what the options ask for, and say in one line where it is.

    Args:
        config: every option; see `GenerateConfig`.

    Returns:
        The file or folder that was written.

    Raises:
        UserError: options that contradict each other, no such run, or a place that is taken or can't be written to.
    """
    check(config)
    run = runs.find_run(config.run_dir)
    asked = _asked(config, run)
    with reserve_output_path(config, run, asked) as out:
        what = writer_for(config, out)(Job(config, run, asked, out))
    print(f"{what}: {out}")
    return out


def _asked(config: GenerateConfig, run: Run) -> Selection:
    """The pictures that were asked for; by default a sheet, and 8 seeds for a walk."""
    classes = None if config.animate else run.classes()
    if config.arithmetic is not None:
        seeds = parse_arithmetic(config.arithmetic).seeds
        return (
            replace(default_selection(classes), seeds=seeds)
            if config.label is None
            else select(seeds, config.label, classes)
        )
    if config.num is not None:
        return select(parse_seeds(f"0-{config.num - 1}"), config.label, classes)
    if config.seeds is not None:
        return select(parse_seeds(config.seeds), config.label, classes)
    if config.walk or config.along or config.stages or (config.out is not None and kind_of(config.out) == "animation"):
        return select(parse_seeds("0-7"), config.label, classes)
    if config.label is None:
        return default_selection(classes)
    return select(parse_seeds("0-7" if config.label == EACH_CLASS else "0-63"), config.label, classes)
