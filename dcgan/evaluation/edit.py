"""The `edit` command: move generated images toward an attribute or a class, or ablate the feature maps of a class."""

from dataclasses import fields
from pathlib import Path

import numpy as np

from dcgan import runs
from dcgan.config import EditConfig
from dcgan.config.messages import flag
from dcgan.core.errors import UserError
from dcgan.core.imports import import_tensorflow
from dcgan.data.load import check_options
from dcgan.evaluation.stroke_features import STROKE_FEATURES
from dcgan.runs import Run
from dcgan.runs.directions import FOLDER
from dcgan.runs.loading import data_options
from dcgan.sampling.output import check_png_path
from dcgan.visualization import save_png

MODE_OPTIONS = {"toward": ("from_class", "method", "rows", "walk"), "ablate": ("layer", "seed")}
"""The options that only one mode uses, by the option that selects the mode."""


def edit(config: EditConfig) -> Path:
    """Edit generated images, write a figure of them, and print the effect on images that the edit was not found on.

    `--toward` follows Radford et al. 2016, section 6.3.2 and figure 8, for any attribute that the pixels or the
    dataset's classifier show. `--ablate` follows section 6.3.1, where windows in bedrooms were marked by hand. In the
    pretrained generator of digits, ablation hardly singles out a class (see `EditConfig`).

    Args:
        config: all options; see `EditConfig`.

    Returns:
        The PNG file that was written.

    Raises:
        UserError: not exactly one of `--toward` and `--ablate`, or an option of the other; a missing run, class or
            layer; images that do not show what is needed; or an output file that exists.
    """
    _check_mode(config)
    check_png_path(config.out, config.overwrite)
    run = runs.find_run(config.run_dir)
    if run.config_file.exists():
        check_options(data_options(config, run), "train")
    import_tensorflow()
    from dcgan.evaluation.edit_ablation import ablate_class
    from dcgan.evaluation.edit_direction import move_toward
    from dcgan.evaluation.label_predictor import load_run_generator

    source = load_run_generator(config)
    figure, name, summary = (move_toward if config.ablate is None else ablate_class)(source, config)
    return _save(config, source.run, figure, name, summary)


def _check_mode(config: EditConfig) -> None:
    """Refuse options that do not select one mode, or belong to the other."""
    if config.toward is None and config.ablate is None:
        raise UserError(
            "--toward or --ablate is missing.",
            "Use --toward with slant, boldness or a class, or --ablate with a class, for example --ablate 7.",
        )
    if config.toward is not None and config.ablate is not None:
        raise UserError("--toward and --ablate exclude each other.", "Leave out one of them.")
    if config.from_class is not None and config.toward in STROKE_FEATURES:
        raise UserError(
            "--from-class needs a class in --toward.", f"Leave --from-class out with --toward {config.toward}."
        )
    mode, other = ("toward", "ablate") if config.ablate is None else ("ablate", "toward")
    defaults = {field.name: field.default for field in fields(config)}
    for name in MODE_OPTIONS[other]:
        if getattr(config, name) != defaults[name]:
            raise UserError(f"{flag(name)} is an option of --{other}.", f"Leave it out with --{mode}.")


def _save(config: EditConfig, run: Run, figure: np.ndarray, name: str, summary: str) -> Path:
    """Write the figure, and print its path."""
    out = config.out or run.output_dir / FOLDER / f"{name}.png"
    given = {"Toward": config.toward, "From class": config.from_class, "Ablate": config.ablate}
    notes = {key: value for key, value in given.items() if value is not None}
    save_png(out, figure, {"Software": "dcgan", "Run": run.name, **notes})
    print(f"{summary}: {out}")
    return out
