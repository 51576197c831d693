"""Initial weights from another run (`--init-from`): match its layers with those of a new run, and say what is new.

Layers are matched by name and by their distance from the image: those of the generator are counted from its output,
those of the discriminator from its input. The number of filters depends on that distance (`width`, twice as many one
stage further, …), and so does the scale in pixels of what a layer has learned. A larger image adds stages between the
latent vector and the layers that are taken over.

Kernels grow while they are trained: those of the pretrained digits to 4 to 20 times the standard deviation that they
began with. A step of Adam then changes them by as much less, the output of the generator is saturated, and the
discriminator is certain about every image. On other images, the generator does not follow, and collapses. So kernels
begin at the scale of new ones unless the images are of the same kind (van Laarhoven 2017, "L2 Regularization versus
Batch and Weight Normalization", on the scale of weights and the effective learning rate).
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from dcgan.config import ResolvedTrainConfig, TrainConfig
from dcgan.config.train import NETWORK_OPTIONS
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.core.sizes import format_shape
from dcgan.core.wording import counted
from dcgan.networks.fused_upsampling import FusedUpsampling2D
from dcgan.runs import Run, default_run_dir, find_run
from dcgan.runs.loading import load_discriminator
from dcgan.training.freezing import first_layers

if TYPE_CHECKING:
    from dcgan.training.trainer import Trainer

CLASS_AXES = {"project_class": 0, "class_embedding": 1}
"""By layer, the axis of its kernel that has one row (or column) per element of the class input."""

ADDED_TO = {"project_class": "project", "class_embedding": "logit"}
"""By layer of the class input, the layer to whose output its own is added."""

FAMILIES = (
    keras.layers.Conv2DTranspose,
    keras.layers.Conv2D,
    keras.layers.Dense,
    keras.layers.BatchNormalization,
)
"""Layers of one family compute the same function of the same weights, however fast."""

UNFUSED_ERROR = 5e-3
"""Largest error of a kernel that was split into four shifted copies, as a fraction of its root mean square. Kernels
that are stored in float16 have 3e-4; the nearest to a kernel that was learned as a whole is wrong by much of it."""

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Source:
    """The networks of the run whose weights a new one begins with.

    Args:
        run: the run.
        weights: which weights of its generator, as for `Run.load_generator`.
        generator: its generator.
        discriminator: its discriminator; None if the run does not contain one.
        class_names: of the elements of the class input; empty without one.
        kernels: of a generator of raw weights with `nearest` upsampling, the kernels that it has learned, by name.
    """

    run: Run
    weights: str
    generator: keras.Model
    discriminator: keras.Model | None
    class_names: tuple[str, ...]
    kernels: Arrays = field(default_factory=dict)


@dataclass
class Match:
    """What two networks have in common.

    Args:
        arrays: values for variables of the new network, by the name that a checkpoint has for them.
        new: layers of which something begins afresh; those of the class input only if they differ in more than classes.
    """

    arrays: Arrays = field(default_factory=dict)
    new: list[str] = field(default_factory=list)


def inherit_networks(given: TrainConfig) -> TrainConfig:
    """Fill in the options of the networks that were not given by those of `--init-from`.

    A run that has a checkpoint no longer needs the other one: the options are its own then.

    Args:
        given: options of the command.

    Raises:
        UserError: there is no run `--init-from`, its config is damaged, or it is the run that is to be trained.
    """
    if given.init_from is None:
        return given
    run = Run(given.run_dir or default_run_dir(given))
    source = run if run.checkpoints.exist() else find_source(given.init_from)
    if source is not run and source.path.resolve() == run.path.resolve():
        raise UserError(f"--init-from {given.init_from} is the run directory itself.", "Choose another --run-dir.")
    if not source.config_file.exists():
        return given
    trained = source.config()
    missing = [name for name in NETWORK_OPTIONS if getattr(given, name) is None]
    return replace(given, **{name: getattr(trained, name) for name in missing})


def find_source(name: str) -> Run:
    """Return the run that `--init-from` names.

    Args:
        name: a run directory, the name of a pretrained run, or a repository of Hugging Face as `hf://user/name`.

    Raises:
        UserError: there is none, with the option's name.
    """
    try:
        return find_run(name)
    except UserError as error:
        raise UserError(f"--init-from: {error.problem}", error.hint) from error


def load_source(config: ResolvedTrainConfig) -> Source:
    """Load the networks of `--init-from`.

    Args:
        config: options of the new run.

    Raises:
        UserError: there is no such run, or it lacks the weights that are asked for, or a file of it is damaged.
    """
    run = find_source(str(config.init_from))
    try:
        generator = run.load_generator(config.init_weights)
    except UserError as error:
        hint = error.hint.replace("--weights", "--init-weights")
        raise UserError(f"--init-from: {error.problem}", hint) from error
    kernels: Arrays = {}
    if config.init_weights == "raw":
        kernels = {name: array for name, array in (run.checkpoints.latest() or {}).items() if "/up_" in name}
    classes = run.classes()
    return Source(
        run, config.init_weights, generator, _load_discriminator(run, generator), _input_names(classes), kernels
    )


def _load_discriminator(run: Run, generator: keras.Model) -> keras.Model | None:
    """Return the discriminator of the run's newest checkpoint or in its own file; None if there is neither."""
    if not (run.checkpoints.exist() or run.discriminator_file.is_file()):
        return None
    height, width, channels = generator.output_shape[1:]
    try:
        return load_discriminator(run, (height, width), channels)
    except UserError:
        if not run.discriminator_file.is_file():
            raise
        return run.load_discriminator()  # of a program's own architecture


