"""Where an export may be written, and that it is written as a whole or not at all."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dcgan.config import ExportConfig
from dcgan.core.errors import UserError
from dcgan.export import export
from dcgan.export.formats import FORMATS
from tests.support.small_generators import images_from, inputs_for, list_files, small_generator


def test_an_export_consists_of_itself_and_its_card(exported):
    key, out = exported
    own = ["assets", "saved_model.pb", "variables", "variables/variables.data-00000-of-00001"]
    own += ["variables/variables.index"]
    found = [name for name in list_files(out.parent) if name != "images.png"]
    if key == "hub":
        assert set(found) == {"generator", *(f"generator/{name}" for name in list_files(out))}
        names = FORMATS[key].entries - {"discriminator.keras", "evaluation.json", "log.jsonl"}
        assert set(list_files(out)) | {"classes.json"} == names | {"README.md"}
    elif key == "saved_model":
        assert found == sorted(["generator", *(f"generator/{name}" for name in [*own, "README.md"])])
    else:
        assert found == [out.name, f"{out.name}.md"]


def test_without_out_every_format_and_weights_option_has_a_path_in_the_run_directory(run):
    run.save_best(small_generator(seed=2), 7, {"frechet_ratio": 1.5})
    for weights in ("ema", "best"):
        export(ExportConfig(run_dir=run.path, format="npz", weights=weights))
    export(ExportConfig(format="keras"))
    names = ["generator-best.npz", "generator.keras", "generator.npz"]
    assert list_files(run.path / "exported") == sorted([*names, *(f"{name}.md" for name in names)])


@pytest.mark.parametrize("key", ["saved_model", "npz"])
def test_an_existing_export_is_replaced_only_with_overwrite(run, key):
    config = ExportConfig(run_dir=run.path, format=key, out=Path(f"out{FORMATS[key].suffix}"))
    out = export(config)
    run.save_generator(small_generator(seed=2))
    before = [path.stat().st_mtime_ns for path in [out, *out.rglob("*")]]
    with pytest.raises(UserError, match="exists already"):
        export(config)
    assert [path.stat().st_mtime_ns for path in [out, *out.rglob("*")]] == before
    export(replace(config, overwrite=True))
    inputs = inputs_for(small_generator(), 2)
    expected = images_from(small_generator(seed=2), inputs)
    np.testing.assert_allclose(FORMATS[key].load(out)(inputs), expected, atol=1e-5)
    assert [name for name in list_files() if ".writing-" in name] == []


def test_an_existing_card_is_not_replaced_without_overwrite(run):
    Path("g.npz.md").write_text("my notes")
    with pytest.raises(UserError, match=r"g\.npz\.md exists already"):
        export(ExportConfig(format="npz", out=Path("g.npz")))
    assert Path("g.npz.md").read_text() == "my notes"
    assert not Path("g.npz").exists()


def test_overwrite_does_not_replace_a_folder_with_other_files(run):
    Path("thesis").mkdir()
    Path("thesis/chapter.tex").write_text("")
    with pytest.raises(UserError, match=r"chapter\.tex"):
        export(ExportConfig(format="saved_model", out=Path("thesis"), overwrite=True))
    assert list_files("thesis") == ["chapter.tex"]


@pytest.mark.parametrize("name", ["generator.keras", "best.keras"])
def test_overwrite_does_not_replace_the_generator_of_the_run(run, name):
    run.save_best(small_generator(), 7, {})
    content = (run.path / name).read_bytes()
    with pytest.raises(UserError, match="belongs to the run"):
        export(ExportConfig(format="keras", weights="best", out=run.path / name, overwrite=True))
    assert (run.path / name).read_bytes() == content


@pytest.mark.parametrize(
    ("key", "out", "message"),
    [
        ("npz", "g.onnx", "ends in .onnx"),
        ("keras", "g", "not a file name that Keras opens"),
        ("saved_model", "g.tflite", "ends in .tflite"),
        ("npz", "checkpoints", "is a folder"),
        ("saved_model", "file", "is a file"),
        ("npz", "file/g.npz", "can't be written"),
        ("saved_model", "file/g", "can't be written"),
        ("npz", "", "--out is empty"),
    ],
)
@pytest.mark.usefixtures("command_line")
def test_an_unsuitable_output_path_is_refused_and_left_as_it_is(run, key, out, message):
    Path("file").write_text("x")
    before = list_files()
    with pytest.raises(UserError, match=message):
        export(ExportConfig(format=key, out=Path(out), overwrite=True))
    assert list_files() == before
    assert Path("file").read_text() == "x"
