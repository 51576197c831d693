"""The run directory: what is where, whole writes, damaged files."""

import os
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from dcgan import runs
from dcgan.config import TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.networks import build_generator
from dcgan.runs import Run, open_run

STATE = {"steps_done": np.array(3), "generator/project/kernel": np.arange(4.0, dtype=np.float32)}


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "run")


@pytest.fixture
def config(tmp_path):
    return TrainConfig(run_dir=tmp_path / "run").resolve()


def small_generator(seed=0):
    return build_generator((8, 8), 1, width=2, latent_dim=3, seed=seed)


def test_a_state_comes_back_to_the_bit(run):
    run.checkpoints.save(3, STATE, keep=2)
    read = run.checkpoints.latest()
    assert list(read) == list(STATE)
    assert all(np.array_equal(read[name], STATE[name]) and read[name].dtype == STATE[name].dtype for name in STATE)


def test_the_newest_states_are_kept(run):
    for step in (1, 2, 10, 9):
        run.checkpoints.save(step, {"steps_done": np.array(step)}, keep=2)
    assert sorted(file.name for file in run.checkpoints.folder.iterdir()) == ["step-00000009.npz", "step-00000010.npz"]
    assert run.checkpoints.latest()["steps_done"] == 10


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text", "pickle"])
def test_a_damaged_state_is_passed_over_for_the_one_before(run, damage, capsys):
    run.checkpoints.save(1, STATE, keep=2)
    run.checkpoints.save(2, {"steps_done": np.arange(1000)}, keep=2)
    newest = run.checkpoints.folder / "step-00000002.npz"
    content = newest.read_bytes()
    middle = len(content) // 2
    np.savez(run.path / "pickle.npz", steps_done=np.array([{}], dtype=object))
    newest.write_bytes(
        {
            "cut": content[:middle],
            "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "empty": b"",
            "text": b"steps_done: 2\n",
            "pickle": (run.path / "pickle.npz").read_bytes(),
        }[damage]
    )
    assert run.checkpoints.latest()["steps_done"] == 3
    assert "step-00000002.npz is damaged" in capsys.readouterr().out


def test_when_every_state_is_damaged_the_run_does_not_start_afresh_by_surprise(run):
    run.checkpoints.save(1, STATE, keep=2)
    (run.checkpoints.folder / "step-00000001.npz").write_bytes(b"")
    with pytest.raises(UserError, match="No saved state"):
        run.checkpoints.latest()


def test_equal_generators_are_equal_files_and_different_ones_are_not(run, tmp_path):
    other, third = Run(tmp_path / "other"), Run(tmp_path / "third")
    run.save_generator(small_generator())
    other.save_generator(small_generator())
    third.save_generator(small_generator(seed=1))
    assert run.generator_file.read_bytes() == other.generator_file.read_bytes() != third.generator_file.read_bytes()


def test_a_loaded_generator_draws_what_the_saved_one_drew(run):
    model = small_generator()
    run.save_generator(model)
    latents = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    assert np.array_equal(run.load_generator()(latents, training=False), model(latents, training=False))


def test_raw_weights_come_from_the_state(run):
    averaged, raw = small_generator(seed=0), small_generator(seed=1)
    run.save_generator(averaged)
    run.checkpoints.save(1, {f"generator/{v.path}": v.numpy() for v in raw.variables}, keep=1)
    latents = np.ones((2, 3), np.float32)
    assert np.array_equal(run.load_generator("raw")(latents, training=False), raw(latents, training=False))
    assert np.array_equal(run.load_generator("ema")(latents, training=False), averaged(latents, training=False))


def test_raw_weights_that_are_not_there_are_told_in_words(run):
    run.save_generator(small_generator())
    with pytest.raises(UserError, match="raw weights"):
        run.load_generator("raw")


@pytest.mark.parametrize("content", [None, b"", b"not a zip", b"PK\x03\x04 half"])
def test_a_missing_or_foreign_generator_is_told_in_words(run, content):
    run.path.mkdir()
    if content is not None:
        run.generator_file.write_bytes(content)
    with pytest.raises(UserError):
        run.load_generator()


def test_a_model_that_draws_no_pictures_is_told_in_words(run):
    run.path.mkdir()
    image, vector = keras.Input((8, 8, 1)), keras.Input((3,))
    two_channels = keras.layers.Conv2D(2, 1)(keras.layers.Reshape((3, 1, 1))(vector))
    for inputs, outputs in [(image, image), (vector, vector), (vector, two_channels), (vector, [vector, two_channels])]:
        keras.Model(inputs, outputs).save(run.generator_file)
        with pytest.raises(UserError, match="no generator of pictures"):
            run.load_generator()


