"""Training end to end, on twelve small images."""

import functools
import json
import os
import shutil
import signal
import time
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

from dcgan import runs, train
from dcgan.config import GenerateConfig
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.sampling import generate, latents
from dcgan.training import augmentation
from dcgan.training.losses import non_saturating
from dcgan.training.progress import Progress
from tests.support.tiny_runs import make_images, tiny_config


@pytest.fixture
def config(tmp_path):
    return tiny_config(tmp_path)


def everything_that_must_be_equal(run_dir, step):
    return [(run_dir / "checkpoints" / f"step-{step:08d}.npz").read_bytes(), (run_dir / "generator.keras").read_bytes()]


def test_a_run_leaves_config_log_samples_checkpoints_and_generator(config):
    run = train(config)
    few = {"clusters": 0, "augment": "translation", "adaptive_augment": True}
    assert run.config() == replace(
        config, precision="float32", channels=3, **few
    )  # what is best on a CPU, and for few images
    assert [record["step"] for record in run.log_records()] == [1, 2, 3, 4, 5, 6]
    assert sorted(file.name for file in run.samples_dir.iterdir()) == [
        "real.png",
        "step-00000003.png",
        "step-00000006.png",
    ]
    assert sorted(file.name for file in run.checkpoints.folder.iterdir()) == ["step-00000004.npz", "step-00000006.npz"]
    assert (run.path / "curves.png").is_file()


def test_a_resumed_run_keeps_the_precision_that_was_chosen_for_it(config):
    run = train(replace(config, precision="mixed_bfloat16", steps=2))
    assert train(replace(config, precision="auto", steps=3)).config().precision == "mixed_bfloat16"
    with pytest.raises(UserError, match="precision is mixed_bfloat16, now float32"):
        train(replace(config, precision="float32", steps=4))
    assert run.checkpoints.latest_step() == 3


def test_the_log_has_the_names_other_programs_rely_on(config):
    record = json.loads(train(config).log_file.read_text().splitlines()[-1])
    names = {"step", "d_loss", "g_loss", "d_real", "d_fake", "images_per_second", "seconds"}
    assert names <= set(record)
    assert all(isinstance(record[name], (int, float)) for name in names)
    assert 0 <= record["d_real"] <= 1


def test_the_generator_loads_with_plain_keras_and_generates_images_of_the_size(config):
    run = train(config)
    model = keras.models.load_model(run.generator_file, safe_mode=True)
    images = model(latents(range(3), 5), training=False).numpy()
    assert images.shape == (3, 8, 8, 3)
    assert np.abs(images).max() <= 1


def test_the_discriminator_loads_with_plain_keras_and_has_the_newest_checkpoints_weights(config):
    run = train(config)
    model = keras.models.load_model(run.discriminator_file, safe_mode=True)
    checkpoint = run.checkpoints.latest()
    for variable in model.variables:
        np.testing.assert_array_equal(
            variable, checkpoint[f"discriminator/{variable.path.removeprefix('discriminator/')}"]
        )
    assert model(np.zeros((3, 8, 8, 3), np.float32)).shape == (3, 1)


def test_the_first_grid_shows_the_real_images(config):
    grid = np.asarray(Image.open(train(config).samples_dir / "real.png"))
    image = np.asarray(Image.open(config.data_dir / "000.png"))
    windows = np.lib.stride_tricks.sliding_window_view(grid, image.shape)
    assert (windows == image).all(axis=(-3, -2, -1)).any()


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "compile_mode"), [("float32", "none"), ("mixed_bfloat16", "auto")])
def test_resuming_is_the_same_call_and_ends_with_the_same_bytes(config, tmp_path, precision, compile_mode):
    config = replace(config, precision=precision, compile=compile_mode)
    straight = train(config)
    stopped = replace(config, run_dir=tmp_path / "stopped", steps=3)
    train(stopped)
    train(replace(stopped, steps=6))
    assert everything_that_must_be_equal(straight.path, 6) == everything_that_must_be_equal(stopped.run_dir, 6)
    log = [record["step"] for record in runs.Run(stopped.run_dir).log_records()]
    assert log == [1, 2, 3, 4, 5, 6]


def test_a_finished_run_is_left_unchanged_and_says_how_to_continue(config, capsys):
    train(config)
    before = everything_that_must_be_equal(config.run_dir, 6)
    train(config)
    assert "already has 6 steps" in capsys.readouterr().out
    assert everything_that_must_be_equal(config.run_dir, 6) == before


def test_seconds_continue_over_a_pause(config):
    train(replace(config, steps=3))
    seconds = [record["seconds"] for record in train(config).log_records()]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_step_saves_and_the_next_call_resumes(config, number, monkeypatch, capsys):
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    log = Progress.log

    def interrupted(self, step, metrics):
        if step == 3:
            os.kill(os.getpid(), number)
            time.sleep(0.05)
        log(self, step, metrics)

    monkeypatch.setattr(Progress, "log", interrupted)
    run = train(config)
    step = run.checkpoints.latest()["steps_done"]
    assert step in (3, 4)
    assert "The same command resumes" in capsys.readouterr().out
    assert {n: signal.getsignal(n) for n in handlers} == handlers
    monkeypatch.setattr(Progress, "log", log)
    assert train(config).checkpoints.latest()["steps_done"] == 6


