"""The command that exports: every format by its own runtime, whole writes, and the card."""

import functools
import json
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dcgan import runs
from dcgan.cli import main
from dcgan.config import DATASETS, ExportConfig, TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.export import export, formats, model_card, numpy_generator, usage_code
from dcgan.export.export import in_float32
from dcgan.export.formats import FORMATS
from dcgan.export.generator_arrays import generator_sizes, write_generator_arrays
from dcgan.export.runtimes import RUNTIMES
from dcgan.networks import build_generator
from dcgan.networks.layers import KERAS_LAYERS, Stage
from dcgan.networks.upsampling import UPSAMPLERS, upsample
from dcgan.sampling import latents
from dcgan.sampling.generation import generate_batches

DIM, CLASSES = 5, 3
IMPORTS = {"onnx": ["onnx", "tf2onnx", "onnxruntime"], "litert": ["ai_edge_litert"]}


def with_variety(generator, seed=1):
    """The generator with weights that make pictures of all grey levels."""
    random = np.random.default_rng(seed)
    for variable in generator.variables:
        values = random.standard_normal(variable.shape) * 0.4
        variable.assign(np.abs(values) + 0.1 if "variance" in variable.path else values)
    return generator


@functools.cache
def small_generator(classes=0, seed=1, **options):
    """A generator of few weights; nobody changes it."""
    sizes = {"image_size": (16, 24), "channels": 3 if classes else 1, "width": 3, "latent_dim": DIM}
    return with_variety(build_generator(**(sizes | options), classes=classes), seed)


@functools.cache
def saved(generator):
    """The bytes of `generator.keras`."""
    with tempfile.TemporaryDirectory() as folder:
        made = runs.Run(Path(folder))
        made.save_generator(generator)
        return made.generator_file.read_bytes()


def run_of(generator, path=Path("checkpoints/tiny"), dataset="cifar10"):
    """A run directory that holds a generator."""
    made = runs.Run(path)
    path.mkdir(parents=True)
    made.generator_file.write_bytes(saved(generator))
    if len(generator.inputs) > 1:
        made.save_classes(Classes(("ant", "bee", "cat"), (0.5, 0.25, 0.25)))
    made.config_file.write_text(to_yaml(TrainConfig(dataset=dataset, data_dir=Path("/home/ann/secret"))))
    return made


def skip_without(kind):
    for package in IMPORTS.get(kind, []):
        pytest.importorskip(package)


def files(folder="."):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))


@pytest.fixture(scope="module", params=[0, CLASSES], ids=["plain", "conditional"])
def generator(request):
    return small_generator(request.param)


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """Gives what the command wrote, by format and generator."""

    @functools.cache
    def written(kind, generator):
        skip_without(kind)
        folder = tmp_path_factory.mktemp("exported")
        run = run_of(generator, folder / "run")
        out = folder / f"out/generator{FORMATS[kind].ending}"
        assert export(ExportConfig(run_dir=run.path, format=kind, out=out)) == out
        return out

    return written


@pytest.fixture(scope="module", params=FORMATS)
def exported(request, generator, exports):
    """A format and what the command wrote in it."""
    return request.param, exports(request.param, generator)


@pytest.fixture
def run():
    return run_of(small_generator())


@pytest.fixture
def conditional_run():
    return run_of(small_generator(CLASSES))


def inputs_for(generator, count):
    """Latents of the seeds from 0 on and, for a conditional generator, mixtures of classes."""
    arrays = {"latent": latents(range(count), DIM)}
    if len(generator.inputs) > 1:
        mixtures = np.random.default_rng(2).dirichlet(np.ones(CLASSES), count)
        arrays["class"] = mixtures.astype(np.float32)
    return arrays


def drawn_by(generator, inputs):
    arrays = list(inputs.values())
    return np.asarray(generator(arrays if len(arrays) > 1 else arrays[0], training=False))


@pytest.mark.parametrize("count", [1, 7, 64])
def test_every_format_draws_what_keras_draws_whatever_the_batch(exported, generator, count):
    kind, out = exported
    inputs = inputs_for(generator, count)
    wanted = drawn_by(generator, inputs)
    assert wanted.std() > 0.1
    np.testing.assert_allclose(RUNTIMES[kind](out)(inputs), wanted, atol=1e-5)


