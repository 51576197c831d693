"""Keras files of a run: reproducible and atomic to write, safe to read."""

import io
import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from dcgan.core.atomic_io import atomic_write
from dcgan.core.errors import UserError, first_line
from dcgan.core.git_lfs import is_pointer_file
from dcgan.runs.model_safety import check_model_file

if TYPE_CHECKING:
    import keras


def save_model(model: "keras.Model", file: Path) -> None:
    """Write a model as a `.keras` file atomically; equal models give equal bytes.

    Args:
        model: the model.
        file: the file to write.

    Raises:
        UserError: the file can't be written.
    """
    with atomic_write(file) as path:
        model.save(path)
        make_reproducible(path)


def make_reproducible(file: Path) -> None:
    """Rewrite a `.keras` archive so that equal models give equal bytes.

    Keras stores the time of saving, and memory addresses as identifiers of shared objects.

    Args:
        file: the archive.
    """
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    metadata = json.loads(members["metadata.json"])
    members["metadata.json"] = json.dumps({**metadata, "date_saved": "left out"}).encode()
    members["config.json"] = _renumber(members["config.json"])
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)


def store_in_float16(file: Path) -> None:
    """Rewrite the weights in a `.keras` archive as float16, which halves its size; Keras loads them as float32.

    Args:
        file: the archive.
    """
    with zipfile.ZipFile(file) as archive:
        members = {info: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(file, "w") as archive:
        for info, content in members.items():
            archive.writestr(info, _to_float16(content) if info.filename.endswith(".h5") else content)


def _to_float16(content: bytes) -> bytes:
    """Return an HDF5 file with its float32 datasets as float16."""
    import h5py

    with io.BytesIO(content) as before, io.BytesIO() as after:
        with h5py.File(before, "r") as source, h5py.File(after, "w") as target:

            def copy(name: str, entry: Any) -> None:
                if isinstance(entry, h5py.Dataset):
                    dtype = np.float16 if entry.dtype == np.float32 else entry.dtype
                    target.create_dataset(name, data=entry[()].astype(dtype))
                else:
                    target.require_group(name)
                for key, value in entry.attrs.items():
                    target[name].attrs[key] = value

            source.visititems(copy)
        return after.getvalue()


def load_model(file: Path, description: str) -> "keras.Model":
    """Load a `.keras` file without running code that it may contain; see `dcgan.runs.model_safety`.

    Args:
        file: the file.
        description: what it should be, for the error message, for example `"generator"`.

    Returns:
        The model, not compiled.

    Raises:
        UserError: the file does not exist, is not a model, or is not known to be harmless.
    """
    import keras

    try:
        check_model_file(file)
        return cast("keras.Model", keras.models.load_model(file, compile=False, safe_mode=True))
    except UserError:
        raise
    except Exception as error:  # a damaged or malicious file makes Keras raise any of them
        if is_pointer_file(file):
            hint = "Run `git lfs pull` in its repository; Git LFS has to be installed."
            raise UserError(f"{file} is a Git LFS pointer, and not the {description}.", hint) from error
        if isinstance(error, zipfile.BadZipFile):
            hint = "Copy or download it again."
            raise UserError(f"{file} is not a {description}: it is not a .keras file, or cut off.", hint) from error
        raise UserError(f"{file} is not a {description}: {first_line(error)}") from error


def assign_weights(network: "keras.Model", arrays: dict[str, np.ndarray]) -> None:
    """Assign to a network its weights in a checkpoint.

    Args:
        network: generator or discriminator; its name is the prefix of its weights in the checkpoint.
        arrays: the checkpoint.

    Raises:
        ValueError: a weight is missing or has another shape.
    """
    import keras

    from dcgan.networks.fused_upsampling import to_inference_kernel

    try:
        for layer in network.layers:
            for variable in layer.variables:
                weight = arrays[f"{network.name}/{variable.path.removeprefix(f'{network.name}/')}"]
                transposed = isinstance(layer, keras.layers.Conv2DTranspose)
                variable.assign(to_inference_kernel(weight, variable.shape) if transposed else weight)
    except KeyError as error:
        raise ValueError(f"The checkpoint has no {error.args[0]}.") from error


def is_generator(model: Any) -> bool:
    """Return whether a model maps (None, latent_dim), and possibly (None, classes), to (None, H, W, 1, 3 or 4)."""
    try:
        (output,) = model.outputs
        shapes = [tuple(tensor.shape) for tensor in (*model.inputs, output)]
    except (AttributeError, TypeError, ValueError):  # not built, or several outputs
        return False
    known = all(shape and shape[0] is None and all(type(size) is int for size in shape[1:]) for shape in shapes)
    *inputs, image = shapes
    return (
        known
        and 1 <= len(inputs) <= 2
        and {len(shape) for shape in inputs} == {2}
        and len(image) == 4
        and image[3] in (1, 3, 4)
    )


def _renumber(config: bytes) -> bytes:
    """Replace the memory addresses in a model's config by 1, 2, 3, … in order of appearance."""
    numbers: dict[bytes, int] = {}

    def number(match: re.Match[bytes]) -> bytes:
        return match[1] + str(numbers.setdefault(match[2], len(numbers) + 1)).encode()

    return re.sub(rb'("shared_object_id": )(\d+)', number, config)
