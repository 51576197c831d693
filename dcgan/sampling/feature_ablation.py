"""A generator that forgets to draw one thing: the feature maps that draw it are dropped.

Radford et al. 2016, section 6.3.1: windows were marked with boxes in drawn bedrooms, a logistic regression told the
activations of the second-highest layer inside the boxes from others, and the maps with positive weights were zeroed.
Most bedrooms then had no windows; some had other things in their places.
"""

from collections.abc import Sequence

import keras
import numpy as np

from dcgan.core.errors import UserError
from dcgan.sampling.generation import BATCH_SIZE, split_inputs

Box = tuple[int, int, int, int, int]
"""The number of a picture, and top, left, bottom and right of a box in it, in pixels; bottom and right are outside."""


def split_generator(generator: keras.Model, layer: str | None = None) -> tuple[keras.Model, keras.Model]:
    """Cut a generator in two; both parts share its weights.

    Args:
        generator: a functional Keras model, conditional or not.
        layer: the layer whose output is handed over; by default the last hidden one, whose maps the last convolution
            turns into the image.

    Returns:
        A model from the generator's inputs to the maps (N, h, w, maps), and one from these to the image.

    Raises:
        UserError: there is no such layer, its output are no maps, or another way leads around it.
    """
    maps = _hidden(generator) if layer is None else _output_of(generator, layer)
    if len(maps.shape) != 4:
        raise UserError(f"Layer {layer!r} gives no maps.", f"Layers with maps: {_named(generator)}.")
    try:
        return keras.Model(_inputs(generator), maps), keras.Model(maps, generator.outputs[0])
    except ValueError as error:
        where = "below its last convolution" if layer is None else f"at {layer!r}"
        raise UserError(f"The generator can't be cut {where}: another way leads around it.") from error


def feature_maps(lower: keras.Model, rows: np.ndarray) -> np.ndarray:
    """The activations of some latents.

    Args:
        lower: the first part that `split_generator` gave.
        rows: float32 (N, dim), or (N, dim + K) with the class behind.

    Returns:
        float32 (N, h, w, maps).
    """
    chunks = (rows[start : start + BATCH_SIZE] for start in range(0, len(rows), BATCH_SIZE))
    parts = [lower(split_inputs(lower, chunk), training=False) for chunk in chunks]
    return np.concatenate([keras.ops.convert_to_numpy(keras.ops.cast(part, "float32")) for part in parts])


def masks_of_boxes(boxes: Sequence[Box], count: int, size: tuple[int, int]) -> np.ndarray:
    """What lies inside boxes.

    Args:
        boxes: several may be in one picture.
        count: of the pictures.
        size: (H, W) of a picture.

    Returns:
        bool (count, H, W).

    Raises:
        UserError: a box is empty, or not in a picture.
    """
    masks = np.zeros((count, *size), bool)
    for box in boxes:
        index, top, left, bottom, right = box
        if not (0 <= index < count and 0 <= top < bottom <= size[0] and 0 <= left < right <= size[1]):
            hint = f"Picture (0 to {count - 1}), top, left, bottom, right, in pixels of {size[0]}x{size[1]}."
            raise UserError(f"There is no box {tuple(box)} in the pictures.", hint)
        masks[index, top:bottom, left:right] = True
    return masks


