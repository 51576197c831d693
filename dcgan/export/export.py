"""The command that exports."""

from pathlib import Path
from typing import TYPE_CHECKING

from dcgan import runs
from dcgan.config import ExportConfig
from dcgan.core.errors import UserError
from dcgan.export.formats import FORMATS, Format
from dcgan.export.output_path import atomic_export, output_path

if TYPE_CHECKING:
    import keras
import keras


def export(config: ExportConfig) -> Path:
    """Write a generator in another format, compare it with the one it was made from, and write a card beside it.

    Whatever precision the run was trained in, an export computes in float32.

    Args:
        config: every option; see `ExportConfig`.

    Returns:
        The file or folder that was written.

    Raises:
        UserError: no such run, a place that is taken or can't be written to, a missing package, a generator that the
            format can't hold; or what was written draws other pictures, and then it is not left there.
    """
    if config.format is None:
        raise UserError("--format is missing.", f"Formats: {', '.join(FORMATS)}.")
    run, form = runs.find_run(config.run_dir), FORMATS[config.format]
    out = output_path(config, run)
    form.check_packages()
    generator = _load(run, config.weights)
    from dcgan.export.model_card import model_card
    from dcgan.export.runtimes import max_difference

    with atomic_export(out, form) as (made, beside):
        _write(form, generator, made)
        difference = max_difference(config.format, made, generator)
        beside.write_text(model_card(config, run, generator, out.name, difference), encoding="utf-8")
    print(f"{form.words} of {run.path} ({config.weights} weights): {out}")
    print(f"Largest difference from the Keras generator on 64 seeds: {difference:.2g}, in [-1, 1].")
    return out


def _load(run: runs.Run, weights: str) -> "keras.Model":
    """The run's generator in float32; TensorFlow is imported here, quietly."""
    from dcgan.core.tensorflow_import import import_tensorflow

    import_tensorflow()
    from dcgan.core import devices

    devices.configure_tensorflow(seed=0)  # nothing is drawn from it: latents have seeds of their own
    return in_float32(run.load_generator(weights))


def _write(form: Format, generator: "keras.Model", path: Path) -> None:
    """Write it; a generator that was put together elsewhere may hold what a format has no operation for."""
    try:
        form.write(generator, path)
    except (UserError, OSError):
        raise
    except Exception as error:  # whatever a converter raises on what it does not know
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"This generator can't be written as {form.words}: {reason}") from error


def in_float32(generator: keras.Model) -> keras.Model:
    """A generator whose every layer computes in float32, as its weights are; itself, if it does already."""
    if all(layer.compute_dtype == "float32" for layer in generator.layers):
        return generator

    def of_float32(layer: keras.Layer) -> keras.Layer:
        return type(layer).from_config({**layer.get_config(), "dtype": "float32"})

    copy = keras.models.clone_model(generator, clone_function=of_float32)
    copy.set_weights(generator.get_weights())
    return copy