def test_a_state_folder_that_can_not_be_read_is_not_taken_for_an_empty_one(run):
    run.path.mkdir()
    run.checkpoints.folder.write_text("")
    with pytest.raises(UserError, match="can't be read"):
        run.checkpoints.latest()


def test_a_run_that_never_saved_anything_takes_another_config(config):
    with runs.open_run(config):
        pass
    with runs.open_run(replace(config, seed=9)) as run:
        assert run.config().seed == 9


def test_the_log_survives_a_line_that_a_crash_cut_short(run):
    run.path.mkdir()
    run.log_file.write_text(
        '{"step": 1, "seconds": 1.0}\n{"step": 2, "seconds": 2.0}\nnonsense\n[1]\n{"step": 3, "d_lo'
    )
    assert [record["step"] for record in run.log_records()] == [1, 2]
    run.rewind_log(1)
    assert run.log_file.read_text() == '{"step": 1, "seconds": 1.0}\n'


@pytest.mark.parametrize("seconds", ["NaN", '"long"', "null", "true"])
def test_a_log_that_somebody_edited_does_not_stop_a_run(run, seconds):
    run.path.mkdir()
    run.log_file.write_text(f'{{"step": 1, "seconds": 5.0}}\n{{"step": 2, "seconds": {seconds}}}\n{{"step": 3}}\n')
    assert run.trained_seconds() == 5.0


def test_opening_makes_the_directory_and_notes_the_config(config):
    with runs.open_run(config) as run:
        assert run.config() == config


def test_opening_again_notes_what_may_change(config):
    with runs.open_run(config):
        pass
    with runs.open_run(replace(config, steps=9)) as run:
        assert run.config().steps == 9


def test_the_default_directory_is_named_after_the_data_set():
    with runs.open_run(TrainConfig(dataset="mnist")) as run:
        assert run.path == Path("checkpoints/mnist")
    with runs.open_run(TrainConfig(dataset="folder", data_dir=Path("my/cats"))) as run:
        assert run.path == Path("checkpoints/cats")


def test_two_trainings_can_not_open_one_run(config):
    with runs.open_run(config), pytest.raises(UserError, match="Another process"), runs.open_run(config):
        pass


def test_a_folder_of_something_else_is_not_taken_for_a_run(config):
    config.run_dir.mkdir()
    (config.run_dir / "thesis.tex").write_text("")
    with pytest.raises(UserError, match="not empty and no run"), runs.open_run(config):
        pass


def test_a_file_in_the_way_is_told_in_words(config):
    config.run_dir.write_text("")
    with pytest.raises(UserError, match="can't be used"), runs.open_run(config):
        pass


@pytest.mark.parametrize("content", ["bogus_option: 1\n", "steps: many\n", "\x00", "]["])
def test_a_config_file_that_is_none_is_told_in_words(config, content):
    config.run_dir.mkdir()
    (config.run_dir / "config.yaml").write_text(content)
    with pytest.raises(UserError, match=r"config\.yaml can't be read"), runs.open_run(config):
        pass


def test_without_a_directory_the_run_with_the_newest_generator_is_found():
    for index, name in enumerate(["old", "newest", "older"]):
        run = Run(Path("checkpoints") / name)
        run.path.mkdir(parents=True)
        run.generator_file.write_bytes(b"")
        os.utime(run.generator_file, (0, [10, 30, 20][index]))
    (Path("checkpoints") / "empty").mkdir()
    assert runs.find_run().path == Path("checkpoints/newest")


def test_a_run_of_pictures_behind_a_link_has_a_name_that_can_be_printed():
    Path("caf\udce9").mkdir()
    Path("link").symlink_to("caf\udce9")
    with runs.open_run(TrainConfig("folder", data_dir=Path("link"))) as run:
        assert run.path == Path("checkpoints/caf")


def test_no_run_to_generate_from_is_told_in_words():
    with pytest.raises(UserError, match="no trained generator"):
        runs.find_run()
    with pytest.raises(UserError, match="no run directory"):
        runs.find_run(Path("nowhere"))


def test_a_directory_that_is_no_run_is_refused_and_the_runs_in_it_are_listed():
    Path("pictures").mkdir()
    Path("pictures/1.png").touch()
    with pytest.raises(UserError, match="pictures is no run") as caught:
        runs.find_run(Path("pictures"))
    assert "train.py" in caught.value.hint
    for name in "ab":
        Path("checkpoints", name).mkdir(parents=True)
    Path("checkpoints/a/config.yaml").write_text(to_yaml(TrainConfig()))
    Path("checkpoints/b/generator.keras").touch()
    Path("checkpoints/log").mkdir()
    with pytest.raises(UserError, match="checkpoints is no run") as caught:
        runs.find_run(Path("checkpoints"))
    assert caught.value.hint == "Runs in it: checkpoints/a, checkpoints/b."
    assert [runs.find_run(Path("checkpoints", name)).path.name for name in "ab"] == ["a", "b"]


