"""The generator: from a latent vector to an image, doubling the resolution stage by stage."""

import math
from typing import Any

import keras

from dcgan.core.sizes import Size, base_size, num_stages
from dcgan.networks.layers import KERAS_LAYERS, WEIGHTS_STDDEV, Layers, Stage, batch_norm, dense
from dcgan.networks.upsampling import upsample


def build_generator(
    image_size: Size = (64, 64),
    channels: int = 3,
    width: int = 64,
    latent_dim: int = 100,
    kernel: int = 4,
    seed: int = 0,
    layers: Layers = KERAS_LAYERS,
    classes: int = 0,
    upsampling: str = "transposed",
) -> keras.Model:
    """Build the generator of Radford et al. 2016, section 3 and figure 1.

    The latent vector is projected to a base of 4 to 7 pixels per side and upsampled by 2, in the paper by transposed
    convolutions of stride 2, until it has the image's size. Each stage halves the number of filters, down to `width`
    before the last one. BatchNorm and ReLU follow every layer but the last, which ends in tanh. A conditional generator
    (Mirza and Osindero 2014, "Conditional Generative Adversarial Nets") adds a projection of the class to the
    projection of the latent vector.

    Args:
        image_size: (height, width) in pixels; see `dcgan.core.sizes`.
        channels: channels of the image, 1, 3, or 4 with transparency.
        width: filters of the last hidden layer.
        latent_dim: length of the latent vector.
        kernel: size of the convolutions' kernels, at least 2; see `dcgan.networks.upsampling`.
        seed: seed of the initial weights.
        layers: the layer classes: `KERAS_LAYERS` for inference, `TRAINING_LAYERS` or `CPU_LAYERS` for training; with
            `nearest` the latter two learn the smaller, unfused kernel.
        classes: number of classes of a conditional generator; 0 for an unconditional one.
        upsampling: how a stage doubles its maps: a `transposed` convolution; `nearest` or `bilinear` upsampling and a
            convolution, where `nearest` is fused into one transposed convolution (see
            `dcgan.networks.fused_upsampling`); `subpixel`, a convolution to four times the channels, rearranged into
            2×2 blocks; or `unpool`, max-unpooling with fixed switches and a convolution.

    Returns:
        A built model from float32 (N, latent_dim) to float32 (N, height, width, channels) in [-1, 1]. With `classes`
        it has a second input, float32 (N, classes): rows are one-hot, or mixtures of classes that sum to 1.

    Raises:
        UserError: the size does not follow the size rule, or the upsampling is unknown.
    """
    stages, base = num_stages(image_size), base_size(image_size)
    filters = width * 2 ** (stages - 1)
    latent = keras.Input((latent_dim,), name="latent")
    inputs = latent
    x: Any = dense(math.prod(base) * filters, seed, "generator/project")(latent)
    if classes:
        class_one_hot = keras.Input((classes,), name="class")
        inputs = [latent, class_one_hot]
        # The scale of the latent's projection, which sums `latent_dim` weights where a one-hot row selects one.
        stddev = WEIGHTS_STDDEV * math.sqrt(latent_dim)
        projected_class = dense(x.shape[-1], seed, "generator/project_class", stddev)(class_one_hot)
        x = keras.layers.Add(name="add_class")([x, projected_class])
    x = keras.layers.Reshape((*base, filters), name="base")(x)
    for index in range(stages):
        x = batch_norm(layers, seed, f"generator/norm_{index}")(x)
        x = keras.layers.ReLU(name=f"relu_{index}")(x)
        outputs = channels if index == stages - 1 else filters >> (index + 1)
        x = upsample(x, Stage(index, outputs, kernel, seed, layers, "generator"), upsampling)
    image = keras.layers.Activation("tanh", dtype="float32", name="image")(x)
    return keras.Model(inputs, image, name="generator")