def initialize(trainer: "Trainer", source: Source, classes: Classes | None) -> str:
    """Give the networks of a new run the weights of another run that fit.

    Args:
        trainer: a new trainer. Its EMA weights begin with those of its generator.
        source: the networks of the other run.
        classes: of the new run.

    Returns:
        One line: how many arrays were taken over from where, and what begins afresh.

    Raises:
        UserError: nothing fits, or a layer that `--freeze-d` freezes does not.
    """
    names = _input_names(classes)
    matches = {"generator": match_generator(trainer.generator, source, names)}
    if source.discriminator is not None:
        matches["discriminator"] = match_discriminator(trainer.discriminator, source, names)
    arrays = {name: array for match in matches.values() for name, array in match.arrays.items()}
    if not arrays:
        raise _nothing_fits(source)
    _check_frozen(trainer, source, arrays)
    if trainer.config.init_scale == "fresh":
        arrays = _at_fresh_scale(trainer, arrays, [own for own, _ in _common_rows(names, source.class_names)])
    trainer.assign_initial_weights(arrays)
    return _describe(trainer, source, matches, names)


def match_generator(network: keras.Model, source: Source, class_names: Sequence[str]) -> Match:
    """Match the layers of a new generator with the source's, both counted from the image.

    Args:
        network: the new generator, for training or inference.
        source: what is matched.
        class_names: of the elements of the new class input.

    Returns:
        Values for the variables that fit.
    """
    rows = _common_rows(class_names, source.class_names)
    theirs = _layers_by_distance(source.generator, from_output=True)
    return _match(network, source.generator, _layers_by_distance(network, from_output=True), theirs, rows, source)


def match_discriminator(network: keras.Model, source: Source, class_names: Sequence[str]) -> Match:
    """Match the layers of a new discriminator with the source's, both counted from the image.

    Args:
        network: the new discriminator.
        source: what is matched; it has a discriminator.
        class_names: of the elements of the new class input.

    Returns:
        Values for the variables that fit.
    """
    assert source.discriminator is not None
    rows = _common_rows(class_names, source.class_names)
    theirs = _layers_by_distance(source.discriminator, from_output=False)
    return _match(network, source.discriminator, _layers_by_distance(network, from_output=False), theirs, rows, source)


LayerKey = tuple[str, int | None]
"""Name of a layer without its number, and its distance from the image in stages; None for a layer without a number."""


