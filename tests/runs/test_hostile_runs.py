"""Run directories from strangers: nothing is written outside of them."""

from pathlib import Path

import numpy as np
import pytest

from dcgan.cli.main import main
from dcgan.config import DataConfig, TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.core.errors import UserError
from dcgan.networks import build_generator
from dcgan.runs import Run, find_run, open_run
from dcgan.runs.finding import check_inside
from dcgan.runs.loading import data_options

ELSEWHERE = Path("elsewhere")


@pytest.fixture
def run(tmp_path):
    """A run with a generator, and a folder that is none of its business."""
    run = Run(tmp_path / "run")
    run.save_generator(build_generator((8, 8), 3, width=2, latent_dim=3, seed=0))
    run.config_file.write_text(to_yaml(TrainConfig(dataset="folder", data_dir=Path("images"), image_size=8)))
    ELSEWHERE.mkdir()
    (ELSEWHERE / "notes.txt").write_text("notes")
    return run


def written():
    return {path.name: path.read_text() for path in ELSEWHERE.iterdir()}


@pytest.mark.parametrize("name", ["samples", "checkpoints", "tensorboard", "exported"])
def test_a_folder_of_a_run_that_leads_elsewhere_is_refused(run, name):
    (run.path / name).symlink_to(ELSEWHERE.resolve(), target_is_directory=True)
    with pytest.raises(UserError, match=rf"run/{name} is a link that leads out of the run directory, to .*elsewhere"):
        find_run(run.path)
    with pytest.raises(UserError, match="is a link"), open_run(TrainConfig(run_dir=run.path).resolve()):
        pass
    assert main(["export", "--run-dir", str(run.path), "--format", "npz"]) == 2
    assert written() == {"notes.txt": "notes"}


@pytest.mark.parametrize("name", ["log.jsonl", ".lock", "tensorboard/events"])
def test_training_does_not_write_through_a_link_to_a_file(run, name):
    link = run.path / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to((ELSEWHERE / "notes.txt").resolve())
    with pytest.raises(UserError, match="is a link"), open_run(TrainConfig(run_dir=run.path).resolve()):
        pass
    assert written() == {"notes.txt": "notes"}


def test_a_generator_that_is_a_link_is_read_and_an_output_replaces_a_link(run):
    """Caches of model hubs and of DVC hold the files of a run as links."""
    stored = (ELSEWHERE / "0123").resolve()
    run.generator_file.rename(stored)
    run.generator_file.symlink_to(stored)
    (run.path / "generated.png").symlink_to((ELSEWHERE / "notes.txt").resolve())
    arguments = ["--num", "4", "--out", str(run.path / "generated.png"), "--overwrite"]
    assert main(["generate", "--run-dir", str(run.path), *arguments]) == 0
    assert not (run.path / "generated.png").is_symlink()
    assert (ELSEWHERE / "notes.txt").read_text() == "notes"


def test_a_file_that_leads_out_of_a_run_is_told_from_one_within(run):
    (run.path / "inside").symlink_to("config.yaml")
    (run.path / "loop").symlink_to("loop")
    Path("link").symlink_to(run.path)
    for file in (run.generator_file, run.path / "inside", run.path / "loop", Path("link") / "none"):
        check_inside(run.path, file)
    (run.path / "folder").symlink_to(ELSEWHERE.resolve())
    for file in (run.path / "folder" / "notes.txt", run.path / ".." / "notes.txt"):
        with pytest.raises(UserError, match="leads out of the run directory"):
            check_inside(run.path, file)


def test_links_within_a_run_and_to_a_run_are_followed(run):
    (run.path / "latest").symlink_to(run.path)
    Path("link").symlink_to(run.path)
    assert find_run(Path("link")).generator_file.is_file()


def test_a_cache_folder_that_a_run_names_is_used_if_it_holds_a_dataset_cache(run):
    named = TrainConfig(dataset="folder", data_dir=Path("images"), image_size=8, cache_dir=ELSEWHERE)
    run.config_file.write_text(to_yaml(named))
    assert data_options(DataConfig(dataset="folder"), run).cache_dir is None
    assert data_options(DataConfig(dataset="folder", cache_dir=ELSEWHERE), run).cache_dir == ELSEWHERE
    (ELSEWHERE / "folder-8x8-0").mkdir()
    np.save(ELSEWHERE / "folder-8x8-0" / "images.npy", np.zeros(1))
    assert data_options(DataConfig(dataset="folder"), run).cache_dir == ELSEWHERE


def test_yaml_tags_in_the_config_of_a_run_make_no_objects(run):
    run.config_file.write_text("dataset: !!python/object/apply:os.system ['touch elsewhere/pwned']\n")
    with pytest.raises(UserError, match="can't be read as a config"):
        run.config()
    assert written() == {"notes.txt": "notes"}


def test_pickled_clusters_and_checkpoints_are_not_unpickled(run):
    class Payload:
        def __reduce__(self):
            return Path.touch, (ELSEWHERE / "pwned",)

    pickled = np.array([Payload()], dtype=object)
    np.save(run.clusters_file, pickled)
    run.checkpoints.folder.mkdir()
    np.savez(run.checkpoints.folder / "step-00000001.npz", steps_done=pickled)
    assert run.clusters(1) is None
    with pytest.raises(UserError, match="damaged"):
        run.checkpoints.latest()
    assert written() == {"notes.txt": "notes"}


def test_the_commands_write_beside_the_run_whatever_its_config_names(run):
    named = {"run_dir": ELSEWHERE, "cache_dir": ELSEWHERE, "data_dir": ELSEWHERE}
    run.config_file.write_text(to_yaml(TrainConfig(dataset="folder", image_size=8, **named)))
    assert main(["generate", "--run-dir", str(run.path), "--num", "2"]) == 0
    assert main(["export", "--run-dir", str(run.path), "--format", "npz"]) == 0
    assert main(["evaluate", "--run-dir", str(run.path)]) == 2  # no images in the folder
    assert main(["explain", "--run-dir", str(run.path)]) == 2
    assert written() == {"notes.txt": "notes"}
