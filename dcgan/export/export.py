"""The `export` command."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dcgan import runs
from dcgan.config import ExportConfig
from dcgan.core.errors import UserError
from dcgan.export.format import Format
from dcgan.export.formats import FORMATS
from dcgan.export.output_path import atomic_export, output_path
from dcgan.runs.loading import load_generator

if TYPE_CHECKING:
    import keras


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
    generator = in_float32(load_generator(run, config.weights))
    from dcgan.export.model_card import model_card
    from dcgan.export.verification import max_difference

    with atomic_export(out, target) as (exported, card):
        _convert(generator, target, exported)
        difference = max_difference(target, exported, generator)
        card.write_text(model_card(run, config.weights, generator, target, out.name, difference), encoding="utf-8")
    print(f"Exported {run.path} ({config.weights} weights) as {target.name}: {out}")
    print(f"Largest difference from the Keras generator over 64 seeds: {difference:.2g}, for pixels in [-1, 1].")
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


def _convert(generator: "keras.Model", target: Format, path: Path) -> None:
    """Write the export; a generator that was built elsewhere may hold operations that the format lacks."""
    try:
        target.write(generator, path)
    except (UserError, OSError):
        raise
    except Exception as error:  # converters raise exceptions of many types
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"This generator can't be exported as {target.name}: {reason}") from error
