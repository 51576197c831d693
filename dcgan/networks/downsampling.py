"""Downsampling methods of a discriminator's stage; each halves height and width with one convolution.

`DOWNSAMPLERS` maps the names that `--downsampling` accepts to functions of maps (N, 2H, 2W, C) and a `Stage` that
return maps (N, H, W, stage.filters). To add a method, write such a function, add it to the table, and add its name to
the options in `dcgan.config.train`. The layer with weights is `down_0`, `down_1`, … in every method.
"""

from collections.abc import Callable
from typing import Any

import keras

from dcgan.core.errors import UserError
from dcgan.networks.layers import Stage, convolution, odd_kernel_size


def downsample(x: keras.KerasTensor, stage: Stage, method: str = "strided") -> keras.KerasTensor:
    """Halve the height and width of feature maps.

    Args:
        x: (N, 2H, 2W, C).
        stage: settings of the stage.
        method: one of `DOWNSAMPLERS`.

    Returns:
        (N, H, W, stage.filters).

    Raises:
        UserError: the method is unknown.
    """
    if method not in DOWNSAMPLERS:
        raise UserError(f"Unknown downsampling {method!r}.", f"Use one of: {', '.join(DOWNSAMPLERS)}.")
    return DOWNSAMPLERS[method](x, stage)


def _strided(x: Any, stage: Stage) -> Any:
    """A convolution of stride 2, which learns its own downsampling (Radford et al. 2016, section 3)."""
    return _layer(stage, stage.kernel, strides=2)(x)


def _maxpool(x: Any, stage: Stage) -> Any:
    """A convolution of stride 1 and 2×2 max-pooling, which discards the position of each maximum; only the switches of
    a pooling with switches keep it (Zeiler and Fergus 2014, section 2.1)."""
    x = _layer(stage, odd_kernel_size(stage.kernel), strides=1)(x)
    return stage.layers.max_pooling(2, name=f"pool_{stage.index}")(x)


def _layer(stage: Stage, kernel: int, strides: int) -> keras.layers.Layer:
    """The stage's layer with weights."""
    name = f"{stage.network}/down_{stage.index}"
    return convolution(
        stage.layers.convolution, stage.filters, kernel, strides, stage.seed, name, normalized=stage.normalized
    )


DOWNSAMPLERS: dict[str, Callable[[Any, Stage], Any]] = {"strided": _strided, "maxpool": _maxpool}
"""The choices of `--downsampling`."""