def _layers_by_distance(network: keras.Model, *, from_output: bool) -> dict[LayerKey, keras.layers.Layer]:
    """Return the layers with weights by their name and their distance from the image.

    Args:
        network: generator or discriminator.
        from_output: whether the image is the network's output.
    """
    named = [(_split(layer.name), layer) for layer in network.layers if layer.weights]
    last: dict[str, int] = {}
    for (stem, number), _ in named:
        last[stem] = max(number or 0, last.get(stem, 0))
    return {
        (stem, last[stem] - number if from_output and number is not None else number): layer
        for (stem, number), layer in named
    }


def _split(name: str) -> LayerKey:
    """Return the name of a layer without its number, and the number; `"up_2"` is `("up", 2)`."""
    match = re.fullmatch(r"(.+)_(\d+)", name)
    return (match[1], int(match[2])) if match else (name, None)


def _match(
    network: keras.Model,
    other: keras.Model,
    ours: Mapping[LayerKey, keras.layers.Layer],
    theirs: Mapping[LayerKey, keras.layers.Layer],
    rows: Sequence[tuple[int, int]],
    source: Source,
) -> Match:
    """Match the layers of two networks, pair by pair."""
    match = Match()
    for key, layer in ours.items():
        names = {weight.name: _checkpoint_name(network, weight) for weight in layer.weights}
        found = {}
        if key in theirs and _same_function(network, layer, other, theirs[key], key):
            found = _fitting_arrays(layer, theirs[key], rows, source)
        match.arrays |= {names[name]: array for name, array in found.items()}
        if layer.name in CLASS_AXES and not rows:
            continue  # `_describe` reports it
        if len(found) < len(names):
            match.new.append(layer.name)
    return match


def _checkpoint_name(network: keras.Model, variable: Any) -> str:
    """Return the name of a network's variable in a checkpoint."""
    return f"{network.name}/{variable.path.removeprefix(f'{network.name}/')}"


def _same_function(
    network: keras.Model, ours: keras.layers.Layer, other: keras.Model, theirs: keras.layers.Layer, key: LayerKey
) -> bool:
    """Whether two layers compute the same function of equal weights, and in the same place of their networks.

    Stages have to resize in the same way: a kernel means something else after bilinear upsampling. A dense layer
    depends on the maps that it reads or writes, whose size has to be the same.
    """
    family = next((family for family in FAMILIES if isinstance(ours, family)), type(ours))
    if not isinstance(theirs, family) or [w.name for w in ours.weights] != [w.name for w in theirs.weights]:
        return False
    if key[1] is None:
        return _base_shape(network) == _base_shape(other)
    return _companions(network, ours) == _companions(other, theirs)


def _companions(network: keras.Model, layer: keras.layers.Layer) -> set[str]:
    """Return the names, without numbers, of the other layers of a layer's stage."""
    number = _split(layer.name)[1]
    stems = {_split(other.name)[0] for other in network.layers if _split(other.name)[1] == number}
    return stems - {_split(layer.name)[0]}


def _base_shape(network: keras.Model) -> tuple[int | None, ...] | None:
    """Return the shape of the smallest maps of a network: (H, W, C); None if it has no maps."""
    outputs = (getattr(layer, "output", None) for layer in network.layers)
    maps = [tuple(x.shape[1:]) for x in outputs if isinstance(x, keras.KerasTensor) and len(x.shape) == 4]
    return min(maps, key=lambda shape: (shape[0] or 0) * (shape[1] or 0), default=None)


def _fitting_arrays(
    ours: keras.layers.Layer, theirs: keras.layers.Layer, rows: Sequence[tuple[int, int]], source: Source
) -> Arrays:
    """Return those of a layer's arrays that fit another layer, by name of the weight."""
    found: Arrays = {}
    for variable, other in zip(ours.weights, theirs.weights, strict=True):
        array = _fit(ours, variable, theirs, np.asarray(other), rows, source)
        if array is not None:
            found[variable.name] = array
    return found


