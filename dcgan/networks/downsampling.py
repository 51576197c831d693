"""The ways in which a discriminator's stage halves its maps; its layer with weights is `shrink_0`, `shrink_1`, …"""

from collections.abc import Callable

import keras

from dcgan.core.errors import UserError
from dcgan.networks.layers import Stage, side, stride_1, stride_2


def halve(x: keras.KerasTensor, stage: Stage, way: str = "strided") -> keras.KerasTensor:
    """Halve the height and the width of some maps.

    Args:
        x: (N, 2H, 2W, C).
        stage: what to build.
        way: one of `WAYS`.

    Returns:
        (N, H, W, stage.maps).

    Raises:
        UserError: there is no such way.
    """
    if way not in WAYS:
        raise UserError(f"There is no downsampling {way!r}.", f"There are {', '.join(WAYS)}.")
    return WAYS[way](x, stage)


def _strided(x, stage: Stage):
    """A convolution of stride 2, which learns its own downsampling (Radford et al. 2016, section 3)."""
    return stride_2(stage.layers.convolution, stage.maps, stage.kernel, stage.seed, _name(stage))(x)


def _maxpool(x, stage: Stage):
    """A convolution of stride 1, then the largest of every 2 × 2 values: pooling forgets where it stood, and only its
    switches know (Zeiler and Fergus 2014, section 2.1)."""
    x = stride_1(stage.layers.convolution, stage.maps, side(stage.kernel), stage.seed, _name(stage))(x)
    return keras.layers.MaxPooling2D(2, name=f"pool_{stage.number}")(x)


def _name(stage: Stage) -> str:
    return f"{stage.network}/shrink_{stage.number}"


WAYS: dict[str, Callable] = {"strided": _strided, "maxpool": _maxpool}
"""What `--downsampling` chooses from."""
