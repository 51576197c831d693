"""Checkpoints of a run: numbered by step, and damaged ones are skipped."""

import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.runs import Run

CHECKPOINT = {"steps_done": np.array(3), "generator/project/kernel": np.arange(4.0, dtype=np.float32)}


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "run")


def test_a_checkpoint_is_read_back_bit_for_bit(run):
    run.checkpoints.save(3, CHECKPOINT, keep=2)
    read = run.checkpoints.latest()
    assert list(read) == list(CHECKPOINT)
    assert all(
        np.array_equal(read[name], CHECKPOINT[name]) and read[name].dtype == CHECKPOINT[name].dtype
        for name in CHECKPOINT
    )


def test_the_newest_checkpoints_are_kept(run):
    for step in (1, 2, 10, 9):
        run.checkpoints.save(step, {"steps_done": np.array(step)}, keep=2)
    assert sorted(file.name for file in run.checkpoints.folder.iterdir()) == ["step-00000009.npz", "step-00000010.npz"]
    assert run.checkpoints.latest()["steps_done"] == 10


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text", "pickle"])
def test_a_damaged_checkpoint_is_skipped_for_the_one_before(run, damage, capsys):
    run.checkpoints.save(1, CHECKPOINT, keep=2)
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


def test_a_run_whose_checkpoints_are_all_damaged_is_an_error_and_not_a_new_run(run):
    run.checkpoints.save(1, CHECKPOINT, keep=2)
    (run.checkpoints.folder / "step-00000001.npz").write_bytes(b"")
    with pytest.raises(UserError, match=r"All checkpoints in .* are damaged"):
        run.checkpoints.latest()


def test_a_checkpoint_folder_that_is_not_readable_is_an_error_and_not_empty(run):
    run.path.mkdir()
    run.checkpoints.folder.write_text("")
    with pytest.raises(UserError, match="can't be read"):
        run.checkpoints.latest()


def test_protected_checkpoints_stay(tmp_path):
    run = Run(tmp_path)
    for step in (1, 2, 3, 4):
        run.checkpoints.save(step, CHECKPOINT, keep=1, protected=[2])
    assert run.checkpoints.steps() == [4, 2]
    assert run.checkpoints.at(2).keys() == CHECKPOINT.keys()
    assert run.checkpoints.at(3) is None


def test_checkpoints_after_a_step_can_be_removed(run):
    for step in (2, 4, 6):
        run.checkpoints.save(step, CHECKPOINT, keep=5)
    assert run.checkpoints.latest_step() == 6
    run.checkpoints.remove_after(2)
    assert run.checkpoints.latest_step() == 2
    assert Run(run.path / "empty").checkpoints.latest_step() == 0
