"""Opening a run directory for training."""

import errno
import fcntl
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from dcgan.config import TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.core.errors import UserError
from dcgan.networks import build_generator
from dcgan.runs import Run, open_run


@pytest.fixture
def config(tmp_path):
    return TrainConfig(run_dir=tmp_path / "run").resolve()


def small_generator():
    return build_generator((8, 8), 1, width=2, latent_dim=3, seed=0)


def test_a_run_without_checkpoints_takes_another_config(config):
    with open_run(config):
        pass
    with open_run(replace(config, seed=9)) as run:
        assert run.config().seed == 9


def test_opening_creates_the_directory_and_writes_the_config(config):
    with open_run(config) as run:
        assert run.config() == config


def test_opening_again_writes_options_that_may_change(config):
    with open_run(config):
        pass
    with open_run(replace(config, steps=9)) as run:
        assert run.config().steps == 9


def test_two_trainings_can_not_open_one_run(config):
    with (
        open_run(config),
        pytest.raises(UserError, match=rf"Process {os.getpid()} on .* is training"),
        open_run(config),
    ):
        pass


def test_who_trains_in_a_run_may_be_unknown(config):
    with open_run(config):
        (config.run_dir / ".trained-by").unlink()
        with pytest.raises(UserError, match="Another process is training in"), open_run(config):
            pass


def test_a_worker_that_does_not_write_needs_no_lock_and_changes_nothing(config):
    with open_run(config), open_run(replace(config, seed=9), writing=False) as run:
        assert run.config().seed == config.seed
    with open_run(replace(config, run_dir=config.run_dir / "none"), writing=False) as run:
        assert not run.path.exists()


def test_a_folder_with_other_files_is_not_used_as_a_run(config):
    config.run_dir.mkdir()
    (config.run_dir / "thesis.tex").write_text("")
    with pytest.raises(UserError, match="not empty and not a run"), open_run(config):
        pass


def test_a_file_in_place_of_the_directory_is_a_user_error(config):
    config.run_dir.write_text("")
    with pytest.raises(UserError, match="can't be used"), open_run(config):
        pass


@pytest.mark.parametrize("content", ["bogus_option: 1\n", "steps: many\n", "\x00", "]["])
def test_an_invalid_config_file_is_a_user_error(config, content):
    config.run_dir.mkdir()
    (config.run_dir / "config.yaml").write_text(content)
    with pytest.raises(UserError, match=r"config\.yaml can't be read"), open_run(config):
        pass


def test_training_does_not_replace_a_pretrained_generator(tmp_path):
    published = Run(Path("checkpoints/mnist10k"))
    published.save_generator(small_generator())
    published.config_file.write_text(to_yaml(TrainConfig()))
    published.model_card_file.write_text("# How it was made")
    before = published.generator_file.read_bytes()
    with pytest.raises(UserError, match="without the checkpoint"), open_run(TrainConfig(run_dir=published.path)):
        pass
    with open_run(TrainConfig()) as run:
        assert run.path == Path("checkpoints/mnist10k-new")
    assert published.generator_file.read_bytes() == before
    with open_run(TrainConfig()) as again:
        assert again.path == run.path


def test_evaluations_of_a_run_without_checkpoints_are_removed_when_it_starts_again(tmp_path):
    with open_run(TrainConfig(run_dir=tmp_path / "run")) as run:
        run.save_best(small_generator(), 1, {"frechet_distance": 1.0})
        run.log_health_event({"step": 1, "message": "x", "remedy": "y"})
    with open_run(TrainConfig(run_dir=run.path, seed=4)) as run:
        assert (run.best_metrics(), run.health_events()) == ({}, [])
        assert not run.best_file.exists()


def test_a_run_killed_between_its_generator_and_its_first_checkpoint_can_be_opened_again(tmp_path):
    run = Run(tmp_path / "run")
    run.save_generator(small_generator())
    run.config_file.write_text(to_yaml(TrainConfig(run_dir=run.path)))
    with open_run(TrainConfig(run_dir=run.path)) as again:
        assert again.path == run.path


def refuse_locks(monkeypatch, error):
    def flock(*args):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_without_locks_is_named_and_training_goes_on(config, monkeypatch, capsys, error):
    refuse_locks(monkeypatch, error)
    with open_run(config) as run:
        message = capsys.readouterr().err
        assert f"has no file locks ({os.strerror(error)})" in message
        assert "Make sure that no other machine trains in it" in message
        with pytest.raises(UserError, match=rf"Process {os.getpid()} on .* is training in"), open_run(config):
            pass
    assert list(run.path.glob(".trained-by")) == []


def test_a_process_of_another_machine_may_be_running_where_there_are_no_locks(config, monkeypatch):
    refuse_locks(monkeypatch, errno.ENOLCK)
    config.run_dir.mkdir()
    owner = config.run_dir / ".trained-by"
    owner.write_text("elsewhere 1")
    with pytest.raises(UserError, match=r"Process 1 on elsewhere .*\n.*If it has ended, remove .*\.trained-by"):
        open_run(config).__enter__()
    owner.unlink()
    with open_run(config):
        pass


@pytest.mark.parametrize("content", [f"{socket.gethostname()} 999999999", "", "\x1b[2J 1", "host many", "\xff"])
@pytest.mark.parametrize("locks", [True, False], ids=["locks", "no locks"])
def test_what_a_dead_process_left_holds_nobody_up(config, monkeypatch, content, locks):
    if not locks:
        refuse_locks(monkeypatch, errno.ENOLCK)
    config.run_dir.mkdir()
    (config.run_dir / ".trained-by").write_text(content, encoding="latin-1")
    (config.run_dir / ".lock").touch()
    with open_run(config):
        pass


def test_a_directory_that_can_not_be_locked_for_another_reason_is_refused(config, monkeypatch):
    refuse_locks(monkeypatch, errno.EIO)
    with pytest.raises(UserError, match="can't be written: Input/output error"), open_run(config):
        pass
