"""The export command: the weights it takes, its precision, its verification and its errors."""

import zipfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from dcgan.cli import main
from dcgan.config import ExportConfig
from dcgan.core.errors import UserError
from dcgan.export import export
from dcgan.export.export import in_float32
from dcgan.export.formats import FORMATS
from tests.support.small_generators import (
    CLASSES,
    LATENT_DIM,
    images_from,
    inputs_for,
    list_files,
    new_small_generator,
    small_generator,
)


def test_a_keras_export_holds_the_same_weights_as_the_file_of_the_run(run):
    out = export(ExportConfig(run_dir=run.path, format="keras"))
    exported, own = (zipfile.ZipFile(file).read("model.weights.h5") for file in (out, run.generator_file))
    assert exported == own


def test_the_weights_option_selects_the_generator(run):
    best, raw = small_generator(seed=2), small_generator(seed=3)
    run.save_best(best, 7, {"frechet_ratio": 1.5})
    run.checkpoints.save(9, {f"generator/{v.path}": v.numpy() for v in raw.variables}, keep=1)
    inputs = inputs_for(best, 2)
    for weights, model in {"ema": small_generator(seed=1), "raw": raw, "best": best}.items():
        out = export(ExportConfig(run_dir=run.path, format="npz", weights=weights))
        np.testing.assert_allclose(FORMATS["npz"].load(out)(inputs), images_from(model, inputs), atol=1e-5)


def test_an_export_of_a_mixed_precision_run_computes_in_float32(conditional_run):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = new_small_generator(CLASSES)
    finally:
        keras.config.set_dtype_policy("float32")
    conditional_run.save_generator(mixed)
    out = export(ExportConfig(run_dir=conditional_run.path, format="keras"))
    inputs = inputs_for(mixed, 4)
    expected = images_from(small_generator(CLASSES), inputs)
    assert np.abs(images_from(mixed, inputs) - expected).max() > 1e-4
    np.testing.assert_allclose(FORMATS["keras"].load(out)(inputs), expected, atol=1e-6)


def test_a_float32_generator_is_not_copied():
    generator = small_generator()
    assert in_float32(generator) is generator


def with_nan(generator):
    generator.set_weights([weight * np.nan for weight in generator.get_weights()])
    return generator


FAULTS = {
    "other weights": lambda: small_generator(seed=2),
    "NaN": lambda: with_nan(new_small_generator()),
    "other size": lambda: small_generator(channels=3),
}


@pytest.mark.parametrize(("key", "fault"), [("saved_model", "other weights"), *(("npz", fault) for fault in FAULTS)])
def test_an_export_that_generates_other_images_is_not_written(run, monkeypatch, key, fault):
    correct = FORMATS[key]
    faulty = replace(correct, write=lambda _, path: correct.write(FAULTS[fault](), path))
    monkeypatch.setitem(FORMATS, key, faulty)
    before = list_files(run.path)
    with pytest.raises(UserError, match="generates other images"):
        export(ExportConfig(format=key, out=run.path / f"out{correct.suffix}"))
    assert list_files(run.path) == before


@pytest.mark.parametrize("key", ["saved_model", "npz"])
def test_a_converter_error_names_its_reason_and_leaves_no_file(run, monkeypatch, key):
    def write(_, path):
        path = path / "half" if key == "saved_model" else path
        path.write_text("half")
        raise RuntimeError("no such operation\nand a hundred lines")

    monkeypatch.setitem(FORMATS, key, replace(FORMATS[key], write=write))
    before = list_files(run.path)
    with pytest.raises(UserError, match=r"can't be exported as .*: no such operation$"):
        export(ExportConfig(format=key, out=run.path / f"out{FORMATS[key].suffix}"))
    assert list_files(run.path) == before


def test_a_missing_package_is_reported_before_any_work_with_the_requirements_file(run, monkeypatch, capsys):
    lacking = replace(FORMATS["onnx"], packages=("numpy", "no_such_package", "no_such.part"))
    monkeypatch.setitem(FORMATS, "onnx", lacking)
    run.generator_file.write_bytes(b"never read")
    assert main.main(["export", "--format", "onnx"]) == 2
    printed = capsys.readouterr().err
    assert "needs no_such_package and no_such.part, which are not installed." in printed
    assert "numpy" not in printed
    assert "requirements-export.txt` installs them" in printed
    monkeypatch.setitem(FORMATS, "onnx", replace(FORMATS["onnx"], packages=("no_such_package",)))
    assert main.main(["export", "--format", "onnx"]) == 2
    printed = capsys.readouterr().err
    assert "needs no_such_package, which is not installed." in printed
    assert "pip install -r requirements-export.txt" in printed
    assert not (run.path / "exported").exists()


def test_the_command_line_reports_the_path_and_the_largest_difference(run, capsys):
    assert main.main(["export", "--run-dir", str(run.path), "--format", "npz", "--out", "g.npz"]) == 0
    written, difference = capsys.readouterr().out.splitlines()
    assert written == f"Exported {run.path} (ema weights) as NumPy arrays: g.npz"
    assert difference.startswith("Largest difference from the Keras generator over 64 seeds: ")


def test_without_a_format_the_formats_are_listed(run, capsys):
    assert main.main(["export"]) == 2
    assert "saved_model, onnx, litert, keras, keras_float16, npz, html" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["generator.keras", "config.yaml", "classes.json"])
def test_an_error_names_the_damaged_file_of_a_run(conditional_run, name):
    (conditional_run.path / name).write_bytes(b"\x00 half")
    before = list_files(conditional_run.path)
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        export(ExportConfig(format="npz", out=Path("g.npz")))
    assert list_files(conditional_run.path) == before
    assert not Path("g.npz").exists()


def test_a_generator_of_other_layers_can_be_exported_except_as_arrays(run):
    latent = keras.Input((LATENT_DIM,))
    image = keras.layers.Reshape((4, 4, 1))(keras.layers.Dense(16)(latent))
    run.save_generator(keras.Model(latent, image))
    out = export(ExportConfig(format="saved_model"))
    assert (out / "saved_model.pb").is_file()
    with pytest.raises(UserError, match=r"not built by `dcgan train`"):
        export(ExportConfig(format="npz"))
