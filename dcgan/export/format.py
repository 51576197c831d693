"""What an export format consists of.

In every format the inputs are called `latent` and, for a conditional generator, `class`; the output is called `image`;
and the batch size is free.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dcgan.core.errors import UserError

if TYPE_CHECKING:
    import keras

INPUTS = ("latent", "class")
OUTPUT = "image"

TOLERANCE = 1e-4
"""Largest accepted difference of pixels in [-1, 1] for a format that stores float32 weights: 1/78 of a gray level."""

REQUIREMENTS = "requirements-export.txt"
"""File that lists the packages of all formats beyond the core packages."""

Inputs = dict[str, np.ndarray]
"""Input arrays by name: `latent` (N, latent_dim) and, for a conditional generator, `class` (N, classes), float32."""

Forward = Callable[[Inputs], np.ndarray]
"""A function from inputs to images: float32 (N, H, W, C) in [-1, 1]."""


@dataclass(frozen=True)
class Usage:
    """Python code that generates images from an export without this package; see `dcgan.export.model_card`.

    Args:
        load: line that loads the export; `{name}` stands for its file name.
        generate: line that assigns `image`; `{arrays}` stands for the inputs as a dictionary of arrays, `{tensors}` as
            a dictionary of tensors, `{model_input}` as a Keras model takes them, `{arguments}` as arguments.
        imports: import statements, beyond NumPy and Pillow.
        packages: what to install with pip, beyond NumPy and Pillow.
        module: file in `dcgan.export` whose source precedes the code; empty for none.
    """

    load: str
    generate: str
    imports: str = ""
    packages: tuple[str, ...] = ()
    module: str = ""


@dataclass(frozen=True)
class Format:
    """An export format.

    Args:
        name: name for messages and the model card.
        suffix: suffix of the file name; empty for a format that is a folder.
        write: function that writes a float32 generator to a path.
        load: function that loads an export in its own runtime.
        usage: code for the model card; None for a format that Python does not read, whose notes say how to use it.
        packages: modules that `write` and `load` import, beyond the core packages.
        notes: paragraphs for the model card.
        takes_run: whether `write` gets the run as well.
        takes_weights: whether `write` gets, after the run, the name of the weights as well.
        tolerance: largest accepted difference from the Keras generator, for pixels in [-1, 1].
        named_after_run: whether the card has the name of the run as its title, instead of that of the file or folder.
        library: name that Hugging Face has for the library that loads the export; empty if there is none.
        folder: default name of an export that is a folder, after that of the generator.
        entries: names of the files and folders in an export that is a folder, besides its card; `--overwrite` replaces
            a folder that holds nothing else.
    """

    name: str
    suffix: str
    write: Callable[..., None]
    load: Callable[[Path], Forward]
    usage: Usage | None
    packages: tuple[str, ...] = ()
    notes: str = ""
    takes_run: bool = False
    takes_weights: bool = False
    tolerance: float = TOLERANCE
    named_after_run: bool = False
    library: str = ""
    folder: str = ""
    entries: frozenset[str] = frozenset()

    def check_packages(self) -> None:
        """Check that the packages of this format are installed.

        Raises:
            UserError: a package is missing; the message names it and the file that lists it.
        """
        missing = [package for package in self.packages if not _is_installed(package)]
        if missing:
            *several, last = missing
            names = f"{', '.join(several)} and {last}" if several else last
            raise UserError(
                f"Writing {self.name} needs {names}, which {'are' if several else 'is'} not installed.",
                f"`pip install -r {REQUIREMENTS}` installs {'them' if several else 'it'}.",
            )


def named_inputs(generator: "keras.Model") -> list[tuple[str, "keras.KerasTensor"]]:
    """Return the inputs of a generator, each with its name in an export."""
    return list(zip(INPUTS, generator.inputs, strict=False))


def call_generator(generator: "keras.Model", inputs: Inputs) -> np.ndarray:
    """Return the images that a Keras generator computes from `inputs`: float32 (N, H, W, C) in [-1, 1].

    Args:
        generator: a generator in float32.
        inputs: its inputs by name.
    """
    arrays = list(inputs.values())
    return np.asarray(generator(arrays if len(arrays) > 1 else arrays[0], training=False))


def _is_installed(package: str) -> bool:
    """Return whether a module can be found, without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False