def test_the_code_on_a_card_draws_the_pictures_of_generate(exported, generator, monkeypatch):
    _, out = exported
    text = beside(out).read_text(encoding="utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(out.parent)
    drawn = {}
    exec(compile(code, "card", "exec"), drawn)
    kinds = np.eye(CLASSES, dtype=np.float32)[np.arange(8) % CLASSES]
    rows = latents(range(8), DIM)
    rows = np.concatenate([rows, kinds], axis=1) if len(generator.inputs) > 1 else rows
    wanted = np.concatenate(list(generate_batches(generator, rows)))
    assert drawn["pixels"].dtype == np.uint8
    assert np.abs(drawn["pixels"].astype(int) - wanted).max() <= 1  # a value between two levels may go either way
    with Image.open("pictures.png") as picture:
        assert picture.size == (8 * 24, 16)


def beside(out):
    return out / "README.md" if out.is_dir() else out.with_name(f"{out.name}.md")


def test_an_export_consists_of_itself_and_its_card(exported):
    kind, out = exported
    own = ["assets", "saved_model.pb", "variables", "variables/variables.data-00000-of-00001"]
    own += ["variables/variables.index"]
    found = [name for name in files(out.parent) if name != "pictures.png"]
    if kind == "saved_model":
        assert found == sorted(["generator", *(f"generator/{name}" for name in [*own, "README.md"])])
    else:
        assert found == [out.name, f"{out.name}.md"]


def test_the_arrays_are_read_and_drawn_where_there_is_numpy_and_nothing_else(generator, tmp_path):
    write_generator_arrays(generator, tmp_path / "g.npz")
    classes = len(generator.inputs) > 1 and CLASSES
    code = usage_code.code("npz", "g.npz", DIM, generator.output_shape[1:], classes)
    check = "import sys; assert 'dcgan' not in sys.modules and 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-I", "-c", f"{code}\n{check}"], check=True, cwd=tmp_path)
    assert (tmp_path / "pictures.png").is_file()


@pytest.mark.parametrize(
    ("way", "kernel"),
    [
        *((way, kernel) for way in ("transposed", "unpool") for kernel in (2, 3, 4, 5)),
        *((way, 6) for way in UPSAMPLERS),
    ],
)
def test_numpy_draws_what_keras_draws_however_maps_are_doubled(way, kernel, tmp_path):
    generator = small_generator(image_size=(8, 10), upsampling=way, kernel=kernel)
    write_generator_arrays(generator, tmp_path / "g.npz")
    inputs = inputs_for(generator, 3)
    drawn = numpy_generator.draw(numpy_generator.load(tmp_path / "g.npz"), inputs["latent"])
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(drawn, drawn_by(generator, inputs), atol=1e-5)


@pytest.mark.parametrize("way", UPSAMPLERS)
def test_the_arrays_hold_what_rebuilds_the_generator(way, tmp_path):
    generator = small_generator(CLASSES, image_size=(8, 10), upsampling=way)
    write_generator_arrays(generator, tmp_path / "g.npz")
    arrays = numpy_generator.load(tmp_path / "g.npz")
    assert arrays.pop("epsilon") == np.float32(generator.get_layer("norm_0").epsilon)
    names = {"channels": int, "width": int, "latent_dim": int, "kernel": int, "classes": int, "upsampling": str}
    sizes = {name: kind(arrays.pop(name)) for name, kind in names.items()}
    rebuilt = build_generator(tuple(map(int, arrays.pop("image_size"))), **sizes)
    for variable in rebuilt.variables:
        variable.assign(arrays.pop(variable.path.removeprefix("generator/")))
    assert arrays == {}
    inputs = inputs_for(generator, 2)
    np.testing.assert_array_equal(drawn_by(rebuilt, inputs), drawn_by(generator, inputs))


def generator_of_all_ways():
    """A generator that doubles its maps in another way at each stage, from 4 × 4 to 128 × 128."""
    latent = keras.Input((DIM,))
    x = keras.layers.Reshape((4, 4, 3))(keras.layers.Dense(48)(latent))
    for number, way in enumerate(UPSAMPLERS):
        x = upsample(x, Stage(number, 3, 4, seed=0, layers=KERAS_LAYERS, network="generator"), way)
    return with_variety(keras.Model(latent, keras.layers.Activation("tanh")(x), name="generator"))


@pytest.mark.parametrize("kind", ["onnx", "litert"])
def test_other_runtimes_have_the_operations_of_every_upsampling(kind, tmp_path):
    skip_without(kind)
    generator = generator_of_all_ways()
    FORMATS[kind].write(generator, tmp_path / "g")
    inputs = inputs_for(generator, 3)
    wanted = drawn_by(generator, inputs)
    assert wanted.std() > 0.1
    np.testing.assert_allclose(RUNTIMES[kind](tmp_path / "g")(inputs), wanted, atol=1e-4)


