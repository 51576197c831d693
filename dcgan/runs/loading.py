"""The data options, the generator and the discriminator of a run, from its files."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.core.sizes import format_size
from dcgan.runs.keras_models import assign_weights
from dcgan.runs.run import Run

if TYPE_CHECKING:
    import keras


def data_options(config: DataConfig, run: Run | None, shape: tuple[int, ...] = ()) -> DataConfig:
    """Return the data options of a command: those of the run, unless others are given.

    A run from elsewhere may name any folder of this machine as its cache: one that this program has not used, as it has
    where the run was trained, is not written into, and the default one is used.

    Args:
        config: options of the command; those of `DataConfig` that are not None were given.
        run: the run, or None to use the given options alone.
        shape: (H, W, C) of the run's images, for a `--dataset` other than the run's; empty as long as they are unknown.
    """
    options = {f.name: getattr(config, f.name) for f in fields(DataConfig)}
    given = {name: value for name, value in options.items() if value is not None}
    if run is None:
        return DataConfig(**given)
    if "dataset" in given and not run.config_file.exists():
        return DataConfig(**(_image_options(shape) | given))
    trained = run.config()
    if given.get("dataset", trained.dataset) != trained.dataset:
        return DataConfig(**(_image_options(shape) | given))
    recorded = {f.name: getattr(trained, f.name) for f in fields(DataConfig)}
    if trained.cache_dir is not None and not _is_cache(trained.cache_dir):
        recorded["cache_dir"] = None
    return DataConfig(**(recorded | given))


def _image_options(shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the data options of images of a shape (H, W, C); none as long as it is unknown."""
    return {"image_size": format_size((shape[0], shape[1])), "channels": shape[2]} if shape else {}


def _is_cache(folder: Path) -> bool:
    """Whether a folder has a dataset cache or a cached classifier."""
    return any(any(folder.glob(pattern)) for pattern in ("*/images.npy", "classifier-*.keras"))


def load_generator(run: Run, weights: str = "ema", device: str = "auto") -> "keras.Model":
    """Import and configure TensorFlow, and load the generator of a run.

    Args:
        run: the run.
        weights: as for `Run.load_generator`.
        device: as for `dcgan.core.devices.select_device`.

    Returns:
        The generator. Nothing random depends on the global seed that is set here: latents have seeds of their own.

    Raises:
        UserError: as for `Run.load_generator`, or the device can't be used.
    """
    from dcgan.core.imports import import_tensorflow

    import_tensorflow()
    from dcgan.core import devices

    devices.configure_tensorflow(seed=0, device=device)
    devices.check_gpus()
    return run.load_generator(weights)


def build_untrained_discriminator(run: Run, image_size: tuple[int, int], channels: int, seed: int = 0) -> "keras.Model":
    """Build the discriminator that a run's options describe, with random weights.

    Args:
        run: the run.
        image_size: (H, W) of its images.
        channels: channels of its images, 1 or 3.
        seed: seed of the weights.

    Returns:
        Model from images (N, H, W, C), and for a conditional run one-hot classes (N, classes), to logits (N, 1).
    """
    from dcgan.networks import build_discriminator

    config, classes = run.config(), _num_inputs(run)
    options = {**config.discriminator_options, "kernel": config.kernel}
    return build_discriminator(image_size, channels, **options, seed=seed, classes=classes)


def load_discriminator(run: Run, image_size: tuple[int, int], channels: int) -> "keras.Model":
    """Load the discriminator of a run's newest checkpoint, or `discriminator.keras` of a run without checkpoints.

    Args:
        run: the run.
        image_size: (H, W) of its images.
        channels: channels of its images, 1 or 3.

    Returns:
        Model as in `build_untrained_discriminator`.

    Raises:
        UserError: the run has neither, or a discriminator of another shape.
    """
    checkpoint = run.checkpoints.latest()
    if checkpoint is None:
        return _published_discriminator(run, (*image_size, channels))
    model = build_untrained_discriminator(run, image_size, channels)
    try:
        assign_weights(model, checkpoint)
    except ValueError as error:
        raise UserError(f"The checkpoint of {run.path} has no discriminator that this version can load.") from error
    return model


def _num_inputs(run: Run) -> int:
    """Return the width of the networks' class input; 0 for an unconditional run."""
    classes = run.classes()
    return 0 if classes is None else len(classes.input_probabilities)


def _published_discriminator(run: Run, shape: tuple[int, int, int]) -> "keras.Model":
    """Load `discriminator.keras` and check that it takes images (H, W, C) and the run's classes."""
    model, classes = run.load_discriminator(), _num_inputs(run)
    inputs = [tuple(tensor.shape[1:]) for tensor in getattr(model, "inputs", None) or ()]
    if inputs != [shape] + ([(classes,)] if classes else []):
        raise UserError(f"{run.discriminator_file} is not a discriminator of this run's images.")
    return model
