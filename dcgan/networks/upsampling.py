"""Upsampling methods of a generator's stage; each doubles height and width with one convolution.

`UPSAMPLERS` maps the names that `--upsampling` accepts to functions of maps (N, H, W, C) and a `Stage` that return maps
(N, 2H, 2W, stage.filters). To add a method, write such a function, add it to the table, and add its name to the options
in `dcgan.config.train`; a test checks that both agree.

Only the convolution (or transposed convolution) has weights, and in every method it is the layer `up_0`, `up_1`, …
A generator for inference has Keras' own layers only, so that plain Keras loads its file.

A convolution of stride 1 needs a center pixel, or it would shift the image by half a pixel per stage: `odd_kernel_size`
turns the usual 4 into 3. A transposed convolution of stride 2 needs an even kernel instead, so that all output pixels
sum equally many products; so does the convolution after unpooling, since the two together are a transposed convolution.
"""

from collections.abc import Callable
from typing import Any

import keras

from dcgan.core.errors import UserError
from dcgan.networks.fused_upsampling import fuse_kernel
from dcgan.networks.layers import LayerFactory, Stage, convolution, normal_initializer, odd_kernel_size


def upsample(x: keras.KerasTensor, stage: Stage, method: str = "transposed") -> keras.KerasTensor:
    """Double the height and width of feature maps.

    Args:
        x: (N, H, W, C), H and W known.
        stage: settings of the stage.
        method: one of `UPSAMPLERS`.

    Returns:
        (N, 2H, 2W, stage.filters).

    Raises:
        UserError: the method is unknown.
    """
    if method not in UPSAMPLERS:
        raise UserError(f"Unknown upsampling {method!r}.", f"Use one of: {', '.join(UPSAMPLERS)}.")
    return UPSAMPLERS[method](x, stage)


def _transposed(x: Any, stage: Stage) -> Any:
    """Transposed convolution of stride 2: each input pixel adds a weighted copy of the kernel to the output."""
    return _layer(stage, stage.layers.convolution_transpose, stage.kernel, strides=2)(x)


def _nearest(x: Any, stage: Stage) -> Any:
    """Nearest-neighbor upsampling and a convolution (Odena et al. 2016, "Deconvolution and Checkerboard Artifacts"),
    fused into one transposed convolution; see `dcgan.networks.fused_upsampling`."""
    kernel_size = odd_kernel_size(stage.kernel)
    if stage.layers.fused_upsampling is not None:
        return _layer(stage, stage.layers.fused_upsampling, kernel_size, strides=2)(x)
    layer: Any = _layer(stage, stage.layers.convolution_transpose, kernel_size + 1, strides=2)
    upsampled = layer(x)
    kernel: Any = normal_initializer(stage.seed, _name(stage))((kernel_size, kernel_size, *layer.kernel.shape[2:]))
    layer.kernel.assign(fuse_kernel(kernel))  # the initial weights of the trained network
    return upsampled


def _bilinear(x: Any, stage: Stage) -> Any:
    """Bilinear upsampling and a convolution."""
    x = keras.layers.UpSampling2D(2, interpolation="bilinear", name=f"upsample_{stage.index}")(x)
    return _layer(stage, stage.layers.convolution, odd_kernel_size(stage.kernel))(x)


def _subpixel(x: Any, stage: Stage) -> Any:
    """A convolution to 4·filters channels, four of which become the pixels of a 2×2 block (Shi et al. 2016, section
    3.2); channel `(2 · row + column) · filters + c` becomes (row, column), as in `tf.nn.depth_to_space`."""
    (height, width), filters, index = x.shape[1:3], stage.filters, stage.index
    x = _layer(stage, stage.layers.convolution, odd_kernel_size(stage.kernel), filters=4 * filters)(x)
    x = keras.layers.Reshape((height, width, 2, 2, filters), name=f"split_{index}")(x)
    x = keras.layers.Permute((1, 3, 2, 4, 5), name=f"interleave_{index}")(x)
    return keras.layers.Reshape((2 * height, 2 * width, filters), name=f"shuffle_{index}")(x)


def _unpool(x: Any, stage: Stage) -> Any:
    """Max-unpooling with fixed switches and a convolution.

    Switches come from the pooling layers of an encoder, which a generator does not have. They are therefore fixed and
    equal everywhere: each value moves to the lower right of its 2×2 block, and the other three pixels are 0
        (Dosovitskiy et al. 2015, "Learning to Generate Chairs with Convolutional Neural Networks", section 3, with the
        upper left). Unpooling and convolution together are a transposed convolution whose kernel is the convolution's
        rotated by 180°; the lower right makes this exact. It can learn the same functions, with four times the
        multiplications.
    """
    x = _insert_zeros(x, f"unpool_{stage.index}")
    return _layer(stage, stage.layers.convolution, stage.kernel)(x)


def _insert_zeros(x: Any, name: str) -> Any:
    """`max_unpool` with every switch at the lower right of its 2×2 block: (N, H, W, C) to (N, 2H, 2W, C).

    It is composed of padding and reshaping, which are Keras' own layers without weights: first every pixel, then every
    row, is preceded by zeros.
    """
    height, width, channels = x.shape[1:]
    x = keras.layers.Reshape((height * width, 1, channels), name=f"{name}_pixels")(x)
    x = keras.layers.ZeroPadding2D(((0, 0), (1, 0)), name=f"{name}_columns")(x)
    x = keras.layers.Reshape((height, 1, 2 * width * channels), name=f"{name}_lines")(x)
    x = keras.layers.ZeroPadding2D(((0, 0), (1, 0)), name=f"{name}_rows")(x)
    return keras.layers.Reshape((2 * height, 2 * width, channels), name=name)(x)


def _layer(
    stage: Stage, layer_class: LayerFactory, kernel: int, strides: int = 1, filters: int | None = None
) -> keras.layers.Layer:
    """The stage's layer with weights."""
    return convolution(layer_class, filters or stage.filters, kernel, strides, stage.seed, _name(stage))


def _name(stage: Stage) -> str:
    return f"{stage.network}/up_{stage.index}"


UPSAMPLERS: dict[str, Callable[[Any, Stage], Any]] = {
    "transposed": _transposed,
    "nearest": _nearest,
    "bilinear": _bilinear,
    "subpixel": _subpixel,
    "unpool": _unpool,
}
"""The choices of `--upsampling`."""
