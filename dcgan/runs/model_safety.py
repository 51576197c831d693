"""What a `.keras` file may name: classes that compute, none that runs code or reads files.

Keras' safe mode refuses what is known to be dangerous, and has been evaded several times (CVE-2025-1550, CVE-2025-8747,
CVE-2025-9906, CVE-2025-12058, CVE-2026-1669). Here everything is refused that is not known to be harmless, before Keras
sees it.
"""

import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dcgan.core.errors import UserError

MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
"""What a `.keras` archive contains; layers that bring files of their own (vocabularies) have more."""

MAX_CONFIG_BYTES = 1 << 26

UNSAFE_LAYERS = {
    "FlaxLayer",
    "IntegerLookup",
    "JaxLayer",
    "Lambda",
    "StringLookup",
    "TextVectorization",
    "TFSMLayer",
    "TorchModuleWrapper",
}
"""Layers of Keras that take code, or the path of a file."""

DATA = {"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"}
"""Values that Keras writes like objects."""

_HINT = (
    "Load models of Keras' own layers, initializers, regularizers, constraints and operations, or register the class "
    "with keras.saving.register_keras_serializable before loading."
)


def check_model_file(file: Path) -> None:
    """Check that loading a `.keras` file runs no code of it and reads no other file.

    Args:
        file: the file.

    Raises:
        UserError: it has other parts than Keras writes, names something that is not on the list, or takes its weights
            from elsewhere.
        Exception: it is not an archive, or damaged.
    """
    if file.suffix != ".keras":  # by which Keras chooses the reader
        raise ValueError("its name does not end in .keras")
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if sorted(names) != sorted(MEMBERS):
            others = ", ".join(sorted(set(names) ^ MEMBERS)) or "a name twice"
            raise UserError(f"{file} does not have the three parts of a .keras archive: {others}.", _HINT)
        with archive.open("config.json") as member:
            content = member.read(MAX_CONFIG_BYTES + 1)
        if len(content) > MAX_CONFIG_BYTES:
            raise UserError(f"{file} has a config.json of more than {MAX_CONFIG_BYTES >> 20} MiB.")
        config = json.loads(content) | {"compile_config": None}  # not loaded, and may name losses of the user
        for described in _objects(config):
            if not _is_allowed(described):
                parts = (described.get("module"), described["class_name"])
                name = ".".join(str(part)[:80] for part in parts if part)
                what = f" {str(described.get('config'))[:80]}" if described["class_name"] == "function" else ""
                raise UserError(f"{file} contains {name}{what}, which is not known to be harmless.", _HINT)
        with archive.open("model.weights.h5") as member:
            _check_weights(file, member)


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Yield the descriptions of objects in a config, however deep they are nested."""
    pending = [config]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                yield value
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)


def _is_allowed(described: dict[str, Any]) -> bool:
    """Whether a description names data, a class or function of Keras that computes, or a registered one."""
    import keras

    module, name, value = (described.get(key) for key in ("module", "class_name", "config"))
    if not isinstance(name, str) or name in DATA:
        return isinstance(name, str)
    if name == "function":
        known = {"builtins": keras.activations, "keras.activations": keras.activations, "keras.ops": keras.ops}
        return isinstance(value, str) and (_is_registered(value) or (module in known and value in vars(known[module])))
    if _is_registered(described.get("registered_name") or name):
        return True
    return isinstance(module, str) and name not in UNSAFE_LAYERS and _is_harmless_class(module, name)


def _is_registered(name: Any) -> bool:
    """Whether the program that loads the model, and not the file, brought a class or function of this name."""
    import keras

    return isinstance(name, str) and keras.saving.get_registered_object(name) is not None


def _is_harmless_class(module: str, name: str) -> bool:
    """Whether a module of Keras has a class of this name that computes."""
    import keras

    single = {
        ("keras", "DTypePolicy"),
        ("keras", "Model"),
        ("keras", "Sequential"),
        ("keras.random", "SeedGenerator"),
        ("keras.src.models.functional", "Functional"),
    }
    bases = {
        "keras.layers": keras.layers.Layer,
        "keras.initializers": keras.initializers.Initializer,
        "keras.regularizers": keras.regularizers.Regularizer,
        "keras.constraints": keras.constraints.Constraint,
        "keras.dtype_policies": keras.dtype_policies.DTypePolicy,
    }
    if module.startswith("keras.src.ops."):  # `x + y` and `keras.ops.tanh(x)` between layers
        bases[module] = keras.Operation
    found = vars(sys.modules[module]).get(name) if module in bases and module in sys.modules else None
    return (module, name) in single or (isinstance(found, type) and issubclass(found, bases[module]))


def _check_weights(file: Path, weights: Any) -> None:
    """Check that all weights are in the HDF5 file, and not in others that it points to."""
    import h5py

    def points_elsewhere(name: str, link: Any) -> str | None:
        entry = content[name] if isinstance(link, h5py.HardLink) else None
        elsewhere = entry is None or (isinstance(entry, h5py.Dataset) and (entry.external or entry.is_virtual))
        return name if elsewhere else None

    with h5py.File(weights, "r") as content:
        name = content.visititems_links(points_elsewhere)  # the first one
    if name is not None:
        raise UserError(f"{file} takes {name} from another place than its weights.", _HINT)
