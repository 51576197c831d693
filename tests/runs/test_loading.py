"""The data options and the discriminator of a run, from its files."""

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


def run_with(checkpoint=None, **changed):
    run = Run(Path("checkpoints/a"))
    run.path.mkdir(parents=True)
    options = {"image_size": 8, "discriminator_width": 3, "discriminator_hidden": 0, "kernel": 4, **changed}
    run.config_file.write_text(to_yaml(TrainConfig(**options)))
    if checkpoint is not None:
        run.checkpoints.save(1, checkpoint, keep=1)
    return run


def checkpoint_of(model):
    return {f"discriminator/{v.path.removeprefix('discriminator/')}": np.asarray(v) for v in model.variables}


def assert_equal_weights(first, second):
    for ours, theirs in zip(first.variables, second.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_discriminator_is_that_of_the_newest_checkpoint():
    trained = build_discriminator((8, 8), 1, width=3, seed=5)
    assert_equal_weights(load_discriminator(run_with(checkpoint_of(trained)), (8, 8), 1), trained)


def test_the_discriminator_has_the_layers_of_the_runs_options():
    options = {"kernel": 5, "downsampling": "maxpool"}
    trained = build_discriminator((8, 8), 1, width=3, seed=5, classes=2, hidden=6, **options)
    run = run_with(checkpoint_of(trained), discriminator_hidden=6, **options)
    run.save_classes(Classes(("a", "b"), (0.5, 0.5)))
    assert_equal_weights(load_discriminator(run, (8, 8), 1), trained)
    assert_equal_weights(build_untrained_discriminator(run, (8, 8), 1, seed=5), trained)


def test_the_discriminator_of_a_run_without_the_option_of_a_hidden_layer_has_none():
    trained = build_discriminator((8, 8), 1, width=3, seed=5)
    run = run_with(checkpoint_of(trained))
    lines = run.config_file.read_text().splitlines(keepends=True)
    run.config_file.write_text("".join(line for line in lines if "discriminator_hidden" not in line))
    assert_equal_weights(load_discriminator(run, (8, 8), 1), trained)
    assert TrainConfig().resolve().discriminator_hidden > 0


def test_a_run_without_checkpoints_has_the_discriminator_beside_its_generator():
    trained, run = build_discriminator((8, 8), 1, width=3, seed=5), run_with()
    run.save_discriminator(trained)
    assert_equal_weights(load_discriminator(run, (8, 8), 1), trained)
    newer = build_discriminator((8, 8), 1, width=3, seed=6)
    run.checkpoints.save(1, checkpoint_of(newer), keep=1)
    assert_equal_weights(load_discriminator(run, (8, 8), 1), newer)


@pytest.mark.parametrize(("size", "classes"), [((16, 16), 0), ((8, 8), 2)])
def test_a_discriminator_of_other_images_or_classes_is_refused(size, classes):
    run = run_with()
    run.save_discriminator(build_discriminator(size, 1, width=3, classes=classes))
    with pytest.raises(UserError, match="not a discriminator of this run's images"):
        load_discriminator(run, (8, 8), 1)


def test_a_damaged_discriminator_is_named():
    run = run_with()
    run.discriminator_file.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"is not a discriminator: it is not a \.keras file, or cut off"):
        load_discriminator(run, (8, 8), 1)


def test_a_pointer_of_git_lfs_is_called_so():
    run = run_with()
    for load, name in (
        (run.load_generator, "generator"),
        (lambda: load_discriminator(run, (8, 8), 1), "discriminator"),
    ):
        (run.path / f"{name}.keras").write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\n")
        with pytest.raises(UserError, match=f"is a Git LFS pointer, and not the {name}") as caught:
            load()
        assert "git lfs pull" in caught.value.hint


@pytest.mark.parametrize(
    ("checkpoint", "problem"), [(None, "neither a checkpoint"), ({"a": np.zeros(1)}, "has no discriminator")]
)
def test_a_run_without_a_discriminator_is_a_user_error(checkpoint, problem):
    with pytest.raises(UserError, match=problem):
        load_discriminator(run_with(checkpoint), (8, 8), 1)


def test_data_options_are_those_of_the_run_unless_others_are_given():
    run = run_with(dataset="mnist", data_dir=Path("gone"), cache_dir=Path("cache"), crop=20)
    Path("cache").mkdir()
    Path("cache/classifier-mnist-0.keras").touch()
    own = DataConfig("mnist", Path("gone"), "8", 20, cache_dir=Path("cache"))
    assert data_options(EvaluateConfig(), run) == own
    moved = data_options(EvaluateConfig(data_dir=Path("here")), run)
    assert moved == DataConfig("mnist", Path("here"), "8", 20, cache_dir=Path("cache"))
    other = data_options(EvaluateConfig(dataset="mnist10k"), run, (8, 8, 1))
    assert other == DataConfig("mnist10k", image_size=8, channels=1)
    assert data_options(EvaluateConfig(), None) == DataConfig()
