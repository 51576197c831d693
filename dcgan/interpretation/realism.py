"""A realism map: a trained discriminator slid over a large picture, and what it makes of every part.

The discriminator is made fully convolutional, so that one pass judges all positions: neighbours share what they have in
common. Position (i, j) looks at a window as large as the discriminator's own images, whose upper left corner lies at
(i, j) times the stride. It is not quite what the discriminator says to that crop: beside a crop there is padding, which
is grey to the network, beside a window there is the rest of the picture.

Three things have to be known to read a map. A discriminator is trained with each batch's own BatchNorm statistics, and
on images that end where padding begins, so it needs the statistics of pictures like the one that is asked about
(`typical` below); with the averages it kept, a trained one may well say 0 everywhere. Even so its level is another one
inside a picture than at the border: compare places of one kind, by their logits. And it has learnt to tell the data
from what its own generator draws, from nothing else: to noise, or to an empty corner, its answer is a guess, and a
confident one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from dcgan.core.atomic_io import atomic_write
from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.core.rng import derived_seed
from dcgan.core.sizes import Size
from dcgan.deconvolution.bn_statistics import recompute_bn_statistics
from dcgan.deconvolution.fcn import fully_convolutional

COLOURS = "viridis"
"""Readable in grey and without red and green."""


@dataclass(frozen=True, eq=False)
class RealismMap:
    """What the discriminator says to every part of a picture.

    Args:
        logits: float32 (h, w).
        image: the picture, uint8 (H, W, C).
        window: (height, width) of the part that a position judges, in pixels.
        stride: (vertical, horizontal) pixels from one position's window to the next one's.
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
        """The pixels that a position's window covers."""
        (down, right), (tall, wide) = self.stride, self.window
        return np.s_[row * down : row * down + tall, column * right : column * right + wide]

    def over_pixels(self, limits: tuple[float, float] | None = None) -> np.ndarray:
        """A brightness for every pixel, that of the window centred there: bilinear between centres, and the nearest
        one's at the border, where no window has its centre.

        Args:
            limits: the logits that become 0 and 1, and all beyond them; None for D(x) itself. A logit of 7 is a D(x)
                of 0.999 already, so that D(x) hides what a few logits more or less say.

        Returns:
            float32 (H, W) in [0, 1].
        """
        result = self.probabilities if limits is None else np.clip((self.logits - limits[0]) / np.ptp(limits), 0, 1)
        for axis in (0, 1):
            centres = np.arange(result.shape[axis]) * self.stride[axis] + (self.window[axis] - 1) / 2
            pixels = np.arange(self.image.shape[axis])
            result = np.apply_along_axis(lambda line, at=centres, to=pixels: np.interp(to, at, line), axis, result)
        return result.astype(np.float32)

    def overlay(self, limits: tuple[float, float] | None = None, opacity: float = 0.6) -> np.ndarray:
        """The picture in grey with the map over it in colours, dark blue for 0 and yellow for 1: uint8 (H, W, 3).

        Args:
            limits: as for `over_pixels`.
            opacity: of the colours, in [0, 1].
        """
        from matplotlib import colormaps

        grey = np.mean(self.image, axis=-1, keepdims=True)
        colours = 255 * colormaps[COLOURS](self.over_pixels(limits))[..., :3]
        return np.rint((1 - opacity) * grey + opacity * colours).astype(np.uint8)

    def save(self, path: Path, limits: tuple[float, float] | None = None) -> None:
        """Draw the picture, and beside or below it the map over it with a scale of colours.

        Args:
            path: file to write; its ending names the format (`.png`, `.svg`, `.pdf`).
            limits: as for `over_pixels`.

        Raises:
            UserError: the file can't be written.
        """
        with atomic_write(path) as temporary:
            _figure(self, limits).savefig(temporary)


def realism_map(
    discriminator: keras.Model, image: np.ndarray, label: int | None = None, typical: np.ndarray | None = None
) -> RealismMap:
    """Judge every part of a picture.

    Args:
        discriminator: as for `fully_convolutional`, with one logit.
        image: uint8 (H, W, C), at least as large as the discriminator's own images.
        label: of a conditional discriminator, as for `fully_convolutional`: the class that every part is taken to be
            of, or None for a judgement without it.
        typical: uint8 (N, h, w, C), pictures like this one, at least as large as the discriminator's own, for example
            scenes of real images alone: BatchNorm takes its statistics from them, but for a hidden layer's (see
            `dcgan.deconvolution.recompute_bn_statistics`). None for the averages that the discriminator keeps.

    Returns:
        The map. The discriminator stays what it is.

    Raises:
        UserError: the picture is too small or of another form, or the discriminator can't be converted.
    """
    image, own = np.asarray(image), discriminator.inputs[0].shape[1:]
    if image.ndim != 3 or image.shape[2] != own[2] or image.dtype != np.uint8:
        raise UserError(f"The picture is {image.dtype} {image.shape}.", f"It is uint8 (H, W, {own[2]}).")
    network = fully_convolutional(discriminator if typical is None else _copied(discriminator), label)
    if typical is not None:
        recompute_bn_statistics(network, typical)
    if network.output_shape[-1] != 1:
        raise UserError(f"{discriminator.name!r} has {network.output_shape[-1]} outputs.", "A map is of one logit.")
    logits = network(to_float(image[None]), training=False)
    return RealismMap(np.asarray(logits, np.float32)[0, ..., 0], image, own[:2], _stride(network, own[:2]))


def realism_scene(groups: Sequence[np.ndarray], spacing: int = 0, noise: int = 0, seed: int = 0) -> np.ndarray:
    """A large picture to judge: a row of real images, one of drawn ones, and so on, and perhaps one of noise.

    Args:
        groups: uint8 (n, H, W, C) each, a row each, all of equal size and number.
        spacing: black pixels between images and around them. What lies at the picture's border is judged otherwise than
            what lies inside, so leave half an image or more there if rows are to be compared.
        noise: how many rows of images of uniform noise are added at the bottom.
        seed: the noise follows from it.

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


_FAR = 1 << 12
"""Pixels, a multiple of every stride."""


def _copied(discriminator: keras.Model) -> keras.Model:
    """The same network with variables of its own."""
    copy = keras.models.clone_model(discriminator)
    copy.set_weights(discriminator.get_weights())
    return copy


def _stride(network: keras.Model, size: Size) -> Size:
    """Pixels a position, from how many more positions a much larger picture has."""
    far = (None, *(side + _FAR for side in size), network.input_shape[-1])
    down, right = (_FAR / (positions - 1) for positions in network.compute_output_shape(far)[1:3])
    if not (down.is_integer() and right.is_integer()):
        raise UserError(f"{network.name!r} has no stride that is a power of two.", "A map needs one.")
    return int(down), int(right)


def _figure(result: RealismMap, limits: tuple[float, float] | None):
    """The figure, made without pyplot: no window, no state that outlives it."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    height, width = result.image.shape[:2]
    rows, columns = (2, 1) if width > height else (1, 2)
    across = 8 / max(rows * height, columns * width)
    figure = Figure(
        figsize=(across * columns * width + 1.5, across * rows * height + 0.5), dpi=100, layout="constrained"
    )
    plain, coloured = figure.subplots(rows, columns)
    plain.imshow(result.image, cmap="gray", vmin=0, vmax=255)
    coloured.imshow(result.overlay(limits))
    for axes in (plain, coloured):
        axes.set_axis_off()
    scale = ScalarMappable(Normalize(*(limits or (0, 1))), COLOURS)
    figure.colorbar(scale, ax=(plain, coloured), label="logit" if limits else "D(x)")
    return figure
