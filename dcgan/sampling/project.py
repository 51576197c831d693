"""The command that projects: from which latents does a generator draw what is most like some pictures?"""

import contextlib
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dcgan import runs
from dcgan.config import ProjectConfig
from dcgan.core.atomic_io import atomic_write, check_overwrite, parse_paths
from dcgan.core.classes import Classes, with_class
from dcgan.core.errors import UserError
from dcgan.data.decoding import decode, pillow_warnings, skip_reason
from dcgan.data.transforms import CropResize
from dcgan.runs import Run
from dcgan.sampling.latents import slerp
from dcgan.sampling.output_path import new_folder
from dcgan.visualization import encode_lines, magnify, save_png, tile

FOLDER = "projected"
"""Where what was found lies in a run directory."""

STAGES = (0, 3, 10, 30, 100, 300)
"""Steps after which the sheet shows how near the search has come; the end is shown as well."""

SIDE = 64
"""Pixels the shorter side of a picture has at least on a sheet."""

FILES = ("sheet.png", "errors.png", "latents.npz", "walk.png")
"""What the command writes; the last one of two pictures or more."""


def project(config: ProjectConfig) -> Path:
    """Project pictures, and say how near the generator comes to each.

    Args:
        config: every option; see `ProjectConfig`.

    Returns:
        The folder with a sheet (a row a picture: itself, the search after some steps, the result), the errors over
        the steps as curves, the latents as `.npz`, and of several pictures a walk from each to the next.

    Raises:
        UserError: no such run or class, a file that is no picture, or a folder that is taken.
    """
    run, paths = runs.find_run(config.run_dir), _paths(config.images)
    out = _destination(config, run, paths)
    classes = run.classes()
    label = _label(config.label, classes)
    generator, images = _load(run, config.weights, paths)
    from dcgan.sampling import projection

    stages = [stage for stage in STAGES if stage < config.steps]
    labels = None if label is None else [label] * len(images)
    found = projection.project(
        generator, images, labels, config.starts, config.steps, seed=config.seed, stages=[*stages, config.steps]
    )
    with new_folder(out) if config.out is None else contextlib.nullcontext(out) as out:
        _write(out, generator, images, found, paths, config.walk)
    _tell(paths, found, classes)
    print(f"Sheet, errors, latents{' and walk' if len(paths) > 1 else ''} of {_counted(len(paths))}: {out}")
    return out


def read_images(paths: Sequence[Path], cut: CropResize) -> np.ndarray:
    """Read picture files and cut them as training does.

    Returns:
        uint8 (N, H, W, C).

    Raises:
        UserError: naming a file that is not there or can't be read as a picture.
    """
    with pillow_warnings():
        return np.stack([_read_picture(path, cut) for path in paths])


def walk_between(generator, found, steps: int) -> np.ndarray:
    """The pictures on the way from each found latent to the next one.

    Args:
        generator: that drew them.
        found: a `Projection` of at least two pictures.
        steps: pictures a pair, both ends included.

    Returns:
        uint8 (pairs · steps, H, W, C). Latents go along great circles, classes in a straight line.
    """
    from dcgan.sampling.generation import generate_images

    way = np.linspace(0.0, 1.0, steps)
    between = (slerp(a, b, way) for a, b in itertools.pairwise(found.latents))
    if found.labels is not None:
        part, kinds = way[:, None], _kinds(generator, found.labels)
        mixtures = (a + part * (b - a) for a, b in itertools.pairwise(kinds))
        between = itertools.starmap(with_class, zip(between, mixtures, strict=True))
    return generate_images(generator, np.concatenate(list(between)))


def convergence_figure(generator, images: np.ndarray, found) -> np.ndarray:
    """A row a picture: the picture, what the search drew at each stage, the last of which is the result.

    Returns:
        uint8 (height, width, C).
    """
    from dcgan.sampling.generation import generate_images

    drawn = []
    for points in found.stages:
        rows = points if found.labels is None else with_class(points, _kinds(generator, found.labels))
        drawn.append(generate_images(generator, rows))
    return _enlarged(np.stack([images, *drawn], axis=1).reshape(-1, *images.shape[1:]), len(drawn) + 1)


