"""Models from strangers: what would run code, read other files, or write elsewhere is refused before Keras sees it."""

import base64
import inspect
import io
import json
import marshal
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.evaluation.features import file_features
from dcgan.networks import build_discriminator, build_generator
from dcgan.runs import Run
from dcgan.runs.keras_models import load_model, save_model
from dcgan.runs.model_safety import UNSAFE_LAYERS

FILE = Path("generator.keras")
SECRET = Path("secret.txt")


@pytest.fixture(autouse=True)
def folder():
    """Write a secret that no model may read; afterwards nothing may have been written beside it."""
    SECRET.write_text("secret\n")
    yield
    assert {path.name for path in Path().iterdir()} <= {"secret.txt", "secret.npz", "secret.h5", "cache", FILE.name}


def parts_of(model):
    model.save(FILE)
    with zipfile.ZipFile(FILE) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(parts):
    with zipfile.ZipFile(FILE, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def write_with_layer(layer):
    """Write a valid model whose second layer is another one."""
    parts = parts_of(build_generator((8, 8), 1, width=2, latent_dim=3))
    config = json.loads(parts["config.json"])
    original = config["config"]["layers"][1]
    config["config"]["layers"][1] = {**original, "registered_name": None, **layer}
    write({**parts, "config.json": json.dumps(config).encode()})


def write_with_option(option, value):
    """Write a valid model with another option of its dense layer."""
    parts = parts_of(build_generator((8, 8), 1, width=2, latent_dim=3))
    config = json.loads(parts["config.json"])
    config["config"]["layers"][1]["config"][option] = value
    write({**parts, "config.json": json.dumps(config).encode()})


def assert_refused(match):
    with pytest.raises(UserError, match=match) as caught:
        load_model(FILE, "generator")
    assert str(FILE) in caught.value.problem
    assert "\n" not in caught.value.problem


def marshalled():
    """Python code that writes a file, as Keras stores a lambda."""
    code = compile("(lambda x: open('pwned', 'w').close() or x)", "x", "eval").co_consts[0]
    return base64.b64encode(marshal.dumps(code)).decode()


def function(module, name, **others):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name, **others}