def test_onnx_names_its_inputs_and_the_axis_of_the_batch(exports):
    out = exports("onnx", small_generator(CLASSES))
    import onnxruntime

    session = onnxruntime.InferenceSession(out)
    assert {i.name: i.shape for i in session.get_inputs()} == {"latent": ["batch", DIM], "class": ["batch", CLASSES]}
    assert {o.name: o.shape for o in session.get_outputs()} == {"image": ["batch", 16, 24, 3]}


def test_a_saved_model_is_called_by_position_and_as_a_layer(exports, generator):
    out = exports("saved_model", generator)
    inputs = list(inputs_for(generator, 2).values())
    inputs = inputs if len(inputs) > 1 else inputs[0]
    wanted = generator(inputs, training=False)
    loaded = tf.saved_model.load(str(out))
    np.testing.assert_allclose(loaded.serve(inputs)["image"], wanted, atol=1e-5)
    layer = keras.layers.TFSMLayer(str(out), call_endpoint="serve")
    np.testing.assert_allclose(layer(inputs)["image"], wanted, atol=1e-5)


def test_a_keras_export_has_the_very_weights_of_the_runs_own_file(run):
    out = export(ExportConfig(run_dir=run.path, format="keras"))
    ours, theirs = (zipfile.ZipFile(file).read("model.weights.h5") for file in (out, run.generator_file))
    assert ours == theirs


def test_without_out_every_format_and_kind_of_weights_has_a_name_in_the_run_directory(run):
    run.save_best(small_generator(seed=2), 7, {"frechet_ratio": 1.5})
    for weights in ("ema", "best"):
        export(ExportConfig(run_dir=run.path, format="npz", weights=weights))
    export(ExportConfig(format="keras"))
    names = ["generator-best.npz", "generator.keras", "generator.npz"]
    assert files(run.path / "exported") == sorted([*names, *(f"{name}.md" for name in names)])


def test_weights_say_which_generator_it_is(run):
    best, raw = small_generator(seed=2), small_generator(seed=3)
    run.save_best(best, 7, {"frechet_ratio": 1.5})
    run.checkpoints.save(9, {f"generator/{v.path}": v.numpy() for v in raw.variables}, keep=1)
    inputs = inputs_for(best, 2)
    for weights, model in {"ema": small_generator(seed=1), "raw": raw, "best": best}.items():
        out = export(ExportConfig(run_dir=run.path, format="npz", weights=weights))
        np.testing.assert_allclose(RUNTIMES["npz"](out)(inputs), drawn_by(model, inputs), atol=1e-5)


def test_an_export_of_a_run_in_mixed_precision_computes_in_float32(conditional_run):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = small_generator.__wrapped__(CLASSES)
    finally:
        keras.config.set_dtype_policy("float32")
    conditional_run.save_generator(mixed)
    out = export(ExportConfig(run_dir=conditional_run.path, format="keras"))
    inputs = inputs_for(mixed, 4)
    wanted = drawn_by(small_generator(CLASSES), inputs)
    assert np.abs(drawn_by(mixed, inputs) - wanted).max() > 1e-4
    np.testing.assert_allclose(RUNTIMES["keras"](out)(inputs), wanted, atol=1e-6)


def test_a_float32_generator_is_taken_as_it_is():
    generator = small_generator()
    assert in_float32(generator) is generator


@pytest.mark.parametrize("kind", ["saved_model", "npz"])
def test_an_existing_export_is_replaced_only_if_that_was_asked(run, kind, capsys):
    config = ExportConfig(run_dir=run.path, format=kind, out=Path(f"out{FORMATS[kind].ending}"))
    out = export(config)
    run.save_generator(small_generator(seed=2))
    before = [path.stat().st_mtime_ns for path in [out, *out.rglob("*")]]
    with pytest.raises(UserError, match="exists already"):
        export(config)
    assert [path.stat().st_mtime_ns for path in [out, *out.rglob("*")]] == before
    export(replace(config, overwrite=True))
    inputs = inputs_for(small_generator(), 2)
    np.testing.assert_allclose(RUNTIMES[kind](out)(inputs), drawn_by(small_generator(seed=2), inputs), atol=1e-5)
    assert [name for name in files() if ".writing-" in name] == []


def test_a_card_that_is_there_is_not_replaced_either(run):
    Path("g.npz.md").write_text("my notes")
    with pytest.raises(UserError, match=r"g\.npz\.md exists already"):
        export(ExportConfig(format="npz", out=Path("g.npz")))
    assert Path("g.npz.md").read_text() == "my notes"
    assert not Path("g.npz").exists()


