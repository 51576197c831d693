"""The discriminator: from an image to one logit, halving the resolution stage by stage."""

from typing import Any

import keras

from dcgan.core.errors import UserError
from dcgan.core.sizes import Size, num_stages
from dcgan.networks.downsampling import downsample
from dcgan.networks.layers import KERAS_LAYERS, LEAKY_SLOPE, Layers, Stage, batch_norm, dense

NORMS = ("batch", "none")
"""The choices of `--discriminator-norm`."""


def build_discriminator(
    image_size: Size = (64, 64),
    channels: int = 3,
    width: int = 64,
    kernel: int = 4,
    seed: int = 0,
    layers: Layers = KERAS_LAYERS,
    classes: int = 0,
    downsampling: str = "strided",
    hidden: int = 0,
    norm: str = "batch",
) -> keras.Model:
    """Build the discriminator of Radford et al. 2016, section 3.

    Convolutions downsample the image by 2, in the paper by their stride, to a base of 4 to 7 pixels per side, and
    double the number of filters, starting with `width`. BatchNorm follows every convolution but the first, LeakyReLU
    with slope 0.2 every one. An optional hidden layer, with BatchNorm and LeakyReLU, may stand between the last maps
    and the logit, as in the paper's code for MNIST (`mnist/train_cond_dcgan.py`, 1,024 units). A conditional
    discriminator adds to the logit the inner product of a linear function of the features with the class (Miyato and
    Koyama 2018, "cGANs with Projection Discriminator", equation 3).

    Args:
        image_size: (height, width) in pixels; see `dcgan.core.sizes`.
        channels: channels of the image, 1, 3, or 4 with transparency.
        width: filters of the first layer.
        kernel: size of the convolutions' kernels, at least 2.
        seed: seed of the initial weights.
        layers: the layer classes.
        classes: number of classes of a conditional discriminator; 0 for an unconditional one.
        downsampling: how a stage halves its maps: a `strided` convolution; or `maxpool`, a convolution of stride 1
            (with an odd kernel size) and 2×2 max-pooling, before BatchNorm and LeakyReLU.
        hidden: units of the hidden layer; with 0 there is none, and the logit is linear in the last maps.
        norm: `batch` for BatchNorm; or `none`, as a gradient penalty needs it, whose definition is one of each image
            alone: biases take its place, and initial weights that keep the scale of the maps.

    Returns:
        A built model from float32 (N, height, width, channels) in [-1, 1] to float32 logits (N, 1); the sigmoid
        of a logit is D(x), the probability that the image is real. With `classes` it has a second input,
        float32 (N, classes) with one-hot rows.

    Raises:
        UserError: the size does not follow the size rule, or the downsampling or the norm is unknown.
    """
    if norm not in NORMS:
        raise UserError(f"Unknown norm {norm!r}.", f"Use one of: {', '.join(NORMS)}.")
    normalized = norm == "batch"
    image: Any = keras.Input((*image_size, channels), name="image")
    maps = convolution_trunk(image, width, kernel, seed, layers, downsampling, normalized=normalized)
    x: Any = keras.layers.Flatten(name="flatten")(maps)
    if hidden:
        x = dense(hidden, seed, "discriminator/hidden", use_bias=not normalized, normalized=normalized)(x)
        if normalized:
            x = batch_norm(layers, seed, "discriminator/norm_hidden")(x)
        x = keras.layers.LeakyReLU(LEAKY_SLOPE, name="leaky_hidden")(x)
    logit = dense(1, seed, "discriminator/logit", dtype="float32", normalized=normalized)(x)
    if not classes:
        return keras.Model(image, logit, name="discriminator")
    class_one_hot = keras.Input((classes,), name="class")
    class_embedding = dense(classes, seed, "discriminator/class_embedding", dtype="float32", normalized=normalized)(x)
    class_logit = keras.layers.Dot(axes=1, dtype="float32", name="class_projection")([class_embedding, class_one_hot])
    logit = keras.layers.Add(dtype="float32", name="conditional_logit")([logit, class_logit])
    return keras.Model([image, class_one_hot], logit, name="discriminator")


def convolution_trunk(
    image: keras.KerasTensor,
    width: int,
    kernel: int,
    seed: int,
    layers: Layers = KERAS_LAYERS,
    downsampling: str = "strided",
    network: str = "discriminator",
    normalized: bool = True,
) -> keras.KerasTensor:
    """Apply the discriminator's convolution stages to an image.

    Args:
        image: (N, height, width, channels), height and width known.
        width: filters of the first layer.
        kernel: size of the convolutions' kernels, at least 2.
        seed: seed of the initial weights.
        layers: the layer classes.
        downsampling: one of `dcgan.networks.downsampling.DOWNSAMPLERS`.
        network: name of the network, which selects the random stream of the initial weights.
        normalized: whether BatchNorm follows every stage but the first.

    Returns:
        The maps of the last stage, (N, base height, base width, filters).

    Raises:
        UserError: the size does not follow the size rule, or the downsampling is unknown.
    """
    x: Any = image
    height, width_in_pixels = x.shape[1:3]
    for index in range(num_stages((height, width_in_pixels))):
        x = downsample(x, Stage(index, width << index, kernel, seed, layers, network, normalized), downsampling)
        if index > 0 and normalized:
            x = batch_norm(layers, seed, f"{network}/norm_{index}")(x)
        x = keras.layers.LeakyReLU(LEAKY_SLOPE, name=f"leaky_{index}")(x)
    return x
