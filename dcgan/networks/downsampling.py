"""The ways in which a discriminator's stage halves its maps; its layer with weights is `down_0`, `down_1`, …"""

from collections.abc import Callable

import keras

from dcgan.core.errors import UserError
from dcgan.networks.layers import Stage, convolution_stride_1, convolution_stride_2, odd_kernel_size


def downsample(x: keras.KerasTensor, stage: Stage, way: str = "strided") -> keras.KerasTensor:
    """Halve the height and the width of some maps.

    Args:
        x: (N, 2H, 2W, C).
        stage: what to build.
        way: one of `DOWNSAMPLERS`.

    Returns:
        (N, H, W, stage.maps).

    Raises:
        UserError: there is no such way.
    """
    if way not in DOWNSAMPLERS:
        raise UserError(f"There is no downsampling {way!r}.", f"There are {', '.join(DOWNSAMPLERS)}.")
    return DOWNSAMPLERS[way](x, stage)


def _strided(x, stage: Stage):
    """A convolution of stride 2, which learns its own downsampling (Radford et al. 2016, section 3)."""
    return convolution_stride_2(stage.layers.convolution, stage.maps, stage.kernel, stage.seed, _name(stage))(x)


def _maxpool(x, stage: Stage):
    """A convolution of stride 1, then the largest of every 2 × 2 values: pooling forgets where it stood, and only its
    switches know (Zeiler and Fergus 2014, section 2.1)."""
    x = convolution_stride_1(
        stage.layers.convolution, stage.maps, odd_kernel_size(stage.kernel), stage.seed, _name(stage)
    )(x)
    return keras.layers.MaxPooling2D(2, name=f"pool_{stage.number}")(x)


def _name(stage: Stage) -> str:
    return f"{stage.network}/down_{stage.number}"


DOWNSAMPLERS: dict[str, Callable] = {"strided": _strided, "maxpool": _maxpool}
"""What `--downsampling` chooses from."""
