"""Feature ablation: set the generator's feature maps that produce one object to zero.

Radford et al. 2016, section 6.3.1: windows were marked with boxes in generated bedrooms, a logistic regression
predicted from the activations of the second-highest layer whether a pixel is inside a box, and the maps with positive
weights were set to zero. Most bedrooms then had no windows; some had other objects in their place.
"""

from collections.abc import Sequence

import keras
import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.sizes import format_shape
from dcgan.sampling.generation import BATCH_SIZE, split_inputs

Box = tuple[int, int, int, int, int]
"""Index of an image, and top, left, bottom and right of a box in it, in pixels; bottom and right are exclusive."""


def split_generator(generator: keras.Model, layer: str | None = None) -> tuple[keras.Model, keras.Model]:
    """Split a generator at a layer into two models that share its weights.

    Args:
        generator: a functional Keras model, conditional or not.
        layer: layer whose output connects both models; by default the input of the last convolution, which turns these
            feature maps into the image.

    Returns:
        A model from the generator's inputs to the feature maps (N, h, w, maps), and one from these to the image.

    Raises:
        UserError: there is no such layer, its output is no feature map, or a connection bypasses it.
    """
    maps = _last_hidden(generator) if layer is None else _output_of(generator, layer)
    if len(maps.shape) != 4:
        raise UserError(f"Layer {layer!r} has no feature maps.", f"Layers with feature maps: {_map_layers(generator)}.")
    try:
        return keras.Model(_inputs(generator), maps), keras.Model(maps, generator.outputs[0])
    except ValueError as error:
        where = "before its last convolution" if layer is None else f"at {layer!r}"
        raise UserError(
            f"The generator can't be split {where}: a connection bypasses it.",
            f"Layers with feature maps: {_map_layers(generator)}.",
        ) from error


def feature_maps(lower: keras.Model, rows: np.ndarray) -> np.ndarray:
    """Compute the feature maps of some latents.

    Args:
        lower: first model that `split_generator` returns.
        rows: float32 (N, dim), or (N, dim + classes) with one-hot classes.

    Returns:
        float32 (N, h, w, maps).
    """
    chunks = (rows[start : start + BATCH_SIZE] for start in range(0, len(rows), BATCH_SIZE))
    parts = [lower(split_inputs(lower, chunk), training=False) for chunk in chunks]
    return np.concatenate([np.asarray(keras.ops.cast(part, "float32")) for part in parts])


def box_masks(boxes: Sequence[Box], count: int, size: tuple[int, int]) -> np.ndarray:
    """Return masks of the pixels inside boxes.

    Args:
        boxes: any number per image.
        count: number of images.
        size: (H, W) of an image.

    Returns:
        bool (count, H, W).

    Raises:
        UserError: a box is empty or outside the images.
    """
    masks = np.zeros((count, *size), bool)
    for box in boxes:
        index, top, left, bottom, right = box
        if not (0 <= index < count and 0 <= top < bottom <= size[0] and 0 <= left < right <= size[1]):
            hint = f"Image (0 to {count - 1}), top, left, bottom, right, in pixels of {format_shape(size)}."
            raise UserError(f"The box {tuple(box)} is empty or outside the images.", hint)
        masks[index, top:bottom, left:right] = True
    return masks


