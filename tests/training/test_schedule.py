"""What is due at which step, compared with the rules written out."""

import pytest

from dcgan.config import TrainConfig
from dcgan.training.schedule import Schedule


def schedule(start=0, last=100, health_checks=False, is_chief=True, **options):
    every = {"log_every": 4, "sample_every": 6, "save_every": 10} | options
    return Schedule(TrainConfig(**every).resolve(), start, last, health_checks=health_checks, is_chief=is_chief)


def events_of(made, names=("log", "sample", "checkpoint", "evaluate")):
    """Advance one step at a time; return the events that are due at each step that has any."""
    found = {}
    while not made.finished:
        step = made.advance(1, stop_requested=False)
        if due := [name for name in names if made.due(name)]:
            found[step] = due
    return found


def test_events_are_due_at_multiples_of_their_intervals_and_at_the_last_step():
    assert events_of(schedule(last=15)) == {
        4: ["log"],
        6: ["sample"],
        8: ["log"],
        10: ["log", "checkpoint"],
        12: ["log", "sample"],
        15: ["log", "sample", "checkpoint"],
    }


def test_a_resumed_run_has_the_events_of_an_uninterrupted_one():
    whole = events_of(schedule(last=30))
    assert events_of(schedule(start=10, last=30)) == {step: names for step, names in whole.items() if step > 10}


def test_a_call_never_goes_past_an_event():
    made, seen = schedule(last=15), []
    while not made.finished:
        seen.append(made.advance(made.steps_until_next_event(limit=100), stop_requested=False))
    assert seen == [4, 6, 8, 10, 12, 15]
    assert schedule().steps_until_next_event(limit=2) == 2


def test_an_evaluation_is_logged_and_done_at_the_last_step_but_not_at_a_stop_request():
    assert events_of(schedule(last=8, evaluate_every=5))[5] == ["log", "evaluate"]
    assert "evaluate" in events_of(schedule(last=8, evaluate_every=5))[8]
    stopped = schedule(last=8, evaluate_every=5)
    stopped.advance(3, stop_requested=True)
    assert stopped.finished
    assert stopped.due("checkpoint")
    assert not stopped.due("evaluate")


def test_health_is_checked_at_fixed_intervals_whatever_the_other_ones_are():
    for every in (1, 7):
        made = schedule(last=600, health_checks=True, log_every=every, save_every=every, sample_every=every)
        found = events_of(made, ("losses", "diversity"))
        assert [step for step, names in found.items() if "losses" in names] == list(range(50, 601, 50))
        assert [step for step, names in found.items() if "diversity" in names] == [250, 500]
    assert not events_of(schedule(last=600), ("losses", "diversity"))


def test_only_the_chief_evaluates_samples_and_saves_while_all_stop_at_the_same_steps():
    other, chief = (schedule(last=15, evaluate_every=5, is_chief=chief) for chief in (False, True))
    while not chief.finished:
        steps = chief.steps_until_next_event(100)
        assert other.steps_until_next_event(100) == steps
        chief.advance(steps, stop_requested=False)
        other.advance(steps, stop_requested=False)
        assert not other.due("evaluate", "sample", "checkpoint")


@pytest.mark.parametrize("start", [15, 20])
def test_a_run_that_is_complete_is_finished_at_once_and_can_be_rewound(start):
    made = schedule(start=start, last=15)
    assert made.finished
    made.rewind(10)
    assert not made.finished
    assert made.steps_until_next_event(100) == 2