LAMBDA = {"class_name": "__lambda__", "config": {"value": marshalled(), "defaults": None, "closure": None}}
INITIALIZER = {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        # CVE-2024-3660: the code itself, as Keras 2 and as Keras 3 store it
        ({"module": "keras.layers", "class_name": "Lambda", "config": {"function": LAMBDA}}, "keras.layers.Lambda"),
        ({"module": None, "class_name": "Lambda", "config": {"function": [marshalled(), None, None]}}, "Lambda"),
        (
            {"class_name": "Lambda", "config": {"function_type": "lambda", "function": [marshalled(), None, None]}},
            "Lambda",
        ),
        ({"module": "keras", "class_name": "layers.Lambda", "config": {"function": LAMBDA}}, "layers.Lambda"),
        # CVE-2025-1550: any function of Python
        ({"module": "os", "class_name": "function", "config": "system"}, "os.function system"),
        ({"module": "builtins", "class_name": "eval", "config": {}}, "builtins.eval"),
        ({"module": "subprocess", "class_name": "Popen", "config": {"args": ["touch", "pwned"]}}, "subprocess.Popen"),
        # CVE-2025-8747, CVE-2025-9906: functions of Keras that download, load and switch the safe mode off
        (
            {
                "module": "keras.layers",
                "class_name": "Lambda",
                "config": {"function": function("keras.utils", "get_file"), "arguments": {"origin": "file:///x"}},
            },
            "keras.(layers.Lambda|utils.function get_file)",
        ),
        ({"module": "keras.utils", "class_name": "get_file", "config": {"fname": "pwned"}}, "keras.utils.get_file"),
        ({"module": "keras.src.utils.file_utils", "class_name": "makedirs", "config": {}}, "file_utils.makedirs"),
        ({"module": "keras.config", "class_name": "enable_unsafe_deserialization", "config": {}}, "enable_unsafe"),
        # CVE-2025-49655 and other frameworks' code
        ({"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"module": "gA=="}}, "TorchModule"),
        ({"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "saved"}}, "TFSMLayer"),
        ({"module": "keras.layers", "class_name": "JaxLayer", "config": {"call_fn": LAMBDA}}, "JaxLayer|__lambda__"),
        # CVE-2025-12058: layers that read a file, or ask a server for it
        ({"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": str(SECRET)}}, "StringL"),
        ({"module": "keras.layers", "class_name": "IntegerLookup", "config": {"vocabulary": "gs://x"}}, "IntegerL"),
        ({"module": "keras.layers", "class_name": "TextVectorization", "config": {"vocabulary": "x"}}, "TextVector"),
        # names that resolve to something else than they seem to
        ({"module": "keras.layers", "class_name": "Input", "config": {}}, "keras.layers.Input"),
        ({"module": "keras.layers", "class_name": ["Dense"], "config": {}}, "Dense"),
        ({"module": "keras.src.layers.core.lambda_layer", "class_name": "Lambda", "config": {}}, "Lambda"),
        ({"module": "keras.src.ops.core", "class_name": "os", "config": {}}, "ops.core.os"),
        ({"module": "keras_hub.models", "class_name": "Task", "config": {}}, "keras_hub.models.Task"),
        ({"module": "dcgan.training.loop", "class_name": "train", "config": {}}, "dcgan.training.loop.train"),
    ],
)
def test_a_layer_that_is_not_known_to_be_harmless_is_refused_by_name(layer, named):
    write_with_layer(layer)
    assert_refused(named)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("activation", function("os", "system")),
        ("activation", function("builtins", "eval")),
        ("activation", function("keras.saving", "load_model")),
        ("activation", LAMBDA),
        ("kernel_initializer", LAMBDA),
        ("kernel_initializer", {"module": "os", "class_name": "system", "config": {"command": "touch pwned"}}),
        ("kernel_initializer", {"module": "keras.utils", "class_name": "get_file", "config": {"fname": "pwned"}}),
        ("kernel_regularizer", {"class_name": "__typespec__", "module": "os", "spec_name": "system", "config": []}),
        ("kernel_constraint", [[{"deep": {**INITIALIZER, "config": {"inside": LAMBDA}}}]]),
    ],
)
def test_code_in_place_of_an_option_is_refused(option, value):
    write_with_option(option, value)
    assert_refused("not known to be harmless")


def test_arguments_of_a_call_are_searched_for_code_as_well():
    parts = parts_of(build_generator((8, 8), 1, width=2, latent_dim=3))
    config = json.loads(parts["config.json"])
    config["config"]["layers"][1]["inbound_nodes"][0]["kwargs"] = {"mask": LAMBDA}
    write({**parts, "config.json": json.dumps(config).encode()})
    assert_refused("__lambda__")


def test_every_layer_of_keras_that_takes_code_or_a_file_is_refused():
    words = "fn", "function", "path", "file", "vocabulary", "module", "url"
    for name, layer in inspect.getmembers(keras.layers, inspect.isclass):
        arguments = inspect.signature(layer.__init__).parameters
        if any(word in argument for argument in arguments for word in words):
            assert name in UNSAFE_LAYERS, f"{name}({', '.join(arguments)})"


@pytest.mark.parametrize("member", ["../pwned", "/tmp/pwned", "assets/vocabulary.txt", "C:\\pwned", "pwned.py"])
def test_an_archive_with_members_that_keras_does_not_write_is_refused(member):
    write({**parts_of(build_generator((8, 8), 1, width=2, latent_dim=3)), member: b"x"})
    assert_refused("three parts of a .keras archive")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_two_configs_is_refused():
    parts = parts_of(build_generator((8, 8), 1, width=2, latent_dim=3))
    with zipfile.ZipFile(FILE, "a") as archive:
        archive.writestr("config.json", parts["config.json"])
    assert_refused("a name twice")


def test_pickled_weights_are_refused():
    parts = parts_of(build_generator((8, 8), 1, width=2, latent_dim=3))
    del parts["model.weights.h5"]
    pickled = io.BytesIO()
    np.savez(pickled, weights=np.array([{"an": "object"}], dtype=object))
    write({**parts, "model.weights.npz": pickled.getvalue()})
    assert_refused("model.weights.npz")


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_a_legacy_file_under_a_new_name_is_refused():
    build_generator((8, 8), 1, width=2, latent_dim=3).save("secret.h5")
    Path("secret.h5").rename(FILE)
    assert_refused("is not a generator")
    both = io.BytesIO(FILE.read_bytes())  # an HDF5 file that is an archive as well, under the name of the former
    with zipfile.ZipFile(both, "a") as archive:
        for name, content in parts_of(build_generator((8, 8), 1, width=2, latent_dim=3)).items():
            archive.writestr(name, content)
    Path("secret.h5").write_bytes(both.getvalue())
    with pytest.raises(UserError, match="does not end in"):
        file_features(Path("secret.h5"), (8, 8), 1)