def _fit(
    layer: keras.layers.Layer,
    variable: Any,
    other: keras.layers.Layer,
    array: np.ndarray,
    rows: Sequence[tuple[int, int]],
    source: Source,
) -> np.ndarray | None:
    """Return an array as the value of a variable of another network, None if it does not fit."""
    shape = tuple(variable.shape)
    axis = CLASS_AXES.get(layer.name)
    if axis is not None and variable.name == "kernel":
        return _take_rows(np.asarray(variable), array, axis, rows)
    if isinstance(layer, FusedUpsampling2D) and variable.name == "kernel":
        learned = source.kernels.get(f"generator/{other.name}/kernel")
        if array.shape != (shape[0] + 1, shape[1] + 1, *shape[2:]):
            return None
        return learned if learned is not None and learned.shape == shape else unfuse_kernel(array)
    return array if array.shape == shape else None


def _take_rows(ours: np.ndarray, theirs: np.ndarray, axis: int, rows: Sequence[tuple[int, int]]) -> np.ndarray | None:
    """Return a kernel whose rows of common classes are another kernel's; None if there are none, or they don't fit."""
    ours, theirs = np.moveaxis(np.array(ours), axis, 0), np.moveaxis(theirs, axis, 0)
    if not rows or ours.shape[1:] != theirs.shape[1:]:
        return None
    for own, other in rows:
        ours[own] = theirs[other]
    return np.moveaxis(ours, 0, axis)


def _at_fresh_scale(trainer: "Trainer", arrays: Arrays, known: Sequence[int]) -> Arrays:
    """Return the arrays with kernels of the scale that the new networks' own have, without the BatchNorm statistics.

    Kernels whose outputs are added have one factor, so that each keeps its share. Frozen layers stay as they are: they
    are a fixed function.

    Args:
        trainer: with new networks.
        arrays: what they begin with, by name.
        known: elements of the class input that the other run has as well.
    """
    frozen = {layer.name for layer in first_layers(trainer.discriminator, trainer.config.freeze_d)}
    scaled: Arrays = {}
    sums: defaultdict[str, list[tuple[str, np.ndarray, int | None]]] = defaultdict(list)
    for network in (trainer.generator, trainer.discriminator):
        for variable in network.weights:
            name = _checkpoint_name(network, variable)
            layer, weight = name.split("/")[-2:]
            if name not in arrays or (weight.startswith("moving_") and layer not in frozen):
                continue
            scaled[name] = arrays[name]
            if weight == "kernel" and layer not in frozen:
                sums[ADDED_TO.get(layer, layer)].append((name, np.asarray(variable), CLASS_AXES.get(layer)))
    for kernels in sums.values():
        before = _root_mean_square([_rows(arrays[name], known, axis) for name, _, axis in kernels])
        after = _root_mean_square([_rows(fresh, known, axis) for _, fresh, axis in kernels])
        for name, fresh, axis in kernels:
            kernel = (arrays[name] * (after / max(before, np.finfo(np.float32).tiny))).astype(np.float32)
            if axis is not None:  # the other classes are new
                ours, theirs = np.moveaxis(np.array(fresh), axis, 0), np.moveaxis(kernel, axis, 0)
                ours[known] = theirs[known]
                kernel = np.moveaxis(ours, 0, axis)
            scaled[name] = kernel
    return scaled


def _rows(kernel: np.ndarray, known: Sequence[int], axis: int | None) -> np.ndarray:
    """Return the part of a kernel that belongs to some elements of the class input, all of it without `axis`."""
    return kernel if axis is None else np.take(kernel, known, axis)


def _root_mean_square(arrays: Sequence[np.ndarray]) -> float:
    """Return the root mean square of several arrays, each of which counts as much."""
    return float(np.sqrt(np.mean([np.mean(np.square(array, dtype=np.float64)) for array in arrays])))


def _common_rows(ours: Sequence[str], theirs: Sequence[str]) -> list[tuple[int, int]]:
    """Return the positions of the names that both have, in ours and in theirs."""
    positions = {name: index for index, name in enumerate(theirs)}
    return [(index, positions[name]) for index, name in enumerate(ours) if name in positions]


def _input_names(classes: Classes | None) -> tuple[str, ...]:
    """Return the names of the elements of a class input; empty without one."""
    return () if classes is None else classes.input_names