def weights_by_masks(maps: np.ndarray, masks: np.ndarray, among: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
    """Return how strongly each feature map predicts that a position is inside the masks.

    The positions outside are a random choice from the same images, as many as there are inside if possible.

    Args:
        maps: feature maps of generated images, (N, h, w, maps).
        masks: bool (N, H, W) at the size of the images; a position of a map is inside if any of its pixels is. Images
            without a mask are not used.
        among: where positions outside are chosen from, bool (N, H, W); by default anywhere. Where most of an image is
            background, the result would otherwise be the maps that produce any object at all.
        seed: seed of that choice.

    Returns:
        float64 (maps,): the weights of a logistic regression on standardized maps.

    Raises:
        UserError: no position is inside, or none outside.
    """
    inside = _downsample(masks, maps.shape[1:3])
    outside = ~inside & (True if among is None else _downsample(among, maps.shape[1:3]))
    outside &= inside.any(axis=(1, 2), keepdims=True)
    if not inside.any() or not outside.any():
        raise UserError("The masks must leave positions inside and positions outside.", "Mark smaller parts.")
    inside_indices, outside_indices = np.flatnonzero(inside), np.flatnonzero(outside)
    outside_indices = np.random.default_rng(seed).permutation(outside_indices)[: len(inside_indices)]
    chosen = np.concatenate([inside_indices, outside_indices])
    return _regression_weights(maps.reshape(-1, maps.shape[-1])[chosen], inside.ravel()[chosen])


def weights_by_labels(maps: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Return how strongly each feature map, averaged over the image, predicts a label.

    Args:
        maps: feature maps of generated images, (N, h, w, maps).
        positive: whether each image shows the object, bool (N,).

    Returns:
        float64 (maps,), as `weights_by_masks`.

    Raises:
        UserError: all images are positive, or none.
    """
    positive = np.asarray(positive, bool)
    if positive.all() or not positive.any():
        raise UserError("Some images must show the object, and some must not.", "Generate more images with --num.")
    return _regression_weights(maps.mean(axis=(1, 2)), positive)


def ablate_maps(generator: keras.Model, ablated: np.ndarray, layer: str | None = None) -> keras.Model:
    """Return the generator with some feature maps set to zero at all positions.

    Args:
        generator: as for `split_generator`; its weights are shared.
        ablated: bool (maps,); in the paper, the maps with positive weights.
        layer: as for `split_generator`.

    Returns:
        A model with the inputs and outputs of the generator.

    Raises:
        UserError: as `split_generator`; or the layer has another number of maps.
    """
    lower, upper = split_generator(generator, layer)
    maps = lower.outputs[0]
    if len(ablated) != maps.shape[-1]:
        raise UserError(
            f"The layer has {maps.shape[-1]} maps, but the mask has {len(ablated)}.", "Pass one value per map."
        )
    factors = np.where(ablated, 0.0, 1.0).tolist()
    image = upper(keras.layers.Rescaling(factors, dtype=maps.dtype)(maps))
    return keras.Model(_inputs(generator), image, name=generator.name)


def _inputs(generator: keras.Model) -> keras.KerasTensor | list[keras.KerasTensor]:
    """Return what the generator is called with: one tensor, or the latent and the class."""
    return generator.inputs if len(generator.inputs) > 1 else generator.inputs[0]


def _last_hidden(generator: keras.Model) -> keras.KerasTensor:
    """Return the input of the last convolution."""
    for layer, previous in zip(generator.layers[:0:-1], generator.layers[-2::-1], strict=True):
        if any(len(weight.shape) == 4 for weight in layer.weights):
            # The input of a nested model is a tensor inside it.
            return previous.output if isinstance(layer, keras.Model) else layer.input
    raise UserError("The generator has no convolution, and so no feature maps.", "Use another run.")


def _output_of(generator: keras.Model, name: str) -> keras.KerasTensor:
    """Return the output of a layer."""
    try:
        return generator.get_layer(name).output
    except ValueError:
        hint = f"Layers with feature maps: {_map_layers(generator)}."
        raise UserError(f"The generator has no layer {name!r}.", hint) from None


def _map_layers(generator: keras.Model) -> str:
    """Return the names of the layers with feature maps."""
    return ", ".join(layer.name for layer in generator.layers if len(getattr(layer.output, "shape", ())) == 4)


def _downsample(masks: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return masks at the size of a layer: bool (N, h, w)."""
    for axis, side in enumerate(size, 1):
        starts = np.arange(side) * masks.shape[axis] // side
        masks = np.logical_or.reduceat(masks, starts, axis=axis)
    return masks


def _regression_weights(features: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Return the weights (D,) of a logistic regression on standardized features (N, D)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaled = StandardScaler().fit_transform(np.asarray(features, np.float64))
    return LogisticRegression(max_iter=1000).fit(scaled, positive).coef_[0]
