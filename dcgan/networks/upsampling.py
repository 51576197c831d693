"""The ways in which a generator's stage doubles its maps, each with one convolution.

Only that convolution (or the transposed one) has weights: whatever the way, it is the layer `up_0`, `up_1`, … A
generator that is drawn from has Keras' own layers alone, so that plain Keras loads its file.

A convolution of stride 1 needs a centre, or it would move the picture by half a pixel a stage: `odd_kernel_size` makes 3 of the
usual 4. A transposed convolution of stride 2 needs an even side instead, so that every output pixel sums as many
products as its neighbours; so does the convolution after unpooling, which comes to the same. That after enlarging by
blocks is computed as a transposed one.
"""

from collections.abc import Callable

import keras

from dcgan.core.errors import UserError
from dcgan.networks.fused_upsampling import fuse_kernel
from dcgan.networks.layers import Stage, convolution_stride_1, convolution_stride_2, normal_initializer, odd_kernel_size


def upsample(x: keras.KerasTensor, stage: Stage, way: str = "transposed") -> keras.KerasTensor:
    """Double the height and the width of some maps.

    Args:
        x: (N, H, W, C), H and W known.
        stage: what to build.
        way: one of `UPSAMPLERS`.

    Returns:
        (N, 2H, 2W, stage.maps).

    Raises:
        UserError: there is no such way.
    """
    if way not in UPSAMPLERS:
        raise UserError(f"There is no upsampling {way!r}.", f"There are {', '.join(UPSAMPLERS)}.")
    return UPSAMPLERS[way](x, stage)


def _transposed(x, stage: Stage):
    """Every pixel lays down a weighted copy of a learned kernel, and overlapping copies add up."""
    return convolution_stride_2(stage.layers.convolution_transpose, stage.maps, stage.kernel, stage.seed, _name(stage))(
        x
    )


def _nearest(x, stage: Stage):
    """Every pixel becomes a block of four, then a convolution (Odena et al. 2016, "Deconvolution and Checkerboard
    Artifacts"); both as one transposed convolution, see `dcgan.networks.fused_upsampling`."""
    small = odd_kernel_size(stage.kernel)
    if stage.layers.enlarging is not None:
        return convolution_stride_2(stage.layers.enlarging, stage.maps, small, stage.seed, _name(stage))(x)
    layer = convolution_stride_2(stage.layers.convolution_transpose, stage.maps, small + 1, stage.seed, _name(stage))
    doubled = layer(x)
    learnt = normal_initializer(stage.seed, _name(stage))((small, small, *layer.kernel.shape[2:]))
    layer.kernel.assign(fuse_kernel(learnt))  # what the trained network begins with
    return doubled


def _bilinear(x, stage: Stage):
    """Pixels in between are interpolated, then a convolution."""
    x = keras.layers.UpSampling2D(2, interpolation="bilinear", name=f"upsample_{stage.number}")(x)
    return _convolution(stage, stage.maps, odd_kernel_size(stage.kernel))(x)


def _subpixel(x, stage: Stage):
    """A convolution to four times the maps, of which every four become the pixels of a block (Shi et al. 2016, section
    3.2); channel `(2 · row + column) · maps + map` lands at (row, column), as with `tf.nn.depth_to_space`."""
    (height, width), maps, number = x.shape[1:3], stage.maps, stage.number
    x = _convolution(stage, 4 * maps, odd_kernel_size(stage.kernel))(x)
    x = keras.layers.Reshape((height, width, 2, 2, maps), name=f"split_{number}")(x)
    x = keras.layers.Permute((1, 3, 2, 4, 5), name=f"interleave_{number}")(x)
    return keras.layers.Reshape((2 * height, 2 * width, maps), name=f"shuffle_{number}")(x)


def _unpool(x, stage: Stage):
    """Max-unpooling with fixed switches, then a convolution.

    Switches come from the pooling of an encoder, and a generator has none. So they are fixed, and the same everywhere:
    every value goes to the lower right of its block, and 0 to the other three places (Dosovitskiy et al. 2015,
    "Learning to Generate Chairs with Convolutional Neural Networks", section 3, with the upper left). Unpooling and
    convolution together are then a transposed convolution, whose kernel is the convolution's turned by 180°, which the
    lower right makes exact. It learns what a transposed convolution can learn, in four times the multiplications.
    """
    x = _insert_zeros(x, f"unpool_{stage.number}")
    return _convolution(stage, stage.maps, stage.kernel)(x)


def _insert_zeros(x, name: str):
    """`max_unpool` with every switch at the lower right of its block of 2 × 2: (N, H, W, C) to (N, 2H, 2W, C).

    Padding and reshaping, since these layers are Keras' own and have no weights: first every pixel, then every row, is
    made one of two.
    """
    height, width, channels = x.shape[1:]
    x = keras.layers.Reshape((height * width, 1, channels), name=f"{name}_pixels")(x)
    x = keras.layers.ZeroPadding2D(((0, 0), (1, 0)), name=f"{name}_columns")(x)
    x = keras.layers.Reshape((height, 1, 2 * width * channels), name=f"{name}_lines")(x)
    x = keras.layers.ZeroPadding2D(((0, 0), (1, 0)), name=f"{name}_rows")(x)
    return keras.layers.Reshape((2 * height, 2 * width, channels), name=name)(x)


def _convolution(stage: Stage, filters: int, kernel: int) -> keras.layers.Layer:
    """The stage's convolution."""
    return convolution_stride_1(stage.layers.convolution, filters, kernel, stage.seed, _name(stage))


def _name(stage: Stage) -> str:
    return f"{stage.network}/up_{stage.number}"


UPSAMPLERS: dict[str, Callable] = {
    "transposed": _transposed,
    "nearest": _nearest,
    "bilinear": _bilinear,
    "subpixel": _subpixel,
    "unpool": _unpool,
}
"""What `--upsampling` chooses from."""
