"""Health checks of several workers and around damaged records, with a trainer that only counts."""

from types import SimpleNamespace

import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.runs import Run
from dcgan.runs.jsonl import write_jsonl
from dcgan.training import health_checks
from dcgan.training.checkpointing import report_damaged_records, restore_checkpoint
from dcgan.training.distributed import Job
from dcgan.training.health import HealthIssue
from dcgan.training.health_checks import TRAINING_ENDED, HealthChecks, Rollback

DATASET = SimpleNamespace(images=np.zeros((4, 8, 8, 1), np.uint8), fingerprint="images")
CHIEF, WORKER = Job("multi_worker", 0, 2), Job("multi_worker", 1, 2)


class CountingTrainer:
    """A trainer whose whole state is its step."""

    def __init__(self, save_every=2):
        self.step, self.strategy, self.objective = 0, None, "a loss"
        self.config = SimpleNamespace(seed=0, save_every=save_every, keep_checkpoints=9, init_from=None)

    def restore(self, checkpoint):
        self.step = int(checkpoint["steps_done"])

    def scale_learning_rates(self, factor):
        return 1e-3 * factor, 2e-3 * factor


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "run")


def save(run, step, **entries):
    """Write a checkpoint as `save_checkpoint` does."""
    arrays = {"steps_done": np.array(step), "fingerprint": np.array("images"), "objective": np.array("a loss")}
    run.checkpoints.save(step, arrays | {name: np.array(text) for name, text in entries.items()}, 9)


def checks_of(run, job, trainer=None, progress=None, **options):
    trainer = trainer or CountingTrainer()
    return HealthChecks(job, run, DATASET, trainer, progress, "scale", {}, {}, **{"enabled": True, **options})


def test_a_worker_checks_nothing_and_restores_what_the_chief_wrote(run, monkeypatch):
    save(run, 4)
    trainer = CountingTrainer()
    checks = checks_of(run, WORKER, trainer)
    assert checks.check(5, {"d_loss": float("nan")}, None) is None
    assert checks.state_at_checkpoint() is None
    monkeypatch.setattr(health_checks, "step_of_chief", lambda job, strategy, step: 4)
    assert checks.roll_back(None) == ""
    assert trainer.step == 4


def test_a_worker_ends_when_the_chief_has_ended_the_training(run, monkeypatch):
    monkeypatch.setattr(health_checks, "step_of_chief", lambda job, strategy, step: TRAINING_ENDED)
    with pytest.raises(UserError, match="Worker 0 ended the training"):
        checks_of(run, WORKER).roll_back(None)


def test_a_worker_that_does_not_see_the_chiefs_folder_is_told_so(run, monkeypatch):
    save(run, 2)
    monkeypatch.setattr(health_checks, "step_of_chief", lambda job, strategy, step: 4)
    with pytest.raises(UserError, match="rolled back to step 4, but the newest checkpoint here is of step 2"):
        checks_of(run, WORKER).roll_back(None)


@pytest.mark.parametrize("enabled", [True, False])
def test_distances_that_get_worse_are_reported_only_where_health_is_checked(run, enabled):
    lines = []
    checks = checks_of(run, CHIEF, progress=SimpleNamespace(say=lines.append), enabled=enabled)
    for step, distance in enumerate([1.0, 9.0, 9.0, 9.0]):
        checks.check_distance(step, distance)
    assert len(lines) == len(run.health_events()) == enabled


def test_only_checkpoints_on_schedule_are_returned_to(run):
    rollback = Rollback(run, CountingTrainer(), {}, {})
    for step in (2, 3, 4):
        rollback.remember(step)
    assert rollback.state()["targets"] == [2, 4]


def test_without_a_whole_checkpoint_the_run_returns_to_its_beginning(run, capsys):
    trainer = CountingTrainer()
    rollback = Rollback(run, trainer, {"steps_done": np.array(0)}, {"targets": [2, 4]})
    for step in (2, 4):
        run.checkpoints.file(step).parent.mkdir(parents=True, exist_ok=True)
        run.checkpoints.file(step).write_bytes(b"damaged")
    trainer.step = 6
    rollback.restore(HealthIssue(6, "collapsed"))
    assert trainer.step == 0
    assert rollback.state()["targets"] == [0]
    assert capsys.readouterr().out.count("is missing or damaged") == 2


@pytest.mark.parametrize("health", ["", "[]", "{", '{"events": -1, "rollbacks": 0, "targets": [0]}', '{"events": 1}'])
def test_a_damaged_health_state_counts_as_none(run, health):
    save(run, 2, health=health)
    assert restore_checkpoint(CountingTrainer(), run, "images") == {}


def test_a_reader_of_a_run_leaves_its_files_alone(run):
    for step in (2, 4):
        save(run, step)
    write_jsonl(run.log_file, [{"step": step} for step in (2, 4, 5)])
    trainer = CountingTrainer()
    restore_checkpoint(trainer, run, "images", writing=False)
    assert trainer.step == 4
    assert len(run.log_records()) == 3
    restore_checkpoint(trainer, run, "images")
    assert len(run.log_records()) == 2


def test_damaged_lines_of_a_log_are_counted_and_a_missing_step_is_named(run, capsys):
    write_jsonl(run.log_file, [{"step": 1}, {"step": 2}])
    report_damaged_records(run, 2, 2)
    assert capsys.readouterr().out == ""
    text = run.log_file.read_text()
    run.log_file.write_text(text.replace('"step": 2', '"step": 3'))
    report_damaged_records(run, 2, 2)
    assert capsys.readouterr().out == (
        f"{run.log_file} is damaged: 1 of its lines can't be used.\n"
        f"{run.log_file} is damaged: it has no line about step 2.\n"
    )
