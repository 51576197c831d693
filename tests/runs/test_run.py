"""The run directory: its files, atomic writes, damaged files."""

import re

import keras
import numpy as np
import pytest

from dcgan.config import TrainConfig
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.networks import build_generator
from dcgan.runs import Run
from dcgan.runs.jsonl import count_damaged_lines, write_jsonl

CHECKPOINT = {"steps_done": np.array(3), "generator/project/kernel": np.arange(4.0, dtype=np.float32)}


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "run")


def small_generator(seed=0):
    return build_generator((8, 8), 1, width=2, latent_dim=3, seed=seed)


def test_equal_generators_give_equal_files_and_different_ones_do_not(run, tmp_path):
    other, third = Run(tmp_path / "other"), Run(tmp_path / "third")
    run.save_generator(small_generator())
    other.save_generator(small_generator())
    third.save_generator(small_generator(seed=1))
    assert run.generator_file.read_bytes() == other.generator_file.read_bytes() != third.generator_file.read_bytes()


def test_a_loaded_generator_generates_what_the_saved_one_did(run):
    model = small_generator()
    run.save_generator(model)
    latents = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    assert np.array_equal(run.load_generator()(latents, training=False), model(latents, training=False))


def test_raw_weights_come_from_the_checkpoint(run):
    averaged, raw = small_generator(seed=0), small_generator(seed=1)
    run.save_generator(averaged)
    run.checkpoints.save(1, {f"generator/{v.path}": v.numpy() for v in raw.variables}, keep=1)
    latents = np.ones((2, 3), np.float32)
    assert np.array_equal(run.load_generator("raw")(latents, training=False), raw(latents, training=False))
    assert np.array_equal(run.load_generator("ema")(latents, training=False), averaged(latents, training=False))


def test_missing_raw_weights_are_a_user_error(run):
    run.save_generator(small_generator())
    with pytest.raises(UserError, match="raw weights"):
        run.load_generator("raw")


@pytest.mark.parametrize("content", [None, b"", b"not a zip", b"PK\x03\x04 half"])
def test_a_missing_or_damaged_generator_is_a_user_error(run, content):
    run.path.mkdir()
    if content is not None:
        run.generator_file.write_bytes(content)
    with pytest.raises(UserError):
        run.load_generator()


def test_a_model_that_generates_no_images_is_a_user_error(run):
    run.path.mkdir()
    image, vector = keras.Input((8, 8, 1)), keras.Input((3,))
    two_channels = keras.layers.Conv2D(2, 1)(keras.layers.Reshape((3, 1, 1))(vector))
    for inputs, outputs in [(image, image), (vector, vector), (vector, two_channels), (vector, [vector, two_channels])]:
        keras.Model(inputs, outputs).save(run.generator_file)
        with pytest.raises(UserError, match="not a generator of images"):
            run.load_generator()


def test_a_log_line_that_a_crash_cut_short_is_skipped(run):
    run.path.mkdir()
    run.log_file.write_text(
        '{"step": 1, "seconds": 1.0}\n{"step": 2, "seconds": 2.0}\nnonsense\n[1]\n{"step": 3, "d_lo'
    )
    assert [record["step"] for record in run.log_records()] == [1, 2]
    run.rewind_log(1)
    assert run.log_file.read_text() == '{"step": 1, "seconds": 1.0, "checksum": "c45a488b"}\n'


@pytest.mark.parametrize("seconds", ["NaN", '"long"', "null", "true"])
def test_invalid_times_in_the_log_are_ignored(run, seconds):
    run.path.mkdir()
    run.log_file.write_text(f'{{"step": 1, "seconds": 5.0}}\n{{"step": 2, "seconds": {seconds}}}\n{{"step": 3}}\n')
    assert run.trained_seconds() == 5.0


