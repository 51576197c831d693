"""The discriminator: an image shrinks, stage by stage, to one logit."""

import keras

from dcgan.networks.layers import LEAKY_SLOPE, PLAIN, Layers, batch_norm, normal, stride_2
from dcgan.sizes import Size, stages_of


def build_discriminator(
    image_size: Size = (64, 64),
    channels: int = 3,
    width: int = 64,
    kernel: int = 4,
    seed: int = 0,
    layers: Layers = PLAIN,
) -> keras.Model:
    """Build the discriminator of Radford et al. 2016, section 3.

    Strided convolutions halve the image down to a base of 4 to 7 pixels a side, doubling the filters from
    `width` on; BatchNorm follows every one but the first, LeakyReLU of slope 0.2 every one.

    Args:
        image_size: (height, width) in pixels; see `dcgan.sizes`.
        channels: of the image, 1 or 3.
        width: filters of the first layer.
        kernel: side of the convolutions' kernels, at least 2.
        seed: the initial weights follow from it.
        layers: the classes its layers are of.

    Returns:
        A built model from float32 (N, height, width, channels) in [-1, 1] to float32 logits (N, 1); the sigmoid
        of a logit is D(x), the probability that the image is real.

    Raises:
        UserError: the size does not follow the size rule.
    """
    image = keras.Input((*image_size, channels), name="image")
    x = image
    for stage in range(stages_of(image_size)):
        x = stride_2(layers.convolution, width << stage, kernel, seed, f"discriminator/shrink_{stage}")(x)
        if stage > 0:
            x = batch_norm(layers, seed, f"discriminator/norm_{stage}")(x)
        x = keras.layers.LeakyReLU(LEAKY_SLOPE, name=f"leaky_{stage}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    logit = keras.layers.Dense(
        1, use_bias=False, dtype="float32", kernel_initializer=normal(seed, "discriminator/judge"), name="judge"
    )(x)
    return keras.Model(image, logit, name="discriminator")
