"""Fields of the config dataclasses."""

from dataclasses import fields, replace
from pathlib import Path

from dcgan import config


def test_only_options_that_change_the_result_are_differences():
    first = config.TrainConfig().resolve()
    second = replace(first, seed=3, steps=1, run_dir=Path("x"), minutes=2.0, keep_checkpoints=9, kernel=5)
    assert config.differing_options(first, second) == {"seed": (0, 3), "kernel": (6, 5)}


def test_a_path_may_be_given_as_text():
    assert config.TrainConfig(run_dir="runs/a", features="classifier") == config.TrainConfig(run_dir=Path("runs/a"))
    assert config.GenerateConfig(out="a.png").out == Path("a.png")


def test_data_options_that_were_not_given_can_be_told_from_those_that_were():
    """A command that reads a run takes the run's options for those that are not given."""
    defaults = {f.name: f.default for f in fields(config.DataConfig) if f.name != "dataset"}
    assert {name: default for name, default in defaults.items() if default is not None} == {}