def test_epochs_end_a_run_when_every_image_was_used_that_often(config):
    assert train(replace(config, epochs=1.5, steps=100)).checkpoints.latest()["steps_done"] == 5  # 18 images in fours


def test_minutes_end_a_call_and_the_next_one_has_as_many_again(config):
    brief = replace(config, minutes=1e-9, steps=100)
    assert train(brief).checkpoints.latest()["steps_done"] == 1
    assert train(brief).checkpoints.latest()["steps_done"] == 2


def test_old_checkpoints_are_removed(config):
    run = train(replace(config, keep_checkpoints=1, save_every=1))
    assert [file.name for file in run.checkpoints.folder.iterdir()] == ["step-00000006.npz"]


def test_another_config_is_refused_and_every_difference_is_named_with_both_values(config):
    train(replace(config, steps=2))
    with pytest.raises(UserError, match=r"seed is 0, now 7; latent_dim is 5, now 9"):
        train(replace(config, seed=7, latent_dim=9))
    assert train(config).checkpoints.latest()["steps_done"] == 6


def test_other_images_are_refused(config):
    train(replace(config, steps=2))
    make_images(config.data_dir, count=16)
    with pytest.raises(UserError, match="not those"):
        train(config)


def test_fewer_images_than_a_batch_are_refused_before_a_run_begins(config):
    with pytest.raises(UserError, match=r"`batch_size=13` is larger than the dataset \(12 images\)"):
        train(replace(config, batch_size=13))
    assert not config.run_dir.exists()


def test_a_nan_loss_ends_training_and_keeps_the_last_checkpoint(config):
    train(replace(config, steps=2, health_checks=False))
    before = everything_that_must_be_equal(config.run_dir, 2)

    @functools.wraps(non_saturating)
    def broken(real_logits, fake_logits):
        d_loss, g_loss = non_saturating(real_logits, fake_logits)
        return d_loss, 0 * g_loss / 0.0

    with pytest.raises(UserError, match="Step 3: training diverged: g_loss"):
        train(replace(config, health_checks=False), loss=broken)
    assert everything_that_must_be_equal(config.run_dir, 2) == before


def test_nan_weights_are_never_saved(config):
    """The losses of a step are older than its weights, and still fine when the weights are lost."""
    with pytest.raises(UserError, match=r"Step 1: training diverged: .*\n.*No checkpoint was written"):
        train(replace(config, generator_lr=1e39, save_every=1, health_checks=False))
    assert not runs.Run(config.run_dir).checkpoints.exist()
    assert train(config).checkpoints.latest()["steps_done"] == 6  # and the run may start with better options


def test_a_closed_output_stops_the_run_as_a_signal_does(config, monkeypatch):
    silenced = []

    def broken(*line, **how):
        raise BrokenPipeError

    monkeypatch.setattr("dcgan.training.progress.silence_stdout", lambda: silenced.append(True))
    monkeypatch.setattr("dcgan.training.progress.print", broken, raising=False)
    assert train(replace(config, steps=100)).checkpoints.latest()["steps_done"] < 100
    assert silenced


@pytest.mark.parametrize("lost", ["log.jsonl", "curves.png", "samples"])
def test_a_run_resumes_without_files_that_it_does_not_need(config, lost):
    run = train(replace(config, steps=4))
    path = run.path / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert train(replace(config, steps=4)).checkpoints.latest()["steps_done"] == 4
    assert train(config).checkpoints.latest()["steps_done"] == 6


def test_animate_writes_the_grids_as_a_gif(config):
    run = train(replace(config, animate=True))
    with Image.open(run.path / "history.gif") as animation:
        assert animation.n_frames == 2


def class_folders(config):
    """Move the images into two class folders, the second with twice as many."""
    for name, numbers in (("cats", range(4)), ("dogs", range(4, 12))):
        (config.data_dir / name).mkdir()
        for number in numbers:
            (config.data_dir / f"{number:03d}.png").rename(config.data_dir / name / f"{number:03d}.png")
    return config


def test_class_folders_make_a_conditional_run_that_resumes_bit_for_bit(config):
    class_folders(config)
    run = train(config)
    assert run.classes() == Classes(("cats", "dogs"), (1 / 3, 2 / 3))
    assert [tensor.shape[-1] for tensor in run.load_generator().inputs] == [5, 2]
    at_once = everything_that_must_be_equal(config.run_dir, 6)
    shutil.rmtree(config.run_dir)
    train(replace(config, steps=3))
    train(config)
    assert everything_that_must_be_equal(config.run_dir, 6) == at_once


def test_a_conditional_run_samples_a_row_of_each_class_as_generate_does(config):
    run = train(class_folders(config))
    with Image.open(run.sample_file(6)) as grid:
        trained = np.asarray(grid)
    with Image.open(generate(GenerateConfig(run_dir=run.path))) as grid:
        np.testing.assert_array_equal(np.asarray(grid), trained)