def test_overwrite_does_not_throw_away_a_folder_that_is_more_than_an_export(run):
    Path("thesis").mkdir()
    Path("thesis/chapter.tex").write_text("")
    with pytest.raises(UserError, match=r"chapter\.tex"):
        export(ExportConfig(format="saved_model", out=Path("thesis"), overwrite=True))
    assert files("thesis") == ["chapter.tex"]


@pytest.mark.parametrize("name", ["generator.keras", "best.keras"])
def test_overwrite_does_not_replace_the_runs_own_generator(run, name):
    run.save_best(small_generator(), 7, {})
    content = (run.path / name).read_bytes()
    with pytest.raises(UserError, match="run's own"):
        export(ExportConfig(format="keras", weights="best", out=run.path / name, overwrite=True))
    assert (run.path / name).read_bytes() == content


@pytest.mark.parametrize(
    ("kind", "out", "words"),
    [
        ("npz", "g.onnx", "ends in .onnx"),
        ("keras", "g", "no file that Keras opens"),
        ("saved_model", "g.tflite", "ends in .tflite"),
        ("npz", "checkpoints", "is a folder"),
        ("saved_model", "file", "is a file"),
        ("npz", "file/g.npz", "can't be written"),
        ("saved_model", "file/g", "can't be written"),
        ("npz", "", "--out is empty"),
    ],
)
def test_a_place_that_will_not_do_is_told_in_words_and_left_alone(run, kind, out, words):
    Path("file").write_text("x")
    before = files()
    with pytest.raises(UserError, match=words):
        export(ExportConfig(format=kind, out=Path(out), overwrite=True))
    assert files() == before
    assert Path("file").read_text() == "x"


FAULTS = {
    "other weights": lambda: small_generator(seed=2),
    "NaN": lambda: with_nan(small_generator.__wrapped__()),
    "other size": lambda: small_generator(channels=3),
}


def with_nan(generator):
    generator.set_weights([weight * np.nan for weight in generator.get_weights()])
    return generator


@pytest.mark.parametrize(("kind", "fault"), [("saved_model", "other weights"), *(("npz", fault) for fault in FAULTS)])
def test_an_export_that_draws_other_pictures_is_not_left_there(run, monkeypatch, kind, fault):
    honest = FORMATS[kind]
    wrong = replace(honest, write=lambda _, path: honest.write(FAULTS[fault](), path))
    monkeypatch.setitem(FORMATS, kind, wrong)
    before = files(run.path)
    with pytest.raises(UserError, match="draws other pictures"):
        export(ExportConfig(format=kind, out=run.path / f"out{honest.ending}"))
    assert files(run.path) == before


@pytest.mark.parametrize("kind", ["saved_model", "npz"])
def test_a_format_that_can_not_hold_the_generator_says_so_and_leaves_nothing(run, monkeypatch, kind):
    def write(_, path):
        path.mkdir() if kind == "saved_model" else path.write_text("half")
        raise RuntimeError("no such operation\nand a hundred lines")

    monkeypatch.setitem(FORMATS, kind, replace(FORMATS[kind], write=write))
    before = files(run.path)
    with pytest.raises(UserError, match=r"can't be written as .*: no such operation$"):
        export(ExportConfig(format=kind, out=run.path / f"out{FORMATS[kind].ending}"))
    assert files(run.path) == before


def test_a_missing_package_is_told_before_any_work_with_the_file_that_lists_it(run, monkeypatch, capsys):
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


def test_the_requirements_list_what_the_formats_need():
    text = (Path(__file__).parents[2] / formats.REQUIREMENTS).read_text()
    listed = {line.split("==")[0].replace("-", "_") for line in text.splitlines() if "==" in line}
    assert {package for form in FORMATS.values() for package in form.packages} == listed


def test_the_command_line_says_what_it_wrote_and_how_near_it_is(run, capsys):
    assert main.main(["export", "--run-dir", str(run.path), "--format", "npz", "--out", "g.npz"]) == 0
    written, difference = capsys.readouterr().out.splitlines()
    assert written == f"NumPy arrays of {run.path} (ema weights): g.npz"
    assert difference.startswith("Largest difference from the Keras generator on 64 seeds: ")


def test_without_a_format_the_formats_are_listed(run, capsys):
    assert main.main(["export"]) == 2
    assert "saved_model, onnx, litert, keras, npz" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["generator.keras", "config.yaml", "classes.json"])
def test_a_damaged_run_is_told_in_words(conditional_run, name):
    (conditional_run.path / name).write_bytes(b"\x00 half")
    before = files(conditional_run.path)
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        export(ExportConfig(format="npz", out=Path("g.npz")))
    assert files(conditional_run.path) == before
    assert not Path("g.npz").exists()