def external_link(file, name, shape):
    file[name] = h5py.ExternalLink("secret.h5", "/weights")


def soft_link(file, name, shape):
    file[name] = h5py.SoftLink("/elsewhere")


def external_storage(file, name, shape):
    file.create_dataset(name, shape, np.uint8, external=[(str(SECRET), 0, h5py.h5f.UNLIMITED)])


def virtual_dataset(file, name, shape):
    layout = h5py.VirtualLayout(shape, np.float32)
    layout[...] = h5py.VirtualSource("secret.h5", "weights", shape)
    file.create_virtual_dataset(name, layout)


@pytest.mark.parametrize("replace", [external_link, soft_link, external_storage, virtual_dataset])
def test_weights_that_point_to_other_files_are_refused(replace):
    """CVE-2026-1669."""
    parts = parts_of(build_generator((8, 8), 1, width=2, latent_dim=3))
    content = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(content, "r+") as file:
        names = []
        file.visititems(lambda name, entry: names.append(name) if isinstance(entry, h5py.Dataset) else None)
        shape = file[names[0]].shape
        with h5py.File("secret.h5", "w") as other:
            other["weights"] = np.ones(shape, np.float32)
        del file[names[0]]
        replace(file, names[0], shape)
    write({**parts, "model.weights.h5": content.getvalue()})
    assert_refused("from another place than its weights")


def test_a_config_that_is_too_large_or_too_deep_is_refused(monkeypatch):
    monkeypatch.setattr("dcgan.runs.model_safety.MAX_CONFIG_BYTES", 10_000_000)
    parts = parts_of(build_generator((8, 8), 1, width=2, latent_dim=3))
    write({**parts, "config.json": b" " * 10_000_001})
    assert_refused("config.json of more than")
    write({**parts, "config.json": b"[" * 100_000})
    assert_refused("is not a generator")


def test_the_projects_own_networks_load():
    for model in (
        build_generator((8, 8), 3, width=2, latent_dim=3, classes=2),
        build_discriminator((8, 8), 3, width=2, classes=2, hidden=3),
    ):
        save_model(model, FILE)
        assert load_model(FILE, "model").count_params() == model.count_params()


@keras.saving.register_keras_serializable("test_hostile_models")
class Scale(keras.layers.Layer):
    """A layer of the user's own."""

    def call(self, inputs):
        return 2 * inputs


def difference(real, fake):
    """A loss of the user's own, which is not registered: only training needs it."""
    return keras.ops.mean(real - fake)


@keras.saving.register_keras_serializable("test_hostile_models")
def softer(inputs):
    """An activation of the user's own."""
    return keras.ops.tanh(inputs / 2)


def test_a_network_of_the_users_own_loads_with_what_keras_and_the_program_define():
    latent = keras.Input((4,))
    x = keras.layers.Dense(16, activation="gelu", kernel_regularizer="l2", kernel_constraint="max_norm")(latent)
    x = keras.layers.GaussianNoise(0.1, seed=1)(keras.layers.SpectralNormalization(keras.layers.Dense(16))(x))
    x = keras.ops.clip(keras.ops.tanh(x) + 1.0, -1, 1)
    x = keras.layers.Dense(64, activation=keras.layers.LeakyReLU(), dtype="mixed_float16")(x)
    x = keras.Sequential([keras.layers.Dense(64, activation=softer), Scale()])(keras.ops.cast(x, "float32"))
    model = keras.Model(latent, keras.layers.Reshape((8, 8, 1))(x), name="generator")
    model.compile("adam", loss=difference)
    run = Run(Path("cache"))
    run.save_generator(model)
    latents = np.ones((2, 4), np.float32)
    loaded = run.load_generator()
    np.testing.assert_array_equal(loaded(latents, training=False), model(latents, training=False))
