"""What a run directory says, made again: its discriminator, and the images it was trained on."""

from dataclasses import fields
from typing import TYPE_CHECKING

from dcgan.config import DataConfig
from dcgan.errors import UserError
from dcgan.runs import Run, assign

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


def new_discriminator(run: Run, image_size: tuple[int, int], channels: int, seed: int = 0) -> "keras.Model":
    """The discriminator of the run's options before any training, its weights drawn from `seed`."""
    from dcgan.networks import build_discriminator

    config, classes = run.config(), len(run.classes() or ())
    own = {"width": config.discriminator_width, "kernel": config.kernel, "downsampling": config.downsampling}
    return build_discriminator(image_size, channels, **own, seed=seed, classes=classes)


def load_discriminator(run: Run, image_size: tuple[int, int], channels: int) -> "keras.Model":
    """The discriminator as the run's newest state has it.

    Raises:
        UserError: the run has no state, or one of another network.
    """
    state = run.latest_state()
    if state is None:
        raise UserError(f"{run.path} holds no state, and so no discriminator.", "Training writes it at its first save.")
    model = new_discriminator(run, image_size, channels)
    try:
        assign(model, state)
    except ValueError as error:
        raise UserError(f"The state of {run.path} does not hold this version's discriminator.") from error
    return model
