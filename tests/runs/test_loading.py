"""What a run directory says, made again."""

from pathlib import Path

import numpy as np
import pytest

from dcgan.config import DataConfig, EvaluateConfig, TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.networks import build_discriminator
from dcgan.runs import Run
from dcgan.runs.loading import build_untrained_discriminator, data_options, load_discriminator


def run_with(state=None, **options):
    run = Run(Path("checkpoints/a"))
    run.path.mkdir(parents=True)
    form = {"image_size": 8, "discriminator_width": 3, "discriminator_hidden": 0, "kernel": 4, **options}
    run.config_file.write_text(to_yaml(TrainConfig(**form)))
    if state is not None:
        run.checkpoints.save(1, state, keep=1)
    return run


def state_of(model):
    return {f"discriminator/{v.path.removeprefix('discriminator/')}": np.asarray(v) for v in model.variables}


def assert_equal_weights(one, other):
    for mine, theirs in zip(one.variables, other.variables, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_discriminator_is_that_of_the_runs_newest_state():
    trained = build_discriminator((8, 8), 1, width=3, seed=5)
    assert_equal_weights(load_discriminator(run_with(state_of(trained)), (8, 8), 1), trained)


def test_the_discriminator_has_the_form_that_the_runs_options_say():
    form = {"kernel": 5, "downsampling": "maxpool"}
    trained = build_discriminator((8, 8), 1, width=3, seed=5, classes=2, hidden=6, **form)
    run = run_with(state_of(trained), discriminator_hidden=6, **form)
    run.save_classes(Classes(("a", "b"), (0.5, 0.5)))
    assert_equal_weights(load_discriminator(run, (8, 8), 1), trained)
    assert_equal_weights(build_untrained_discriminator(run, (8, 8), 1, seed=5), trained)


def test_the_discriminator_of_a_run_that_names_no_hidden_layer_has_none():
    trained = build_discriminator((8, 8), 1, width=3, seed=5)
    run = run_with(state_of(trained))
    lines = run.config_file.read_text().splitlines(keepends=True)
    run.config_file.write_text("".join(line for line in lines if "discriminator_hidden" not in line))
    assert_equal_weights(load_discriminator(run, (8, 8), 1), trained)
    assert TrainConfig().resolve().discriminator_hidden > 0


def test_a_run_that_is_handed_on_without_its_states_has_the_discriminator_beside_its_generator():
    trained, run = build_discriminator((8, 8), 1, width=3, seed=5), run_with()
    run.save_discriminator(trained)
    assert_equal_weights(load_discriminator(run, (8, 8), 1), trained)
    newer = build_discriminator((8, 8), 1, width=3, seed=6)
    run.checkpoints.save(1, state_of(newer), keep=1)
    assert_equal_weights(load_discriminator(run, (8, 8), 1), newer)


@pytest.mark.parametrize(("size", "classes"), [((16, 16), 0), ((8, 8), 2)])
def test_a_discriminator_that_lies_there_by_mistake_is_refused(size, classes):
    run = run_with()
    run.save_discriminator(build_discriminator(size, 1, width=3, classes=classes))
    with pytest.raises(UserError, match="does not judge the pictures of this run"):
        load_discriminator(run, (8, 8), 1)


def test_a_file_that_is_no_discriminator_is_named():
    run = run_with()
    run.discriminator_file.write_bytes(b"nothing")
    with pytest.raises(UserError, match="is no discriminator"):
        load_discriminator(run, (8, 8), 1)


@pytest.mark.parametrize(("state", "problem"), [(None, "neither a state"), ({"a": np.zeros(1)}, "does not hold")])
def test_a_run_without_a_discriminator_says_so(state, problem):
    with pytest.raises(UserError, match=problem):
        load_discriminator(run_with(state), (8, 8), 1)


def test_a_runs_data_may_have_moved_and_another_data_set_may_be_asked_for():
    run = run_with(dataset="mnist", data_dir=Path("gone"), cache_dir=Path("store"), crop=20)
    own = DataConfig("mnist", Path("gone"), "8", 20, cache_dir=Path("store"))
    assert data_options(EvaluateConfig(), run) == own
    moved = data_options(EvaluateConfig(data_dir=Path("here")), run)
    assert moved == DataConfig("mnist", Path("here"), "8", 20, cache_dir=Path("store"))
    other = data_options(EvaluateConfig(dataset="mnist10k"), run, (8, 8, 1))
    assert other == DataConfig("mnist10k", image_size=8, channels=1)
    assert data_options(EvaluateConfig(), None) == DataConfig()
