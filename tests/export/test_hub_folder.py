"""The folder for Hugging Face: complete, readable by Keras and by this program, described as the hub wants it, and with
nothing private in it."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml
from PIL import Image

from dcgan.cli.main import main
from dcgan.config import ExportConfig, TrainConfig
from dcgan.core.errors import UserError
from dcgan.export import export
from dcgan.export.formats import FORMATS
from dcgan.export.public_files import public_config
from dcgan.networks import build_discriminator
from dcgan.runs import Run, find_run
from dcgan.runs.jsonl import write_jsonl
from dcgan.visualization import read_png, tile
from tests.support import hub_server
from tests.support.small_generators import CLASSES, images_from, inputs_for, run_with_generator, small_generator

REPORT = {
    "images": "/home/ann/runs/tiny (ema weights)",
    "data": "cifar10: 10000 test images are held out.",
    "counts": {"generated": 500},
    "features": {"name": "/home/ann/features.keras", "width": 3},
    "reference_statistics": "/home/ann/statistics.npz",
    "metrics": {
        "frechet_distance": {"generated": 12.5, "real": 4.5},
        "precision": {"generated": 0.5, "real": 0.75},
        "modes": {"generated": None},
        "kernel_distance": {"generated": float("inf")},
    },
}


@pytest.fixture
def run():
    """A conditional run with everything that a run may have, some of it private."""
    run = run_with_generator(small_generator(CLASSES), Path("runs/tiny"))
    paths = {"data_dir": "/home/ann/secret/birds", "cache_dir": "/home/ann/cache", "run_dir": "/home/ann/runs/tiny"}
    options = {"dataset": "cifar10", "features": "/home/ann/features.keras", **paths}
    run.save_config(TrainConfig(**options).resolve())
    run.save_discriminator(build_discriminator((16, 24), 3, width=2, hidden=0, classes=CLASSES))
    write_jsonl(run.log_file, [{"step": 7, "d_loss": 0.5, "device": "the GPU of ann"}])
    run.evaluation_file.write_text(json.dumps(REPORT))
    run.save_best(small_generator(CLASSES, seed=2), 5, {"frechet_ratio": 1.5})
    for name in ("checkpoints/step-00000007.npz", "tensorboard/events", "notes.txt"):
        (run.path / name).parent.mkdir(exist_ok=True)
        (run.path / name).write_text("/home/ann")
    return run


def published(run, **options):
    return export(ExportConfig(run_dir=run.path, format="hub", out=Path("out"), **options))


def test_the_folder_is_a_run_with_the_generator_the_discriminator_the_options_and_the_evaluation(run):
    folder = find_run(published(run))
    assert {file.name for file in folder.path.iterdir()} == {
        *("generator.keras", "discriminator.keras", "config.yaml", "classes.json", "log.jsonl", "evaluation.json"),
        *("README.md", "samples.png", ".gitattributes", "config.json", "metadata.json", "model.weights.h5"),
    }
    assert folder.is_pretrained()
    assert folder.classes() == run.classes()
    assert folder.discriminator_file.read_bytes() == run.discriminator_file.read_bytes()
    inputs = inputs_for(small_generator(CLASSES), 3)
    expected = images_from(small_generator(CLASSES), inputs)
    np.testing.assert_array_equal(images_from(folder.load_generator(), inputs), expected)
    assert folder.config().dataset == "cifar10"
    assert [record["step"] for record in folder.log_records()] == [7]
    assert json.loads(folder.evaluation_file.read_text())["metrics"]["frechet_distance"]["generated"] == 12.5


def test_nothing_private_is_in_the_folder(run, tmp_path, capsys):
    out = published(run)
    assert "was changed" not in capsys.readouterr().err
    for file in out.iterdir():
        content = file.read_bytes()
        for private in ("/home", "secret", "the GPU", "notes", str(tmp_path), "runs/tiny"):
            assert private.encode() not in content, (file.name, private)
    assert yaml.safe_load((out / "config.yaml").read_text())["data_dir"] == "birds"
    with Image.open(out / "samples.png") as image:
        assert image.info == {}


def test_the_grid_shows_the_images_of_the_generate_command(run):
    assert main(["generate", "--run-dir", str(run.path), "--num", "64", "--out", "images.npy"]) == 0
    np.testing.assert_array_equal(read_png(published(run) / "samples.png"), tile(np.load("images.npy")))


@pytest.mark.parametrize(("path", "name"), [("/a/b", "b"), ("a/b/", "b"), ("b", "b"), ("C:\\a\\b", "b")])
def test_a_published_path_is_its_last_part(path, name):
    config = replace(TrainConfig().resolve(), data_dir=Path(path), cache_dir=Path(path))
    public = public_config(replace(config, features=path, run_dir=Path("checkpoints") / name))
    assert (public.data_dir, public.features) == (Path(name), name)
    assert public.run_dir is public.cache_dir is None  # a run often has the name of its data
    assert replace(public, data_dir=None, features="classifier") == TrainConfig().resolve()


def test_keras_loads_the_folder_by_itself(run, hub):
    hub.add("ann/birds", published(run))
    inputs = inputs_for(small_generator(CLASSES), 3)
    expected = images_from(small_generator(CLASSES), inputs)
    for address in ("out", "hf://ann/birds"):
        loaded = keras.saving.load_model(address, compile=False)
        np.testing.assert_array_equal(images_from(loaded, inputs), expected)


def test_the_evaluation_of_other_weights_is_not_published(run):
    out = published(run, weights="best")
    assert not (out / "evaluation.json").exists()
    assert "model-index" not in metadata(out)
    inputs = inputs_for(small_generator(CLASSES), 3)
    expected = images_from(small_generator(CLASSES, seed=2), inputs)
    np.testing.assert_array_equal(images_from(Run(out).load_generator(), inputs), expected)


def metadata(out):
    return yaml.safe_load((out / "README.md").read_text().split("---\n")[1])


def test_the_card_has_the_metadata_of_the_hub_as_the_hub_s_own_reader_reads_it(run):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    data = huggingface_hub.ModelCard.load(published(run) / "README.md").data
    assert (data.library_name, data.pipeline_tag) == ("keras", "unconditional-image-generation")
    assert data.datasets == ["uoft-cs/cifar10"]
    assert {"gan", "dcgan", "class-conditional"} <= set(data.tags)
    assert data.license is None
    result, precision = data.eval_results
    assert (precision.metric_type, precision.metric_value) == ("precision", 0.5)
    assert (data.model_name, result.task_type) == ("tiny", "unconditional-image-generation")
    assert (result.dataset_type, result.dataset_name) == ("uoft-cs/cifar10", "cifar10")
    assert (result.metric_type, result.metric_value) == ("frechet_distance", 12.5)
    assert result.metric_args == {"images": 500, "features": "features.keras"}
    written = huggingface_hub.ModelCardData(**{key: data[key] for key in ("library_name", "tags", "datasets")})
    assert "&id" not in Path("out/README.md").read_text()  # no anchors, which few programs read
    assert yaml.safe_load(written.to_yaml()).items() <= metadata(Path("out")).items()


def test_a_card_of_a_plain_run_claims_neither_data_set_nor_results_nor_license():
    run = run_with_generator(small_generator())
    run.config_file.unlink()
    assert metadata(published(run)).keys() == {"library_name", "pipeline_tag", "tags"}


def test_the_license_of_a_published_run_stays(run):
    run.model_card_file.write_text("---\nlicense: other\nlicense_name: mine\ntags: [x]\n---\n# Birds\n")
    assert {"license": "other", "license_name": "mine"}.items() <= metadata(published(run)).items()


NO_METADATA = ["", "---\n", "---\n[\n---\n", "---\n- a\n---\n", "---\nlicense: [1]\n---\n", "\x00---"]


@pytest.mark.parametrize("card", NO_METADATA)
def test_a_card_without_readable_metadata_has_no_license(run, card):
    run.model_card_file.write_text(card)
    assert "license" not in metadata(published(run))


def test_the_line_that_publishes_is_quoted(run, capsys):
    export(ExportConfig(run_dir=run.path, format="hub", out=Path("my birds/out")))
    line = capsys.readouterr().out.splitlines()[-1].split("publish the folder: ")[1]
    assert shlex.split(line) == ["hf", "upload", "USER/NAME", "my birds/out", "."]


def test_the_line_that_publishes_does_so_and_the_run_is_read_from_there(run, hub, capsys):
    out = published(run)
    line = capsys.readouterr().out.splitlines()[-1].split("publish the folder: ")[1]
    program, *arguments = shlex.split(line.replace("USER/NAME", "ann/birds"))
    assert program == "hf"
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_TOKEN": "secret", "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-m", "huggingface_hub.cli.hf", *arguments]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
    assert hub.repositories["ann/birds"][hub.revisions["ann/birds"]["main"]].keys() == {f.name for f in out.iterdir()}
    assert find_run("hf://ann/birds").generator_file.read_bytes() == (out / "generator.keras").read_bytes()
    large = {file.read_bytes() for file in out.iterdir() if file.suffix in hub_server.LFS}
    assert set(hub.stored.values()) == large


def test_git_stores_every_exported_file_that_is_no_text_by_git_lfs(run):
    out = published(run)
    patterns = [line.split()[0] for line in (out / ".gitattributes").read_text().splitlines()]
    exported = {format.suffix for format in FORMATS.values() if format.suffix} - {".html"}
    for name in [file.name for file in out.iterdir()] + [f"generator{suffix}" for suffix in exported]:
        is_text = Path(name).suffix in ("", ".json", ".jsonl", ".md", ".yaml")
        assert any(fnmatch(name, pattern) for pattern in patterns) != is_text, name


def test_a_folder_with_other_files_is_not_replaced(run):
    out = published(run)
    with pytest.raises(UserError, match="exists already"):
        published(run)
    (out / "LICENSE").write_text("")
    with pytest.raises(UserError, match="holds LICENSE, which is not part"):
        published(run, overwrite=True)
    (out / "LICENSE").unlink()
    assert published(run, overwrite=True) == out


def test_what_was_published_is_exported_again_under_the_name_of_the_repository(run, hub, capsys):
    hub.add("ann/birds", published(run))
    assert main(["export", "--run-dir", "hf://ann/birds", "--format", "npz"]) == 0
    assert "Exported hf://ann/birds (ema weights) as NumPy arrays: exported/generator.npz" in capsys.readouterr().out
    card = Path("exported/generator.npz.md").read_text()
    assert "Run `ann/birds` after 7 steps" in card
    assert "| frechet_distance | 12.5 | 4.5 |" in card
    assert main(["generate", "--run-dir", "hf://ann/birds", "--num", "4", "--out", "a.npy"]) == 0
    assert main(["generate", "--run-dir", str(run.path), "--num", "4", "--out", "b.npy"]) == 0
    assert Path("a.npy").read_bytes() == Path("b.npy").read_bytes()
