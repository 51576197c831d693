"""A signal stops a training: what it saves, and that it resumes to the same bytes."""

import os
import signal
from dataclasses import replace

import pytest

from dcgan import runs, train
from dcgan.training.progress import Progress
from tests.support.tiny_runs import tiny_config


class Distances:
    """An evaluator that gets a signal while it computes at some steps, once each."""

    scale = "steps"

    def __init__(self, stops=()):
        self.stops, self.calls = list(stops), 0

    def __call__(self, generator, classes):
        self.calls += 1
        if self.stops and self.calls == self.stops[0]:
            self.stops.pop(0)
            os.kill(os.getpid(), signal.SIGTERM)
            pytest.fail("the evaluation continued")
        return {"frechet_distance": float(abs(generator.get_weights()[0]).sum())}


@pytest.fixture
def config(tmp_path):
    return tiny_config(tmp_path, evaluate_every=2, save_every=3, sample_every=6, log_every=2)


def files(run):
    names = ("generator.keras", "best.keras", "best.json", "checkpoints/step-00000006.npz", "samples/step-00000006.png")
    records = run.log_records()
    kept = [{k: v for k, v in r.items() if k not in ("images_per_second", "seconds", "checksum")} for r in records]
    return [(run.path / name).read_bytes() for name in names], kept


@pytest.mark.slow
@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_stop_ends_an_evaluation_which_is_made_up_for(config, tmp_path, call, capsys):
    straight = train(config, evaluator=Distances())
    stopped = replace(config, run_dir=tmp_path / "stopped")
    run = train(stopped, evaluator=Distances([call]))
    assert run.checkpoints.latest_step() == 2 * call
    assert f"Stopped and saved after step {2 * call} of 6. The same command resumes" in capsys.readouterr().out
    train(stopped, evaluator=Distances())
    assert files(run) == files(straight)
    assert "damaged" not in capsys.readouterr().out


def test_an_evaluation_is_ended_as_often_as_it_takes(config, tmp_path):
    straight = train(config, evaluator=Distances())
    stopped = replace(config, run_dir=tmp_path / "stopped")
    for _ in range(3):
        run = train(stopped, evaluator=Distances([1]))
        assert run.checkpoints.latest_step() == 2
    train(stopped, evaluator=Distances())
    assert files(run) == files(straight)


def test_a_kill_after_an_evaluation_was_made_up_for_repeats_it(config, tmp_path, monkeypatch):
    straight = train(config, evaluator=Distances())
    stopped = replace(config, run_dir=tmp_path / "stopped")
    run = train(stopped, evaluator=Distances([1]))

    class Killed(BaseException):
        pass

    log = Progress.log

    def killed(self, step, metrics):
        log(self, step, metrics)
        raise Killed

    monkeypatch.setattr(Progress, "log", killed)
    with pytest.raises(Killed):
        train(stopped, evaluator=Distances())
    assert [record["step"] for record in run.log_records()] == [2]
    monkeypatch.undo()
    train(stopped, evaluator=Distances())
    assert files(run)[1] == files(straight)[1]


def test_a_stop_between_steps_does_not_begin_an_evaluation(config, tmp_path, monkeypatch):
    straight = train(config, evaluator=Distances())
    stopped = replace(config, run_dir=tmp_path / "stopped")
    check = "dcgan.training.health_checks.HealthChecks.check"
    monkeypatch.setattr(check, lambda self, step, *_: os.kill(os.getpid(), signal.SIGINT) if step == 4 else None)
    evaluator = Distances()
    run = train(stopped, evaluator=evaluator)
    assert (run.checkpoints.latest_step(), evaluator.calls) == (4, 1)
    monkeypatch.undo()
    train(stopped, evaluator=evaluator)
    assert evaluator.calls == 3
    assert files(run)[0][:3] == files(straight)[0][:3]


def test_without_evaluations_an_unfinished_step_is_logged_alone(config):
    train(config, evaluator=Distances([2]))
    run = train(replace(config, evaluate_every=None))
    assert ["frechet_distance" in record for record in run.log_records()] == [True, False, False, False]
    assert runs.Run(config.run_dir).best_metrics()["step"] == 2
