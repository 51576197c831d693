"""The command `doctor`, from its options to the report and the exit code."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dcgan.cli.main import main
from dcgan.config import DoctorConfig, TrainConfig, memory
from dcgan.core.errors import UserError
from dcgan.doctor import diagnose
from dcgan.runs import Run
from dcgan.training import train
from dcgan.visualization import read_png

_OPTIONS = (
    "doctor --dataset folder --data-dir images --cache-dir cache --run-dir run --image-size 16 --batch-size 4 "
    "--latent-dim 5 --generator-width 4 --discriminator-width 4 --discriminator-hidden 0 --compile none "
    "--no-tensorboard --steps 40"
)
ARGUMENTS = _OPTIONS.split()


def paths(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_the_report_has_every_part_and_nothing_is_written_but_what_was_asked_for(
    write_images, noise, options, tmp_path, capsys
):
    write_images("images", noise(40))
    before = paths(tmp_path)
    config = options(check_seconds=0.2, json="report.json", out="sheet.png")
    report = diagnose(config)
    assert paths(tmp_path) - before == {"report.json", "sheet.png"}
    content = json.loads((tmp_path / "report.json").read_text())
    assert set(content) == {"findings", "data", "machine", "plan"}
    assert content["plan"] == json.loads(report.to_json())["plan"]
    assert content["plan"]["events"] == {
        "steps": 40,
        "log": 8,
        "sample": 4,
        "checkpoint": 2,
        "diversity": 2,
        "evaluate": 0,
    }
    assert content["plan"]["total_seconds"] == pytest.approx(sum(content["plan"]["seconds"].values()), abs=0.1)
    assert content["plan"]["costs"]["steps_measured"] >= 1
    assert content["machine"]["run_dir"] == {"path": "run", "exists": False, "writable": True} | {
        name: content["machine"]["run_dir"][name] for name in ("free", "locks")
    }
    assert all(set(finding) == {"level", "code", "text"} for finding in content["findings"])
    text = capsys.readouterr().out
    for part in (
        "Data      40 images",
        "Machine   ",
        "Plan      40 steps of 4 images",
        "warning: The images are few (40)",
    ):
        assert part in text
    with Image.open("sheet.png") as sheet:
        assert sheet.size == (7 * 18 + 2, 6 * 18 + 2)


def test_the_sizes_of_a_run_are_those_that_the_training_leaves(write_images, noise, options, tmp_path):
    write_images("images", noise(40))
    plan = diagnose(options(check_seconds=0.1)).plan
    run = train(TrainConfig(**vars(options().training())))
    checkpoints = sum(file.stat().st_size for file in run.checkpoints.folder.iterdir())
    assert plan["disk"]["checkpoints"] == pytest.approx(checkpoints, rel=0.02)
    samples = sum(file.stat().st_size for file in run.sample_grids())
    assert plan["disk"]["sample grids"] == pytest.approx(samples, rel=0.2)
    everything = sum(file.stat().st_size for file in run.path.rglob("*") if file.is_file())
    assert plan["run_bytes"] - plan["disk"]["checkpoint that is being written"] == pytest.approx(everything, rel=0.2)


def test_a_run_with_checkpoints_is_planned_from_its_step_on_and_not_touched(write_images, noise, options, tmp_path):
    write_images("images", noise(40))
    train(TrainConfig(**vars(options(steps=20).training())))
    before = {path: path.stat().st_mtime_ns for path in Run("run").path.rglob("*")}
    plan = diagnose(options(check_seconds=0.0)).plan
    assert plan["resumes_after"] == 20
    assert plan["events"]["steps"] == 20
    assert {path: path.stat().st_mtime_ns for path in Run("run").path.rglob("*")} == before
    report = diagnose(options(steps=20))
    assert [finding.text for finding in report.findings if finding.code == "finished"] == [
        "run already has 20 steps. A larger --steps or --epochs continues it."
    ]


def test_a_folder_of_broken_images_alone_ends_with_2_and_a_report(tmp_path, capsys):
    (tmp_path / "images").mkdir()
    for index in range(4):
        (tmp_path / "images" / f"{index}.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing else")
    assert main([*ARGUMENTS, "--json", "report.json", "--out", "sheet.png"]) == 2
    output = capsys.readouterr()
    assert "error: 4 of 4 images that were tried can't be used" in output.out
    assert output.err.count("error: ") == 1
    assert "can't start" in output.err
    content = json.loads((tmp_path / "report.json").read_text())
    assert content["findings"][0]["level"] == "error"
    assert len(content["data"]["broken"]) == 4
    assert content["plan"] == {}
    assert not (tmp_path / "sheet.png").exists()
    assert not (tmp_path / "run").exists()


def test_a_folder_that_does_not_exist_is_an_error_beside_the_machine(capsys):
    assert main([*ARGUMENTS, "--data-dir", "absent"]) == 2
    output = capsys.readouterr()
    assert "error: absent does not exist. Check --data-dir." in output.out
    assert "Machine   " in output.out


def test_a_batch_larger_than_the_dataset_is_an_error(write_images, noise, capsys):
    write_images("images", noise(10))
    assert main([*ARGUMENTS, "--batch-size", "16"]) == 2
    assert "--batch-size 16 is larger than the dataset (10 images)" in capsys.readouterr().out


def test_the_command_ends_with_0_where_there_are_only_warnings(write_images, noise, capsys):
    write_images("images", noise(10))
    assert main([*ARGUMENTS, "--check-seconds", "0"]) == 0
    assert "warning: The images are few (10)" in capsys.readouterr().out


def test_errors_come_first(write_images, noise, options):
    folder = write_images("images", noise(40))
    for index in range(8):
        (folder / f"{index:04d}.png").write_bytes(b"")
    with pytest.raises(UserError, match="8 of 40"):
        diagnose(options(json="report.json"))
    levels = [finding["level"] for finding in json.loads(Path("report.json").read_text())["findings"]]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)


@pytest.mark.parametrize("option", ["--json", "--out"])
def test_a_file_is_not_overwritten_unless_that_is_asked_for(option, write_images, noise, tmp_path, capsys):
    write_images("images", noise(10))
    (tmp_path / "old").write_text("old")
    assert main([*ARGUMENTS, "--check-seconds", "0", option, "old"]) == 2
    assert (tmp_path / "old").read_text() == "old"
    assert "old exists already" in capsys.readouterr().err
    assert main([*ARGUMENTS, "--check-seconds", "0", option, "old", "--overwrite"]) == 0
    assert (tmp_path / "old").read_bytes() != b"old"


def test_the_doctor_takes_the_options_of_train():
    config = DoctorConfig(steps=7, json="x.json")
    assert config.training() == TrainConfig(steps=7)
    assert config.resolve() == TrainConfig(steps=7).resolve()


def test_the_contact_sheet_has_a_row_per_class(write_images, options):
    write_images("images/a", np.arange(16, dtype=np.uint8)[:, None, None, None] * np.ones((1, 16, 16, 3), np.uint8))
    write_images("images/b", np.full((8, 16, 16, 3), 200, np.uint8))
    diagnose(options(out="sheet.png", check_seconds=0.0))
    sheet = read_png(Path("sheet.png"))
    assert sheet.shape[:2] == (2 * 18 + 2, 32 * 18 + 2)
    assert (sheet[2:18, 2:18] < 16).all()
    assert (sheet[20:36, 2:18] == 200).all()


def test_where_memory_is_short_nothing_is_timed_and_the_figures_are_said(
    write_images, noise, options, monkeypatch, capsys
):
    write_images("images", noise(40))
    monkeypatch.setattr(memory, "available_memory", lambda reserved: 2**28)
    monkeypatch.setattr(memory, "resident_memory", dict)
    report = diagnose(options(check_seconds=0.1))
    assert "costs" not in report.plan
    (finding,) = [finding for finding in report.findings if finding.code == "memory"]
    assert finding.level == "warning"
    assert "0.2 GiB are available now" in finding.text
    assert "Steps were not timed" in finding.text
    assert "memory: more than" in capsys.readouterr().out