def test_labels_are_ignored_or_required_on_demand(config):
    with pytest.raises(UserError, match="`conditional=True` needs labels"):
        train(replace(config, conditional=True))
    run = train(replace(class_folders(config), conditional=False))
    assert run.classes() is None
    assert len(run.load_generator().inputs) == 1


def test_an_evaluator_is_called_at_intervals_and_the_best_generator_is_kept(config):
    answers = iter([5.0, 3.0, 4.0])
    run = train(
        replace(config, evaluate_every=2), evaluator=lambda generator, classes: {"frechet_distance": next(answers)}
    )
    distances = [record["frechet_distance"] for record in run.log_records() if "frechet_distance" in record]
    assert distances == [5.0, 3.0, 4.0]
    assert run.best_metrics() == {"step": 4, "frechet_distance": 3.0}
    short = replace(config, run_dir=config.run_dir.with_name("short"), steps=4)
    ours, theirs = run.load_generator("best"), train(short).load_generator()
    assert all(np.array_equal(a, b) for a, b in zip(ours.variables, theirs.variables, strict=True))


def test_the_best_distance_is_remembered_over_a_stop_and_compared_on_its_own_scale_only(config):
    class Scripted:
        def __init__(self, scale, *answers):
            self.scale, self.answers = scale, iter(answers)

        def __call__(self, generator, classes):
            return {"frechet_distance": next(self.answers)}

    config = replace(config, evaluate_every=2)
    train(replace(config, steps=2), evaluator=Scripted("a", 3.0))
    run = train(replace(config, steps=4), evaluator=Scripted("a", 4.0))
    assert run.best_metrics() == {"step": 2, "frechet_distance": 3.0}
    train(config, evaluator=Scripted("b", 50.0))
    assert run.best_metrics() == {"step": 6, "frechet_distance": 50.0}
    assert run.best_metrics("a") == {}


def test_a_stop_request_does_not_wait_for_an_evaluation(config):
    calls = []

    def evaluator(generator, classes):
        calls.append(1)
        return {"frechet_distance": 1.0}

    def stop_after_two(run):
        if run.log_records()[-1]["step"] == 2:
            os.kill(os.getpid(), signal.SIGINT)

    run = train(replace(config, evaluate_every=5, steps=8), evaluator=evaluator, callback=stop_after_two)
    assert run.checkpoints.latest_step() < 5
    assert not calls


def test_nan_weights_are_never_the_best(config):
    broken = replace(config, generator_lr=1e39, save_every=6, evaluate_every=1, health_checks=False)
    with pytest.raises(UserError, match="diverged"):
        train(broken, evaluator=lambda generator, classes: {"frechet_distance": 1.0})
    best = runs.Run(config.run_dir)
    assert not best.best_metrics() or all(np.isfinite(v).all() for v in best.load_generator("best").get_weights())


def test_a_damaged_newest_checkpoint_does_not_outlive_the_ones_that_follow(config):
    run = train(replace(config, keep_checkpoints=2))
    newest = max(run.checkpoints.folder.iterdir())
    newest.write_bytes(b"damaged")
    train(replace(config, keep_checkpoints=1, steps=5))
    assert [file.name for file in run.checkpoints.folder.iterdir()] == ["step-00000005.npz"]
    assert train(config).checkpoints.latest()["steps_done"] == 6


def test_time_spent_on_evaluation_is_not_training_time(config):
    def slow(generator, classes):
        time.sleep(0.5)
        return {"frechet_distance": 1.0}

    records = train(replace(config, evaluate_every=1, steps=6), evaluator=slow).log_records()
    assert records[-1]["seconds"] - records[1]["seconds"] < 2


def test_the_augmentation_is_part_of_the_run(config):
    run = train(replace(config, augment="cutout, color"))
    assert run.config().augment == "color,cutout"
    few = train(replace(config, run_dir=config.run_dir.with_name("few")))
    assert (few.config().augment, few.config().adaptive_augment) == ("translation", True)
    assert few.log_records()[-1]["augment_probability"] <= 6 * config.batch_size / augmentation.IMAGES_TO_ONE
    plain = train(replace(config, augment="none", run_dir=config.run_dir.with_name("plain")))
    assert "augment_probability" not in plain.log_records()[-1]
    assert run.checkpoints.latest()["discriminator/logit/kernel"].tolist() != (
        plain.checkpoints.latest()["discriminator/logit/kernel"].tolist()
    )


def test_another_loss_is_refused_when_a_run_is_resumed(config):
    def doubled(real_logits, fake_logits):
        d_loss, g_loss = non_saturating(real_logits, fake_logits)
        return 2 * d_loss, g_loss

    train(replace(config, steps=2), loss=doubled)
    with pytest.raises(UserError, match="was trained with the loss doubled, now non_saturating"):
        train(config)
    assert train(config, loss=doubled).checkpoints.latest()["steps_done"] == 6


def test_a_run_does_not_lie_right_in_its_data(tmp_path):
    with pytest.raises(UserError, match="`run_dir` and `data_dir` are both"):
        train(tiny_config(tmp_path, data_dir=tmp_path, run_dir=tmp_path / "x/.."))
