"""What a run directory says, made again: its discriminator, and the images it was trained on."""

from dataclasses import fields
from typing import TYPE_CHECKING

from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.runs import Run, assign_weights

if TYPE_CHECKING:
    import keras


def data_options(config: DataConfig, run: Run | None, shape: tuple[int, ...] = ()) -> DataConfig:
    """Which images a command works on: the run's own, changed by what is given.

    Args:
        config: the command's options; those of `DataConfig` that are not None are given.
        run: None where there is none.
        shape: (H, W, C) of the run's pictures, to which another `--dataset` than the run's is cut.
    """
    given = {f.name: getattr(config, f.name) for f in fields(DataConfig)}
    given = {name: value for name, value in given.items() if value is not None}
    if run is None:
        return DataConfig(**given)
    trained = run.config()
    if given.get("dataset", trained.dataset) != trained.dataset:
        return DataConfig(**({"image_size": f"{shape[0]}x{shape[1]}", "channels": shape[2]} | given))
    return DataConfig(**({f.name: getattr(trained, f.name) for f in fields(DataConfig)} | given))


def build_untrained_discriminator(run: Run, image_size: tuple[int, int], channels: int, seed: int = 0) -> "keras.Model":
    """The discriminator of the run's options before any training, its weights drawn from `seed`."""
    from dcgan.networks import build_discriminator

    config, classes = run.config(), len(run.classes() or ())
    form = {**config.discriminator_options, "kernel": config.kernel}
    return build_discriminator(image_size, channels, **form, seed=seed, classes=classes)


def load_discriminator(run: Run, image_size: tuple[int, int], channels: int) -> "keras.Model":
    """The discriminator as the run's newest state has it; of a run without states, the one beside its generator.

    Raises:
        UserError: the run has neither, or one of another network.
    """
    state = run.checkpoints.latest()
    if state is None:
        return _handed_on(run, (*image_size, channels))
    model = build_untrained_discriminator(run, image_size, channels)
    try:
        assign_weights(model, state)
    except ValueError as error:
        raise UserError(f"The state of {run.path} does not hold this version's discriminator.") from error
    return model


def _handed_on(run: Run, shape: tuple[int, int, int]) -> "keras.Model":
    """The discriminator that lies beside a generator, if it is one of images (H, W, C) and of the run's classes."""
    model, classes = run.load_discriminator(), len(run.classes() or ())
    takes = [tuple(each.shape[1:]) for each in getattr(model, "inputs", None) or ()]
    if takes != [shape] + ([(classes,)] if classes else []):
        raise UserError(f"{run.discriminator_file} does not judge the pictures of this run.")
    return model