def test_a_generator_of_other_layers_goes_into_every_format_but_the_one_of_sizes(run):
    latent = keras.Input((DIM,))
    image = keras.layers.Reshape((4, 4, 1))(keras.layers.Dense(16)(latent))
    run.save_generator(keras.Model(latent, image))
    export(ExportConfig(format="saved_model"))
    with pytest.raises(UserError, match=r"not one that `train\.py` makes"):
        export(ExportConfig(format="npz"))


def card_text(run, weights="ema"):
    generator = small_generator(CLASSES if run.classes() else 0)
    return model_card.model_card(ExportConfig(format="npz", weights=weights), run, generator, "g.npz", 1.4e-6)


def test_a_card_tells_inputs_outputs_classes_and_origin(conditional_run):
    text = card_text(conditional_run)
    assert "| in | `latent` | (N, 5) |" in text
    assert "| in | `class` | (N, 3) |" in text
    assert "| out | `image` | (N, 16, 24, 3) | from -1, black, to 1;" in text
    assert "`ant`, `bee`, `cat`" in text
    assert "Data set `cifar10`" in text
    assert "\nlatent_dim: 64\n" in text
    assert "differ by at most 1.4e-06" in text


def test_a_card_does_not_tell_where_things_lie_on_the_own_disk(conditional_run, tmp_path):
    (conditional_run.path / "evaluation.json").write_text(json.dumps(report(conditional_run)))
    text = card_text(conditional_run)
    assert "/home/ann" not in text
    assert str(tmp_path) not in text
    assert str(conditional_run.path) not in text


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_card_tells_the_licence_of_every_data_set(run, dataset):
    words = {"mnist10k": "CC BY-SA 3.0", "mnist": "CC BY-SA 3.0", "stacked_mnist": "CC BY-SA 3.0"}
    words |= {"fashion_mnist": "MIT", "cifar10": "without a stated licence", "celeba": "non-commercial research"}
    run.config_file.write_text(to_yaml(TrainConfig(dataset=dataset)))
    assert words.get(dataset, "whoever trained the generator") in card_text(run).split("## Licence of the data")[1]


def test_a_run_without_a_config_has_a_card_that_does_not_guess(run):
    run.config_file.unlink()
    text = card_text(run)
    assert "does not say what it was trained on" in text
    assert "Data set" not in text


def report(run):
    return {
        "pictures": f"{run.path} (ema weights)",
        "data": "cifar10: 10000 images of its test split are held out.",
        "counts": {"drawn": 500},
        "figures": {"frechet": {"drawn": 12.3456, "real": 4.5, "ratio": 2.7, "better": "lower"}, "modes": {}},
    }


def test_a_card_repeats_the_figures_of_the_evaluation(run):
    (run.path / "evaluation.json").write_text(json.dumps(report(run)))
    run.save_best(small_generator(), 7, {"frechet_ratio": 1.5})
    text = card_text(run)
    assert "Of 500 pictures, drawn with ema weights. Data: cifar10: 10000" in text
    assert "| frechet | 12.35 | 4.5 |" in text
    assert "| modes | – | – |" in text


@pytest.mark.parametrize("content", ["{", "[]", '{"figures": 3}', '{"figures": {"a": 1}}', "null", "\x00"])
def test_a_damaged_evaluation_is_no_figure(run, content):
    (run.path / "evaluation.json").write_text(content)
    assert "holds no figures" in card_text(run)


def test_figures_of_training_say_which_generator_they_are_of(run):
    run.save_best(small_generator(), 7, {"frechet_ratio": 1.5})
    run.checkpoints.save(9, {"generator/x": np.zeros(1)}, keep=1)
    assert "after 7 steps, not of this one:\n\n| | |\n| --- | --- |\n| frechet_ratio | 1.5 |" in card_text(run)
    text = card_text(run, weights="best")
    assert "Run `tiny` after 7 steps" in text
    assert "after 7 steps:\n\n" in text
    run.checkpoints.remove_after(0)
    run.checkpoints.save(7, {"generator/x": np.zeros(1)}, keep=1)
    assert "after 7 steps, not of" not in card_text(run)


def test_sizes_of_a_generator_are_the_arguments_it_was_built_with():
    sizes = generator_sizes(small_generator(CLASSES, width=4, kernel=6))
    assert tuple(sizes.pop("image_size")) == (16, 24)
    wanted = {"channels": 3, "width": 4, "latent_dim": DIM, "kernel": 6, "classes": CLASSES, "upsampling": "transposed"}
    assert {name: sizes[name] for name in wanted} == wanted