def test_a_pretrained_run_has_no_best_generator_and_will_not_get_one(tmp_path):
    run = Run(tmp_path / "published")
    run.path.mkdir()
    for file in run.config_file, run.generator_file, run.model_card_file:
        file.touch()
    with pytest.raises(UserError, match=r"has no best\.keras: it is a pretrained generator\.") as caught:
        run.load_generator("best")
    assert caught.value.hint == "Use --weights ema."
    run.model_card_file.unlink()
    with pytest.raises(UserError, match=r"has no best\.keras yet\.") as caught:
        run.load_generator("best")
    assert "--evaluate-every" in caught.value.hint


def test_health_events_after_a_checkpoint_are_removed_when_its_steps_are_repeated(tmp_path):
    run = Run(tmp_path)
    for step in (1, 2, 3):
        run.log_health_event({"step": step, "message": "!"})
    run.rewind_health_events(5)
    assert len(run.health_events()) == 3
    run.rewind_health_events(1)
    assert [event["step"] for event in run.health_events()] == [1]
    run.rewind_health_events(0)
    assert run.health_events() == []


def test_the_best_generator_is_kept_with_its_metrics(run):
    assert run.best_metrics() == {}
    run.save_best(small_generator(), 7, {"frechet_distance": 1.5})
    assert run.best_metrics() == {"step": 7, "frechet_distance": 1.5}
    assert run.load_generator("best").output_shape == (None, 8, 8, 1)
    run.best_report.write_text("[1]")
    assert run.best_metrics() == {}
    with pytest.raises(UserError, match=r"no best\.keras yet"):
        Run(run.path / "other").load_generator("best")


def test_classes_can_be_saved_and_removed(run):
    classes = Classes(("a", "b"), (0.5, 0.5))
    assert run.classes() is None
    run.save_classes(classes)
    assert run.classes() == classes
    run.save_classes(None)
    assert run.classes() is None


def test_a_changed_character_of_a_record_is_noticed(run):
    write_jsonl(run.log_file, [{"step": 1, "seconds": 1.5}, {"step": 2, "seconds": 2.5}])
    text, unnoticed = run.log_file.read_text(), []
    names = [match.start() for match in re.finditer('"checksum"', text)]
    for position in range(len(text) - 1):  # without the last line break
        changed = bytearray(text.encode())
        changed[position] ^= 1
        run.log_file.write_bytes(changed)
        in_name = any(start <= position < start + len('"checksum"') for start in names)
        if count_damaged_lines(run.log_file) == 0 and not in_name:  # the values are whole then
            unnoticed.append(position)
    assert unnoticed == []
    run.log_file.write_text(text + '{"step": 3, "sec')
    assert count_damaged_lines(run.log_file) == 0
    assert count_damaged_lines(run.path / "absent.jsonl") == 0


def test_a_config_that_was_changed_is_reported_and_used(run, capsys):
    run.save_config(TrainConfig(seed=3).resolve())
    assert run.config().seed == 3
    assert capsys.readouterr().err == ""
    run.config_file.write_text(run.config_file.read_text().replace("seed: 3", "seed: 4"))
    assert run.config().seed == 4
    assert "config.yaml was changed since training wrote it" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["best.keras", "best.json"])
def test_a_best_generator_that_does_not_belong_to_its_metrics_does_not_count(run, capsys, name):
    run.save_best(build_generator((8, 8), 1, width=2, latent_dim=3, seed=0), 7, {"frechet_distance": 1.5})
    assert run.best_metrics() == {"step": 7, "frechet_distance": 1.5}
    file = run.path / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert run.best_metrics() == {}
    file.unlink()
    assert run.best_metrics() == {}
    assert capsys.readouterr().out.count("are damaged, or don't belong together") == 2


def test_clusters_are_read_back_and_damaged_ones_are_not(run):
    assert run.clusters(3) is None
    run.save_clusters(np.array([0, 65_535, 2]))
    assert run.clusters(3).tolist() == [0, 65_535, 2]
    assert run.clusters(4) is None
    run.clusters_file.write_bytes(b"damaged")
    assert run.clusters(3) is None


def test_a_log_that_can_not_be_read_is_a_user_error(run):
    run.log_file.mkdir(parents=True)
    with pytest.raises(UserError, match=r"log.jsonl can't be read: Is a directory"):
        run.log_records()
