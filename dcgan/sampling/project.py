"""The `project` command: find the latents whose generated images are most similar to given images."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dcgan import runs
from dcgan.config import ProjectConfig
from dcgan.core.atomic_io import atomic_write, check_overwrite, parse_paths
from dcgan.core.classes import Classes, with_class
from dcgan.core.errors import UserError, errors_about
from dcgan.core.wording import counted
from dcgan.data.decoding import pillow_warnings, read_image_file
from dcgan.data.transforms import CropResize
from dcgan.runs import Run
from dcgan.runs.loading import load_generator
from dcgan.sampling.latents import interpolate_latents, walk_positions
from dcgan.sampling.output import write_new
from dcgan.sampling.selection import interpolate_classes
from dcgan.visualization import encode_lines, magnify, save_png, tile

if TYPE_CHECKING:
    import keras

    from dcgan.sampling.projection import Projection

FOLDER = "projected"
"""Subfolder of the run directory for results."""

STAGES = (0, 3, 10, 30, 100, 300)
"""Steps after which the figure shows the progress of the search, besides the end."""

MIN_SIDE = 64
"""Minimum size of the shorter side of an image in a figure, in pixels."""

FILES = ("projection.png", "errors.png", "latents.npz", "walk.png")
"""The files that the command writes; the last one only for two images or more."""


def project(config: ProjectConfig) -> Path:
    """Project images into the latent space, and print the error of each result.

    Args:
        config: all options; see `ProjectConfig`.

    Returns:
        The folder with a figure (one row per image: itself, the search after some steps, the result), the errors over
        the steps as curves, the latents as `.npz`, and for several images a walk from each result to the next.

    Raises:
        UserError: a missing run, class or image; a file that is not an image; or an output file that exists.
    """
    run, paths = runs.find_run(config.run_dir), _image_paths(config.images)
    out = _output_folder(config, run, paths)
    classes = run.classes()
    label = _parse_class(config.class_label, classes)
    generator, images = _load(run, config, paths)
    from dcgan.sampling import projection

    stages = [stage for stage in STAGES if stage < config.steps]
    found = projection.project(
        generator,
        images,
        restarts=config.restarts,
        steps=config.steps,
        seed=config.seed,
        stages=[*stages, config.steps],
        candidates=None if label is None or classes is None else classes.inputs_of(label),
    )

    def write(folder: Path) -> None:
        _write(folder, generator, images, found, paths, config.walk)

    if config.out is None:
        out, _ = write_new(out, write, suffix="")
    else:
        write(out)
    _print_errors(paths, found, classes)
    walk = " and walk" if len(paths) > 1 else ""
    print(f"Figure, errors, latents{walk} of {counted(len(paths), 'image')}: {out}")
    return out


def read_images(paths: Sequence[Path], crop: CropResize) -> np.ndarray:
    """Read image files, cropped and resized as for training.

    Args:
        paths: at least one image file.
        crop: crop and size.

    Returns:
        uint8 (N, H, W, C).

    Raises:
        UserError: a file is missing or can't be decoded.
    """
    with pillow_warnings():
        return np.stack([_read_image(path, crop) for path in paths])


def walk_between(generator: "keras.Model", found: "Projection", steps: int) -> np.ndarray:
    """Generate the images on a walk from each projected latent to the next one.

    Args:
        generator: the generator that the images were projected with.
        found: a projection of at least two images.
        steps: number of images per pair, both ends included.

    Returns:
        uint8 (pairs · steps, H, W, C). Latents are interpolated along great circles, classes linearly.
    """
    from dcgan.sampling.generation import generate_images

    t = walk_positions(steps)
    rows = np.concatenate(list(interpolate_latents(found.latents, t)))
    if found.labels is not None:
        rows = with_class(rows, np.concatenate(list(interpolate_classes(_one_hot(generator, found.labels), t))))
    return generate_images(generator, rows)


def convergence_figure(generator: "keras.Model", images: np.ndarray, found: "Projection") -> np.ndarray:
    """Tile one row per image: the image, and what the search generated at each stage, the last of which is the result.

    Args:
        generator: the generator that the images were projected with.
        images: uint8 (N, H, W, C), the projected images.
        found: their projection, with stages.

    Returns:
        uint8 (H', W', C).
    """
    from dcgan.sampling.generation import generate_images

    generated = []
    for latents in found.stages:
        rows = latents if found.labels is None else with_class(latents, _one_hot(generator, found.labels))
        generated.append(generate_images(generator, rows))
    return _magnified(np.stack([images, *generated], axis=1).reshape(-1, *images.shape[1:]), len(generated) + 1)


def _magnified(images: np.ndarray, columns: int) -> np.ndarray:
    """Tile images (N, H, W, C), magnified where they are small."""
    return tile(np.stack([magnify(image, MIN_SIDE) for image in images]), columns)


def _one_hot(generator: "keras.Model", labels: np.ndarray) -> np.ndarray:
    """Return the class input of a conditional generator for labels (N,): float32 (N, classes)."""
    return np.eye(generator.inputs[1].shape[-1], dtype=np.float32)[labels]


def _image_paths(text: str | None) -> list[Path]:
    """Return the files that `--images` names."""
    paths = parse_paths(text)
    if not paths:
        raise UserError("--images is missing.", "Example: --images one.png,other.jpg")
    for path in paths:
        _check_image(path)
    return paths


def _parse_class(text: str | None, classes: Classes | None) -> int | None:
    """Return the label that `--class` names."""
    if text is None:
        return None
    if classes is None or not classes.labeled:
        raise UserError("--class selects a class, but this run is not conditional.", "Leave it out.")
    with errors_about("--class"):
        return classes.parse(text)


def _load(run: Run, config: ProjectConfig, paths: Sequence[Path]) -> tuple["keras.Model", np.ndarray]:
    """Load the generator, and the images at its size."""
    generator = load_generator(run, config.weights, config.device)
    height, width, channels = generator.output_shape[1:]
    crop = run.config().crop if run.config_file.exists() else None
    return generator, read_images(paths, CropResize((height, width), crop, channels))


def _check_image(path: Path) -> None:
    """Refuse a path that is no file."""
    hint = "--images takes image files, separated by commas."
    if path.is_dir():
        raise UserError(f"{path} is a folder.", hint)
    if not path.exists():
        raise UserError(f"There is no image {path}.", hint)


def _read_image(path: Path, crop: CropResize) -> np.ndarray:
    _check_image(path)
    return read_image_file(path, crop)


def _output_folder(config: ProjectConfig, run: Run, paths: Sequence[Path]) -> Path:
    """Return the folder to write to."""
    if config.out is None:
        others = f"-and-{len(paths) - 1}-more" if len(paths) > 1 else ""
        return run.output_dir / FOLDER / f"{paths[0].stem}{others}"
    if config.out.exists() and not config.out.is_dir():
        raise UserError(f"{config.out} is a file.", "--out needs a folder.")
    for name in FILES:
        check_overwrite(config.out / name, config.overwrite)
    return config.out


def _write(
    out: Path,
    generator: "keras.Model",
    images: np.ndarray,
    found: "Projection",
    paths: Sequence[Path],
    walk: int,
) -> None:
    """Write all files."""
    notes = {"Software": "dcgan", "Images": ", ".join(path.name for path in paths)}
    save_png(out / "projection.png", convergence_figure(generator, images, found), notes)
    if len(paths) > 1:
        save_png(out / "walk.png", _magnified(walk_between(generator, found, walk), walk), notes)
    names = (f"{number}: {path.name}" for number, path in enumerate(paths, 1))
    lines = dict(zip(names, found.errors.T, strict=True))
    with atomic_write(out / "errors.png") as temporary:
        curves = encode_lines(range(len(found.errors)), lines, ("step", "mean squared error"), logarithmic=True)
        temporary.write_bytes(curves)
    arrays = {"latents": found.latents, "images": found.images, "errors": found.errors}
    arrays |= {} if found.labels is None else {"labels": found.labels}
    with atomic_write(out / "latents.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]  (its stub takes them for `allow_pickle`)


def _print_errors(paths: Sequence[Path], found: "Projection", classes: Classes | None) -> None:
    """Print one line per image."""
    for index, path in enumerate(paths):
        label = None if found.labels is None else found.labels[index]
        class_name = "" if label is None or classes is None else f", class {classes.input_names[label]!r}"
        first, last = found.errors[0, index], found.errors[-1, index]
        print(f"{path}: mean squared error {last:.4g} (initially {first:.4g}; pixels in [-1, 1]){class_name}")
