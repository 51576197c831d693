"""The `export` command, and the comparison of an export with the Keras generator."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from dcgan import runs
from dcgan.config import ExportConfig
from dcgan.config.fields import Weights
from dcgan.core.errors import UserError, first_line
from dcgan.core.paths import typed_path
from dcgan.export.format import INPUTS, Format, Inputs, call_generator
from dcgan.export.formats import FORMATS
from dcgan.export.output_path import atomic_export, output_path
from dcgan.runs.loading import load_generator
from dcgan.sampling.latents import latents

if TYPE_CHECKING:
    import keras

BATCH_SIZES = (1, 7, 56)
"""Sizes of the batches of the seeds 0 to 63, because an export has to accept every batch size."""


def export(config: ExportConfig) -> Path:
    """Convert a generator to another format, compare it with the Keras generator and write a model card beside it.

    The export computes in float32, whatever precision the run was trained in.

    Args:
        config: options of the command; `format` is required.

    Returns:
        The file or folder that was written.

    Raises:
        UserError: there is no such run, the output path exists or is not writable, a package is missing, the format
            does not support the generator, or the export generates other images; then nothing is written.
    """
    if config.format is None:
        raise UserError("--format is missing.", f"Formats: {', '.join(FORMATS)}.")
    run, target = runs.find_run(config.run_dir), FORMATS[config.format]
    out = output_path(config, run, target)
    target.check_packages()
    generator = in_float32(load_generator(run, config.weights, config.device))
    from dcgan.export.model_card import model_card

    with atomic_export(out, target) as (exported, card):
        _convert(generator, target, exported, run, config.weights)
        difference = max_difference(target, exported, generator)
        card.write_text(model_card(run, config.weights, generator, target, out.name, difference), encoding="utf-8")
    print(f"Exported {run.description} ({config.weights} weights) as {target.name}: {out}")
    print(f"Largest difference from the Keras generator over 64 seeds: {difference:.2g}, for pixels in [-1, 1].")
    if config.format == "hub":
        print(f"Read {out / 'README.md'}, then publish the folder: hf upload USER/NAME {typed_path(out)} .")
    return out


def in_float32(generator: "keras.Model") -> "keras.Model":
    """Return a generator whose layers all compute in float32.

    Args:
        generator: in any precision; its weights are float32.

    Returns:
        `generator` itself if it computes in float32, otherwise a copy with the same weights.
    """
    if all(layer.compute_dtype == "float32" for layer in generator.layers):
        return generator
    import keras

    def to_float32(layer: Any) -> Any:
        return type(layer).from_config({**layer.get_config(), "dtype": "float32"})

    copy = cast("keras.Model", keras.models.clone_model(generator, clone_function=to_float32))
    copy.set_weights(generator.get_weights())
    return copy


def max_difference(target: Format, path: Path, generator: "keras.Model") -> float:
    """Return the largest difference between the images of an export and those of the Keras generator.

    Args:
        target: the format of the export.
        path: the export.
        generator: the Keras generator, in float32; its images are in [-1, 1].

    Returns:
        Largest absolute difference over all pixels of the images of seeds 0 to 63.

    Raises:
        UserError: the difference is above `target.tolerance` or NaN, or the shapes differ.
    """
    batches = list(_input_batches(generator))
    from dcgan.core.devices import without_tensor_float_32

    with without_tensor_float_32():
        forward = target.load(path)
        pairs = [(forward(batch), call_generator(generator, batch)) for batch in batches]
    same_shapes = all(exported.shape == expected.shape for exported, expected in pairs)
    differences = [np.abs(exported - expected).max() for exported, expected in pairs] if same_shapes else [np.nan]
    difference = float(np.max(differences))
    if not difference <= target.tolerance:  # also true for NaN
        raise UserError(
            f"The {target.name} export generates other images than the Keras generator: they differ by up to "
            f"{difference:.2g}, for pixels in [-1, 1].",
            "Nothing was written. Choose another --format or --weights.",
        )
    return difference


def _convert(generator: "keras.Model", target: Format, path: Path, run: runs.Run, weights: Weights) -> None:
    """Write the export; a generator that was built elsewhere may hold operations that the format lacks."""
    try:
        target.write(
            generator, path, *([run] if target.takes_run else []), *([weights] if target.takes_weights else [])
        )
    except (UserError, OSError):
        raise
    except Exception as error:  # converters raise exceptions of many types
        raise UserError(f"This generator can't be exported as {target.name}: {first_line(error)}") from error


def _input_batches(generator: "keras.Model") -> Iterator[Inputs]:
    """The latents of the seeds 0 to 63 and, for a conditional generator, all classes in turn."""
    widths, first = [tensor.shape[1] for tensor in generator.inputs], 0
    for size in BATCH_SIZES:
        seeds = range(first, first + size)
        arrays = [latents(seeds, widths[0])]
        arrays += [np.eye(classes, dtype=np.float32)[[seed % classes for seed in seeds]] for classes in widths[1:]]
        yield dict(zip(INPUTS, arrays, strict=False))
        first += size