def weights_by_masks(maps: np.ndarray, masks: np.ndarray, among: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
    """How much each map speaks for a place being inside the masks.

    The places outside are a random choice of the same pictures', as many as there are inside, if there are so many.

    Args:
        maps: (N, h, w, maps) of drawn pictures.
        masks: bool (N, H, W), of the pictures' size; a place of a map is inside if any of its pixels is. Pictures
            with no mask are left aside.
        among: bool (N, H, W), where places outside are taken from; by default anywhere. Where most of a picture is
            background, what draws anything at all would be found otherwise.
        seed: of that choice.

    Returns:
        float64 (maps,): the weights of a logistic regression on standardised maps.

    Raises:
        UserError: nothing is inside, or nothing outside.
    """
    inside = _shrunk(masks, maps.shape[1:3])
    outside = ~inside & (True if among is None else _shrunk(among, maps.shape[1:3]))
    outside &= inside.any(axis=(1, 2), keepdims=True)
    if not inside.any() or not outside.any():
        raise UserError("The masks have to leave something inside and something outside.", "Mark smaller parts.")
    places, others = np.flatnonzero(inside), np.flatnonzero(outside)
    others = np.random.default_rng(seed).permutation(others)[: len(places)]
    chosen = np.concatenate([places, others])
    return _regression(maps.reshape(-1, maps.shape[-1])[chosen], inside.ravel()[chosen])


def weights_by_labels(maps: np.ndarray, shows: np.ndarray) -> np.ndarray:
    """How much each map, averaged over the picture, speaks for the picture showing something.

    Args:
        maps: (N, h, w, maps) of drawn pictures.
        shows: bool (N,), whether each picture shows it.

    Returns:
        float64 (maps,), as `weights_by_masks`.

    Raises:
        UserError: all of them show it, or none.
    """
    shows = np.asarray(shows, bool)
    if shows.all() or not shows.any():
        raise UserError("Some of the pictures have to show it, and some not.", "Draw more seeds.")
    return _regression(maps.mean(axis=(1, 2)), shows)


def ablate_maps(generator: keras.Model, dropped: np.ndarray, layer: str | None = None) -> keras.Model:
    """The generator with some maps zeroed, at all places.

    Args:
        generator: as for `split_generator`, with whose weights it goes on.
        dropped: bool (maps,); in the paper, those with weights above 0.
        layer: as for `split_generator`.

    Returns:
        A model that takes and gives what the generator does.

    Raises:
        UserError: as `split_generator`; or the layer has another number of maps.
    """
    lower, upper = split_generator(generator, layer)
    maps = lower.outputs[0]
    if len(dropped) != maps.shape[-1]:
        raise UserError(f"The layer has {maps.shape[-1]} maps, and {len(dropped)} are spoken of.")
    kept = np.where(dropped, 0.0, 1.0).tolist()
    image = upper(keras.layers.Rescaling(kept, dtype=maps.dtype)(maps))
    return keras.Model(_inputs(generator), image, name=generator.name)


def _inputs(generator: keras.Model):
    """What the generator is called with: one tensor, or the latent and the class."""
    return generator.inputs if len(generator.inputs) > 1 else generator.inputs[0]


def _hidden(generator: keras.Model) -> keras.KerasTensor:
    """What goes into the last convolution."""
    for layer, below in zip(generator.layers[:0:-1], generator.layers[-2::-1], strict=True):
        if any(len(weight.shape) == 4 for weight in layer.weights):
            return below.output if isinstance(layer, keras.Model) else layer.input  # a model's input is a tensor within
    raise UserError("The generator has no convolution, and so no maps to drop.")


def _output_of(generator: keras.Model, name: str) -> keras.KerasTensor:
    """A layer's output."""
    try:
        return generator.get_layer(name).output
    except ValueError:
        raise UserError(f"The generator has no layer {name!r}.", f"Layers with maps: {_named(generator)}.") from None


def _named(generator: keras.Model) -> str:
    """The layers that give maps."""
    return ", ".join(layer.name for layer in generator.layers if len(getattr(layer.output, "shape", ())) == 4)


def _shrunk(masks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Masks of a layer's size: bool (N, h, w)."""
    for axis, side in enumerate(size, 1):
        starts = np.arange(side) * masks.shape[axis] // side
        masks = np.logical_or.reduceat(masks, starts, axis=axis)
    return masks


def _regression(features: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """The weights (D,) of a logistic regression on features (N, D), each of deviation 1 (or constant)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaled = StandardScaler().fit_transform(np.asarray(features, np.float64))
    return LogisticRegression(max_iter=1000).fit(scaled, positive).coef_[0]