def test_what_a_published_generator_lacks_is_not_to_come(tmp_path):
    run = Run(tmp_path / "published")
    run.path.mkdir()
    for file in run.config_file, run.generator_file, run.model_card_file:
        file.touch()
    with pytest.raises(UserError, match=r"holds no best\.keras, but the one generator\.") as caught:
        run.load_generator("best")
    assert caught.value.hint == "Use --weights ema."
    run.model_card_file.unlink()
    with pytest.raises(UserError, match=r"holds no best\.keras yet\.") as caught:
        run.load_generator("best")
    assert "--evaluate-every" in caught.value.hint


def test_a_published_generator_is_not_trained_over(tmp_path):
    published = Run(Path("checkpoints/mnist10k"))
    published.save_generator(small_generator())
    published.config_file.write_text(to_yaml(TrainConfig()))
    published.model_card_file.write_text("# How it was made")
    before = published.generator_file.read_bytes()
    with pytest.raises(UserError, match="without the state"), open_run(TrainConfig(run_dir=published.path)):
        pass
    with open_run(TrainConfig()) as run:
        assert run.path == Path("checkpoints/mnist10k-new")
    assert published.generator_file.read_bytes() == before
    with open_run(TrainConfig()) as again:  # as long as nothing was saved there, and afterwards as well
        assert again.path == run.path


def test_what_was_judged_of_a_run_that_never_saved_is_not_another_ones(tmp_path):
    with runs.open_run(TrainConfig(run_dir=tmp_path / "run")) as run:
        run.save_best(small_generator(), 1, {"frechet_distance": 1.0})
        run.log_health_event({"step": 1, "message": "x", "remedy": "y"})
    with runs.open_run(TrainConfig(run_dir=run.path, seed=4)) as run:
        assert (run.best_metrics(), run.health_events()) == ({}, [])
        assert not run.best_file.exists()


def test_states_that_are_spared_stay(tmp_path):
    run = Run(tmp_path)
    for step in (1, 2, 3, 4):
        run.checkpoints.save(step, STATE, keep=1, spared=[2])
    assert run.checkpoints.steps() == [4, 2]
    assert run.checkpoints.at(2).keys() == STATE.keys()
    assert run.checkpoints.at(3) is None


def test_the_guards_notes_are_those_of_states_that_are_there(tmp_path):
    run = Run(tmp_path)
    for step in (1, 2, 3):
        run.save_health_state(step, {"well": step < 3})
        run.checkpoints.save(step, STATE, keep=2)
    run.save_health_state(3, {"well": True})
    assert run.health_states() == {2: {"step": 2, "well": True}, 3: {"step": 3, "well": True}}


def test_a_run_that_was_killed_between_its_generator_and_its_first_state_begins_again(run):
    run.save_generator(small_generator())
    run.config_file.write_text(to_yaml(TrainConfig(run_dir=run.path)))
    with open_run(TrainConfig(run_dir=run.path)) as again:
        assert again.path == run.path


def test_states_that_were_given_up_are_forgotten(run):
    for step in (2, 4, 6):
        run.checkpoints.save(step, STATE, keep=5)
    assert run.checkpoints.latest_step() == 6
    run.checkpoints.remove_after(2)
    assert run.checkpoints.latest_step() == 2
    assert Run(run.path / "empty").checkpoints.latest_step() == 0


def test_the_best_generator_is_kept_with_its_figures(run):
    assert run.best_metrics() == {}
    run.save_best(small_generator(), 7, {"frechet_distance": 1.5})
    assert run.best_metrics() == {"step": 7, "frechet_distance": 1.5}
    assert run.load_generator("best").output_shape == (None, 8, 8, 1)
    run.best_report.write_text("[1]")
    assert run.best_metrics() == {}
    with pytest.raises(UserError, match=r"no best\.keras yet"):
        Run(run.path / "other").load_generator("best")


def test_classes_are_kept_and_forgotten_with_the_run(run):
    classes = Classes(("a", "b"), (0.5, 0.5))
    assert run.classes() is None
    run.save_classes(classes)
    assert run.classes() == classes
    run.save_classes(None)
    assert run.classes() is None
