"""Realism maps: the logits of a trained discriminator at every position of a large image.

The discriminator is converted to a fully convolutional network, so that one forward pass computes the logits of all
positions and overlapping windows share their computation. Position (i, j) depends on a window of the discriminator's
own image size, with its upper left corner at (i, j) times the stride. Its logit differs from the discriminator's logit
for that crop: a crop is surrounded by padding, which is gray to the network, a window by the rest of the image.

Three caveats for reading a map:

- A discriminator is trained with the BatchNorm statistics of each batch and on images surrounded by padding. It needs
  the statistics of images like the one that is mapped (`reference` below). With its moving averages, D(x) of a trained
  discriminator may be 0 everywhere.
- Even then, logits inside an image have another level than at its border. Compare positions of the same kind, by their
  logits.
- A discriminator has learned to distinguish the training data from the images of its own generator, and nothing else.
  For noise or an empty corner, its output is a guess, and a confident one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import keras
import numpy as np
import tensorflow as tf

from dcgan.core.atomic_io import atomic_write
from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.core.rng import derived_seed
from dcgan.core.sizes import Size
from dcgan.core.transparency import on_white
from dcgan.deconvolution.fcn import fully_convolutional, recompute_bn_statistics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORMAP = "viridis"
"""Readable in grayscale and without distinguishing red from green."""

Limits = tuple[float, float]
"""Two logits, the lower one first."""


@dataclass(frozen=True, eq=False)
class RealismMap:
    """The logits of a discriminator at every position of an image.

    Args:
        logits: float32 (h, w).
        image: uint8 (H, W, C).
        window: (height, width) of the window of a position, in pixels.
        stride: (vertical, horizontal) distance between the windows of neighboring positions, in pixels.
    """

    logits: np.ndarray
    image: np.ndarray
    window: Size
    stride: Size

    @property
    def probabilities(self) -> np.ndarray:
        """D(x), the probability of a real image, at every position: float32 (h, w) in [0, 1]."""
        return tf.sigmoid(self.logits).numpy()

    def box(self, row: int, column: int) -> tuple[slice, slice]:
        """Return the pixels of a position's window.

        Args:
            row: row of the position in the map.
            column: column of the position in the map.

        Returns:
            Slices of rows and columns of the image.
        """
        (down, right), (height, width) = self.stride, self.window
        return np.s_[row * down : row * down + height, column * right : column * right + width]

    def over_pixels(self, limits: Limits | None = None) -> np.ndarray:
        """Interpolate the map to all pixels.

        A pixel at the center of a window has the value of its position. Values between centers are interpolated
        bilinearly; pixels outside all centers have the value of the nearest one.

        Args:
            limits: logits that become 0 and 1, with clipping beyond; None for D(x) itself. D(x) is 0.999 at a logit of
                7 already, so that it hides differences between large logits.

        Returns:
            float32 (H, W) in [0, 1].
        """
        result = self.probabilities if limits is None else np.clip((self.logits - limits[0]) / np.ptp(limits), 0, 1)
        for axis in (0, 1):
            centers = np.arange(result.shape[axis]) * self.stride[axis] + (self.window[axis] - 1) / 2
            pixels = np.arange(self.image.shape[axis])
            result = np.apply_along_axis(lambda line, at=centers, to=pixels: np.interp(to, at, line), axis, result)
        return result.astype(np.float32)

    def overlay(self, limits: Limits | None = None, opacity: float = 0.6) -> np.ndarray:
        """Return the image in grayscale with the map over it in color, dark blue for 0 and yellow for 1.

        Args:
            limits: as for `over_pixels`.
            opacity: opacity of the colors, in [0, 1].

        Returns:
            uint8 (H, W, 3).
        """
        from matplotlib import colormaps

        gray = np.mean(on_white(self.image), axis=-1, keepdims=True)
        colors = 255 * colormaps[COLORMAP](self.over_pixels(limits))[..., :3]
        return np.rint((1 - opacity) * gray + opacity * colors).astype(np.uint8)

    def save(self, path: Path, limits: Limits | None = None) -> None:
        """Save a figure of the image and, beside or below it, the overlay with a color bar.

        Args:
            path: file to write; its suffix selects the format (`.png`, `.svg`, `.pdf`).
            limits: as for `over_pixels`.

        Raises:
            UserError: the file can't be written.
        """
        with atomic_write(path) as temporary:
            _figure(self, limits).savefig(temporary)


def realism_map(
    discriminator: keras.Model,
    image: np.ndarray,
    label: int | None = None,
    reference: np.ndarray | None = None,
) -> RealismMap:
    """Compute the logits of a discriminator at every position of an image.

    Args:
        discriminator: as for `fully_convolutional`, with one logit; it is not changed.
        image: uint8 (H, W, C), at least as large as the discriminator's own images.
        label: for a conditional discriminator, the class that is assumed at every position, or None to leave the
            class term out.
        reference: uint8 (N, h, w, C), images like this one, at least as large as the discriminator's own, for example
            scenes of real images only. BatchNorm takes its statistics from them, except in a hidden dense layer (see
            `dcgan.deconvolution.recompute_bn_statistics`). None for the moving averages of the discriminator.

    Returns:
        The map.

    Raises:
        UserError: the image is too small or has another type or shape, or the discriminator can't be converted.
    """
    image, input_shape = np.asarray(image), discriminator.inputs[0].shape[1:]
    if image.ndim != 3 or image.shape[2] != input_shape[2] or image.dtype != np.uint8:
        expected = f"A realism map takes uint8 (H, W, {input_shape[2]})."
        raise UserError(f"The image is {image.dtype} of shape {image.shape}.", expected)
    network = fully_convolutional(discriminator if reference is None else _copy(discriminator), label)
    if reference is not None:
        recompute_bn_statistics(network, reference)
    if network.output_shape[-1] != 1:
        outputs = network.output_shape[-1]
        raise UserError(f"{discriminator.name!r} has {outputs} outputs.", "A realism map takes one logit.")
    logits = network(to_float(image[None]), training=False)
    return RealismMap(
        np.asarray(logits, np.float32)[0, ..., 0], image, input_shape[:2], _stride(network, input_shape[:2])
    )


def realism_scene(groups: Sequence[np.ndarray], spacing: int = 0, noise: int = 0, seed: int = 0) -> np.ndarray:
    """Compose a large image from rows of images, for example one of real and one of generated images.

    Args:
        groups: the rows, uint8 (n, H, W, C) each, all of the same shape.
        spacing: black pixels between images and around them. Logits at the border of a scene differ from those inside,
            so use half an image or more to compare rows.
        noise: number of rows of uniform noise to add at the bottom.
        seed: seed of the noise.

    Returns:
        uint8 (rows·(H + spacing) + spacing, n·(W + spacing) + spacing, C).

    Raises:
        UserError: there are no groups, or they differ in shape.
    """
    shapes = {np.shape(group) for group in groups}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 4 or not shape[0]:
        raise UserError("A scene needs groups of images, (n, H, W, C), of one shape.")
    random = np.random.default_rng(derived_seed(seed, "realism/noise"))
    rows = [*groups, *(random.integers(0, 256, shape, np.uint8) for _ in range(noise))]
    cells = np.zeros((len(rows), *shape[:1], shape[1] + spacing, shape[2] + spacing, shape[3]), np.uint8)
    cells[:, :, spacing:, spacing:] = rows
    scene = cells.swapaxes(1, 2).reshape(len(rows) * cells.shape[2], -1, shape[3])
    return np.pad(scene, ((0, spacing), (0, spacing), (0, 0)))


_EXTENSION = 1 << 12
"""Pixels by which `_stride` extends an image; a multiple of every stride."""


def _copy(discriminator: keras.Model) -> keras.Model:
    """Return the same network with variables of its own."""
    copy = cast(keras.Model, keras.models.clone_model(discriminator))
    copy.set_weights(discriminator.get_weights())
    return copy


def _stride(network: keras.Model, size: Size) -> Size:
    """Pixels per position, from the number of positions in a much larger image."""
    extended = (None, *(side + _EXTENSION for side in size), network.input_shape[-1])
    down, right = (_EXTENSION / (positions - 1) for positions in network.compute_output_shape(extended)[1:3])
    if not (down.is_integer() and right.is_integer()):
        raise UserError(f"{network.name!r} has no stride that is a power of two.", "A realism map needs one.")
    return int(down), int(right)


def _figure(result: RealismMap, limits: Limits | None) -> "Figure":
    """Draw the figure without pyplot, which would open a window or keep state."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    height, width = result.image.shape[:2]
    rows, columns = (2, 1) if width > height else (1, 2)
    inches = 8 / max(rows * height, columns * width)
    figure = Figure(
        figsize=(inches * columns * width + 1.5, inches * rows * height + 0.5), dpi=100, layout="constrained"
    )
    image_axes, overlay_axes = figure.subplots(rows, columns)
    image_axes.imshow(on_white(result.image), cmap="gray", vmin=0, vmax=255)
    overlay_axes.imshow(result.overlay(limits))
    for axes in (image_axes, overlay_axes):
        axes.set_axis_off()
    scale = ScalarMappable(Normalize(*(limits or (0, 1))), COLORMAP)
    figure.colorbar(scale, ax=(image_axes, overlay_axes), label="logit" if limits else "D(x)")
    return figure
