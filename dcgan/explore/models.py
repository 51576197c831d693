"""The networks and training images of a run, loaded when a page asks for what needs them."""

import base64
import json
import sys
import threading
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dcgan.config import ExploreConfig
from dcgan.core.errors import UserError
from dcgan.core.sizes import format_shape
from dcgan.explore.training import file_version
from dcgan.runs import Run
from dcgan.runs.directions import FOLDER, load_directions
from dcgan.runs.finding import check_inside
from dcgan.runs.loading import data_options, load_discriminator, load_generator

if TYPE_CHECKING:
    import keras

WEIGHTS = "ema", "raw", "best"

computing = threading.RLock()
"""Held while TensorFlow is imported or computes: requests come in threads of their own."""


@dataclass(frozen=True, eq=False)
class Generator:
    """A generator of a run.

    Args:
        model: in float32, as `Run.load_generator` returns it.
        version: text that changes when training writes other weights.
        content: what a page needs to compute it, UTF-8 text of JSON: the values of
            `dcgan.export.web_page.page_content`, the `version`, and as `data` the weights in base64.
        problem: why a page can't compute it; empty if it can.
    """

    model: "keras.Model"
    version: str
    content: bytes
    problem: str

    def image(self, inputs: list[np.ndarray]) -> np.ndarray:
        """Generate an image.

        Args:
            inputs: a latent, and for a conditional generator a class input, float32.

        Returns:
            uint8 (H, W, C).

        Raises:
            UserError: the inputs don't have the sizes of the generator's.
        """
        sizes = [tensor.shape[1] for tensor in self.model.inputs]
        if sizes != [len(values) for values in inputs]:
            raise UserError(f"This generator takes inputs of {sizes} numbers.")
        arrays = [values[None] for values in inputs]
        with computing:
            from dcgan.core.image_range import to_uint8

            images = self.model(arrays if len(arrays) > 1 else arrays[0], training=False)
            return np.asarray(to_uint8(images))[0]


class Models:
    """The networks and training images of a run; each is loaded once, and again when training has replaced it.

    Args:
        run: the run. Only files in its directory are read; the training images are where its options say.
        config: options of the command.
    """

    def __init__(self, run: Run, config: ExploreConfig):
        self.run, self.config = run, config
        self._loaded: dict[str, tuple[Hashable, Any]] = {}
        self._shape: tuple[int, ...] = ()

    def versions(self) -> dict[str, str]:
        """Return the weights that the run has (`ema`, `raw`, `best`), each with a text that changes when they do."""
        saved, best, step = (file_version(self.run.generator_file), file_version(self.run.best_file), self._step())
        found = {"ema": saved, "raw": saved and step and (saved, step), "best": best}
        return {name: str(version) for name, version in found.items() if version}

    def generator(self, weights: str, version: str = "") -> Generator:
        """Return a generator of the run.

        Args:
            weights: one of `WEIGHTS`.
            version: the version to return, as long as it is loaded; by default the newest one.

        Raises:
            UserError: as `dcgan.runs.loading.load_generator`, a file of it is not in the run directory, or there is
                another version only.
        """
        with computing:
            if version and weights in self._loaded and self._loaded[weights][1].version == version:
                return self._loaded[weights][1]
            newest = self.versions().get(weights, "")
            if version not in ("", newest):
                raise UserError("Training has written other weights since.", "Load the newer weights first.")
            directions = file_version(self.run.output_dir / FOLDER)
            return self._get(weights, (newest, directions), lambda: self._load_generator(weights, newest))

    def discriminator(self) -> "keras.Model":
        """Return the discriminator of the newest checkpoint.

        Raises:
            UserError: as `dcgan.runs.loading.load_discriminator`, or a file of it is not in the run directory.
        """
        version = (self._step(), file_version(self.run.discriminator_file))
        return self._get("discriminator", version, self._load_discriminator)

    def images(self) -> np.ndarray:
        """Return the training images, uint8 (N, H, W, C), possibly memory-mapped.

        Raises:
            UserError: as `dcgan.data.load`, or they don't have the size of the generator's images.
        """
        return self._get("images", "", self._load_images)

    def _get(self, name: str, version: Hashable, load: Any) -> Any:
        """Return what was loaded under a name, if its version is still the same; otherwise load it."""
        with computing:
            if name not in self._loaded or self._loaded[name][0] != version:
                self._loaded.pop(name, None)  # before there are two of them in memory
                self._loaded[name] = version, load()
            return self._loaded[name][1]

    def _load_generator(self, weights: str, version: str) -> Generator:
        from dcgan.core.imports import import_tensorflow

        self._check_files()
        import_tensorflow()
        model = load_generator(self.run, weights, self.config.device)
        from dcgan.export.web_page import page_content

        try:
            directions = self._directions(model.inputs[0].shape[1])
            content, data = page_content(model, self.run.name, self.run.classes(), directions)
        except UserError as error:
            return Generator(model, version, b"", f"A page can't compute this generator: {error.problem}")
        encoded = {**content, "version": version, "data": base64.b64encode(data).decode("ascii")}
        return Generator(model, version, json.dumps(encoded, allow_nan=False).encode("utf-8"), "")

    def _directions(self, latent_dim: int) -> dict[str, np.ndarray]:
        """Return the directions that `edit` has found; a file that is none is reported in the terminal."""
        try:
            for file in (self.run.output_dir / FOLDER).glob("*.json"):
                check_inside(self.run.output_dir, file)
            return load_directions(self.run, latent_dim)
        except UserError as error:
            print(f"The page has no sliders for directions of `edit`: {error.problem}", file=sys.stderr)
            return {}

    def _load_discriminator(self) -> "keras.Model":
        shape = self.shape()
        return load_discriminator(self.run, (shape[0], shape[1]), shape[2])

    def _load_images(self) -> np.ndarray:
        from dcgan import data

        shape = self.shape()
        images = data.load(data_options(self.config, self.run, shape)).images
        if images.shape[1:] != shape:
            sizes = f"{format_shape(images.shape[1:])} and {format_shape(shape)}"
            raise UserError(f"The images of the dataset and of the generator differ in size: {sizes}.")
        return images

    def shape(self) -> tuple[int, ...]:
        """Return the shape of the run's images, (H, W, C), which no training changes; raises as `generator`."""
        with computing:
            if not self._shape:
                self._shape = tuple(self.generator("ema").model.output_shape[1:])
            return self._shape

    def _step(self) -> int:
        """Return the step of the newest checkpoint, 0 without one."""
        check_inside(self.run.path, self.run.checkpoints.folder)
        return self.run.checkpoints.latest_step()

    def _check_files(self) -> None:
        """Refuse files that lead out of the run directory."""
        run = self.run
        files = [run.generator_file, run.best_file, run.discriminator_file, run.classes_file, run.config_file]
        for file in (*files, *map(run.checkpoints.file, run.checkpoints.steps())):
            check_inside(run.path, file)