def _enlarged(images: np.ndarray, columns: int) -> np.ndarray:
    """A sheet of images (N, H, W, C), enlarged where they are too small to be looked at."""
    return tile(np.stack([magnify(image, SIDE) for image in images]), columns)


def _kinds(generator, labels: np.ndarray) -> np.ndarray:
    """What a conditional generator takes for labels (N,): float32 (N, classes)."""
    return np.eye(generator.inputs[1].shape[-1], dtype=np.float32)[labels]


def _paths(text: str | None) -> list[Path]:
    """The files that `--images` names."""
    paths = parse_paths(text)
    if not paths:
        raise UserError("--images is missing.", "Example: --images one.png,other.jpg")
    return paths


def _label(text: str | None, classes: Classes | None) -> int | None:
    """The class that `--label` means."""
    if text is None:
        return None
    if classes is None:
        raise UserError("--label asks for a class, and this run is not conditional.", "Leave it out here.")
    return classes.parse(text)


def _load(run: Run, weights: str, paths: Sequence[Path]) -> tuple:
    """The generator and the pictures, of its size; TensorFlow is imported here, quietly."""
    from dcgan.core.tensorflow_import import import_tensorflow

    import_tensorflow()
    from dcgan.core import devices

    devices.configure_tensorflow(seed=0)  # starts have seeds of their own
    generator = run.load_generator(weights)
    *size, channels = generator.output_shape[1:]
    crop = run.config().crop if run.config_file.exists() else None
    return generator, read_images(paths, CropResize(tuple(size), crop, channels))


def _read_picture(path: Path, cut: CropResize) -> np.ndarray:
    if path.is_dir():
        raise UserError(f"{path} is a folder.", "--images names picture files, parted by commas.")
    try:
        return decode(path.read_bytes(), cut)
    except FileNotFoundError as error:
        raise UserError(f"There is no picture {path}.", "--images names picture files, parted by commas.") from error
    except Exception as error:  # Pillow's decoders agree on no exception
        raise UserError(f"{path} can't be read: {skip_reason('', error).reason}.", "Name another picture.") from error


def _destination(config: ProjectConfig, run: Run, paths: Sequence[Path]) -> Path:
    """The folder to write to."""
    if config.out is None:
        others = f"-and-{len(paths) - 1}-more" if len(paths) > 1 else ""
        return run.path / FOLDER / f"{paths[0].stem}{others}"
    if config.out.exists() and not config.out.is_dir():
        raise UserError(f"{config.out} is a file.", "--out names a folder.")
    for name in FILES:
        check_overwrite(config.out / name, config.overwrite)
    return config.out


def _write(out: Path, generator, images: np.ndarray, found, paths: Sequence[Path], walk: int) -> None:
    """All files."""
    notes = {"Software": "dcgan", "Pictures": ", ".join(path.name for path in paths)}
    save_png(out / "sheet.png", convergence_figure(generator, images, found), notes)
    if len(paths) > 1:
        save_png(out / "walk.png", _enlarged(walk_between(generator, found, walk), walk), notes)
    names = (f"{number}: {path.name}" for number, path in enumerate(paths, 1))
    lines = dict(zip(names, found.errors.T, strict=True))
    with atomic_write(out / "errors.png") as temporary:
        curves = encode_lines(range(len(found.errors)), lines, ("step", "mean squared error"), logarithmic=True)
        temporary.write_bytes(curves)
    labels = {} if found.labels is None else {"labels": found.labels}
    with atomic_write(out / "latents.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, latents=found.latents, images=found.images, errors=found.errors, **labels)


def _tell(paths: Sequence[Path], found, classes: Classes | None) -> None:
    """A line a picture."""
    for index, path in enumerate(paths):
        of_class = f", as {classes.names[found.labels[index]]!r}" if classes is not None else ""
        begun, ended = found.errors[0, index], found.errors[-1, index]
        print(f"{path}: mean squared error {ended:.4g} (at first {begun:.4g}; pixels go from -1 to 1){of_class}")


def _counted(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"