def unfuse_kernel(fused: np.ndarray) -> np.ndarray | None:
    """Invert `dcgan.networks.fused_upsampling.fuse_kernel`.

    Along an axis, it maps a kernel k to k[i] + k[i - 1]: a matrix of full rank, whose pseudoinverse returns the kernel.

    Args:
        fused: (n + 1, n + 1, filters, channels).

    Returns:
        float32 (n, n, filters, channels); None if the kernel is not a sum of four shifted copies of a smaller one.
    """
    size = fused.shape[0] - 1
    spread = np.zeros((size + 1, size))
    spread[:-1] += np.eye(size)
    spread[1:] += np.eye(size)
    inverse = np.linalg.pinv(spread)
    kernel = np.einsum("ia,jb,abfc->ijfc", inverse, inverse, fused.astype(np.float64))
    error = np.einsum("ai,bj,ijfc->abfc", spread, spread, kernel) - fused
    if np.sqrt(np.mean(error**2)) > UNFUSED_ERROR * np.sqrt(np.mean(np.square(fused, dtype=np.float64))):
        return None
    return kernel.astype(np.float32)


def _nothing_fits(source: Source) -> UserError:
    """Return the error for networks that have nothing in common; the hint has the options of the other run."""
    hint = "Give the new run its --kernel, --generator-width, --discriminator-width and --upsampling."
    if source.run.config_file.exists():
        trained = source.run.config()
        options = (f"--{name.replace('_', '-')} {getattr(trained, name)}" for name in NETWORK_OPTIONS)
        hint = f"Leave out the options of the networks, or give that run's: {' '.join(options)}."
    return UserError(f"--init-from {source.run.description}: no layer fits the networks of this run.", hint)


def _check_frozen(trainer: "Trainer", source: Source, arrays: Arrays) -> None:
    """Refuse to freeze layers whose weights are random."""
    count = trainer.config.freeze_d
    if count and source.discriminator is None:
        raise UserError(
            f"--freeze-d needs the discriminator of {source.run.description}, which has none.",
            "Leave out --freeze-d, or begin with a run that has checkpoints or a discriminator.keras.",
        )
    network = trainer.discriminator
    for layer in first_layers(network, count):
        if any(_checkpoint_name(network, weight) not in arrays for weight in layer.weights):
            raise UserError(
                f"--freeze-d {count} would freeze {layer.name}, which {source.run.description} has no weights for: "
                "images or networks differ.",
                "Leave out --freeze-d, or use the same channels and options of the networks.",
            )


def _describe(trainer: "Trainer", source: Source, matches: Mapping[str, Match], class_names: Sequence[str]) -> str:
    """Return the line that says what was taken over and what begins afresh."""
    name = trainer.config.init_from
    total = len(trainer.generator.weights) + len(trainer.discriminator.weights)
    taken = sum(len(match.arrays) for match in matches.values())
    kind = {"ema": "EMA", "raw": "raw", "best": "best"}[source.weights]
    new = [f"{network} {', '.join(match.new)}" for network, match in matches.items() if match.new]
    ours, theirs = trainer.generator.output_shape[1:], source.generator.output_shape[1:]
    if ours != theirs:
        sizes = f"{format_shape(theirs)} → {format_shape(ours)}"
        new = [*new[:-1], f"{new[-1]} (images of {sizes})"] if new else new
    common = len(_common_rows(class_names, source.class_names))
    if common < len(class_names):
        known = f"{common} of them keep their weights" if common else "none of the same name"
        before = f"{len(source.class_names)} → " if source.class_names else ""
        new.append(f"the class input ({before}{counted(len(class_names), 'class')}, {known})")
    if source.discriminator is None:
        new.append(f"the discriminator, which {name} does not have")
    end = f"; new: {'; '.join(new)}" if new else ""
    if trainer.config.init_scale == "fresh":
        end += "; kernels scaled as new ones (--init-scale keep leaves them)"
    frozen = [layer.name for layer in first_layers(trainer.discriminator, trainer.config.freeze_d)]
    end += f". Frozen: discriminator {', '.join(frozen)}" if frozen else ""
    return f"Initial weights: {taken} of {total} arrays from {name} (generator: {kind} weights){end}."
