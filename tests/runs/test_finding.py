"""Finding a run, and the default directory of a new one."""

import os
from pathlib import Path

import pytest

from dcgan.config import PRETRAINED_NAMES, TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.core.errors import UserError
from dcgan.runs import PRETRAINED, Run, find_run, finding, open_run


def test_the_default_directory_is_named_after_the_dataset():
    with open_run(TrainConfig(dataset="mnist")) as run:
        assert run.path == Path("checkpoints/mnist")
    with open_run(TrainConfig(dataset="folder", data_dir=Path("my/cats"))) as run:
        assert run.path == Path("checkpoints/cats")


def test_without_a_directory_the_run_with_the_newest_generator_is_found():
    for index, name in enumerate(["old", "newest", "older"]):
        run = Run(Path("checkpoints") / name)
        run.path.mkdir(parents=True)
        run.generator_file.write_bytes(b"")
        os.utime(run.generator_file, (0, [10, 30, 20][index]))
    (Path("checkpoints") / "empty").mkdir()
    assert find_run().path == Path("checkpoints/newest")


def test_the_run_of_a_folder_behind_a_link_has_a_printable_name():
    Path("caf\udce9").mkdir()
    Path("link").symlink_to("caf\udce9")
    with open_run(TrainConfig("folder", data_dir=Path("link"))) as run:
        assert run.path == Path("checkpoints/caf")


def test_without_any_run_the_pretrained_one_is_found_and_writes_to_the_current_folder():
    assert find_run().path == PRETRAINED
    assert find_run().output_dir == Path()
    Run(Path("checkpoints/mine")).samples_dir.mkdir(parents=True)
    assert find_run().path == PRETRAINED  # not trained yet
    Path("checkpoints/mine/generator.keras").touch()
    assert find_run().output_dir == find_run().path == Path("checkpoints/mine")


def test_a_pretrained_run_inside_the_package_is_not_written_to(tmp_path, monkeypatch):
    packaged = tmp_path / "dcgan" / "pretrained" / "mnist"
    packaged.mkdir(parents=True)
    (packaged / "generator.keras").touch()
    monkeypatch.setattr(finding, "PACKAGED", packaged.parent)
    assert find_run(packaged).output_dir == Path()
    assert find_run(Path("dcgan/pretrained/mnist")).output_dir == Path()


def test_in_a_source_tree_the_other_pretrained_runs_are_no_runs_of_the_user(monkeypatch):
    gallery = {name: Path("checkpoints", name).absolute() for name in PRETRAINED_NAMES}
    monkeypatch.setattr(finding, "GALLERY", gallery)
    monkeypatch.setattr(finding, "PRETRAINED", gallery["mnist"])
    for index, path in enumerate(gallery.values()):  # the digits are the oldest, as a clone may have it
        path.mkdir(parents=True)
        (path / "generator.keras").touch()
        os.utime(path / "generator.keras", (0, index))
    assert find_run().path == Path("checkpoints/mnist")


def test_a_name_with_a_line_break_is_refused():
    with pytest.raises(UserError, match="has a line break"):
        find_run(Path("checkpoints/a\nb"))


@pytest.mark.parametrize("name", PRETRAINED_NAMES)
def test_a_pretrained_run_is_found_by_its_name_and_writes_to_the_current_folder(name):
    assert find_run(name).is_pretrained()
    assert find_run(Path(name)).output_dir == Path()
    Run(Path(name)).samples_dir.mkdir(parents=True)
    assert find_run(name).path == find_run(name).output_dir == Path(name)  # a run of that name is meant


def test_a_path_may_be_given_as_text():
    Run(Path("checkpoints/mine")).samples_dir.mkdir(parents=True)
    assert find_run("checkpoints/mine").path == Path("checkpoints/mine")


def test_a_missing_run_is_a_user_error(monkeypatch):
    with pytest.raises(UserError, match="no run directory") as caught:
        find_run(Path("nowhere"))
    assert "Pretrained runs: mnist, fashion_mnist, emoji." in caught.value.hint
    monkeypatch.setattr(finding, "PRETRAINED", Path("nowhere"))
    with pytest.raises(UserError, match="no trained generator"):
        find_run()


def test_a_directory_that_is_not_a_run_is_refused_and_the_runs_in_it_are_listed():
    Path("images").mkdir()
    Path("images/1.png").touch()
    with pytest.raises(UserError, match="images is not a run") as caught:
        find_run(Path("images"))
    assert "dcgan train" in caught.value.hint
    for name in "ab":
        Path("checkpoints", name).mkdir(parents=True)
    Path("checkpoints/a/config.yaml").write_text(to_yaml(TrainConfig()))
    Path("checkpoints/b/generator.keras").touch()
    Path("checkpoints/log").mkdir()
    with pytest.raises(UserError, match="checkpoints is not a run") as caught:
        find_run(Path("checkpoints"))
    assert caught.value.hint == "Runs in it: checkpoints/a, checkpoints/b."
    assert [find_run(Path("checkpoints", name)).path.name for name in "ab"] == ["a", "b"]
