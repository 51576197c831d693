"""The generator: a latent vector grows, stage by stage, into an image."""

import math

import keras

from dcgan.networks.layers import batch_norm, normal
from dcgan.sizes import Size, base_of, stages_of


def build_generator(
    image_size: Size = (64, 64),
    channels: int = 3,
    width: int = 64,
    latent_dim: int = 100,
    kernel: int = 4,
    seed: int = 0,
) -> keras.Model:
    """Build the generator of Radford et al. 2016, section 3 and figure 1.

    The latent vector is projected to a base of 4 to 7 pixels a side and doubled by transposed convolutions of
    stride 2 until it has the image's size; each stage halves the filters, down to `width` before the last one.
    BatchNorm and ReLU follow every layer but the last, which ends in tanh.

    Args:
        image_size: (height, width) in pixels; see `dcgan.sizes`.
        channels: of the image, 1 or 3.
        width: filters of the last hidden layer.
        latent_dim: length of the latent vector.
        kernel: side of the transposed convolutions' kernels, at least 2.
        seed: the initial weights follow from it.

    Returns:
        A built model from float32 (N, latent_dim) to float32 (N, height, width, channels) in [-1, 1].

    Raises:
        UserError: the size does not follow the size rule.
    """
    stages, base = stages_of(image_size), base_of(image_size)
    filters = width * 2 ** (stages - 1)
    latent = keras.Input((latent_dim,), name="latent")
    weights = normal(seed, "generator/project")
    x = keras.layers.Dense(math.prod(base) * filters, use_bias=False, kernel_initializer=weights, name="project")(
        latent
    )
    x = keras.layers.Reshape((*base, filters), name="base")(x)
    for stage in range(stages):
        x = batch_norm(seed, f"generator/norm_{stage}")(x)
        x = keras.layers.ReLU(name=f"relu_{stage}")(x)
        last = stage == stages - 1
        x = _double(channels if last else filters >> (stage + 1), kernel, seed, f"generator/grow_{stage}")(x)
    image = keras.layers.Activation("tanh", dtype="float32", name="image")(x)
    return keras.Model(latent, image, name="generator")


def _double(filters: int, kernel: int, seed: int, name: str) -> keras.layers.Layer:
    """A transposed convolution that doubles height and width."""
    return keras.layers.Conv2DTranspose(
        filters,
        kernel,
        strides=2,
        padding="same",
        use_bias=False,
        kernel_initializer=normal(seed, name),
        name=name.rpartition("/")[2],
    )
