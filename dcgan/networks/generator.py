"""The generator: a latent vector grows, stage by stage, into an image."""

import math

import keras

from dcgan.core.sizes import Size, base_size, num_stages
from dcgan.networks.layers import KERAS_LAYERS, WEIGHTS_DEVIATION, Layers, Stage, batch_norm, normal_initializer
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

    The latent vector is projected to a base of 4 to 7 pixels a side and doubled, in the paper by transposed
    convolutions of stride 2, until it has the image's size; each stage halves the filters, down to `width` before
    the last one. BatchNorm and ReLU follow every layer but the last, which ends in tanh. A conditional one (Mirza and
    Osindero 2014, "Conditional Generative Adversarial Nets") adds a projection of the class to that of the latent
    vector.

    Args:
        image_size: (height, width) in pixels; see `dcgan.core.sizes`.
        channels: of the image, 1 or 3.
        width: filters of the last hidden layer.
        latent_dim: length of the latent vector.
        kernel: side of the convolutions' kernels, at least 2; see `dcgan.networks.upsampling`.
        seed: the initial weights follow from it.
        layers: the classes its layers are of: `KERAS_LAYERS` for a network that is drawn from, `TRAINED` or `COMPILED` for one
            that is trained, which of `nearest` learns the smaller kernel.
        classes: how many classes of pictures it draws on demand; 0 for a generator that is not asked.
        upsampling: how a stage doubles its maps: `transposed` convolution; `nearest` or `bilinear` enlargement and a
            convolution, of which `nearest` is one transposed convolution (see `dcgan.networks.fused_upsampling`); `subpixel`,
            a convolution to four times the maps, dealt out to the pixels of a block; or `unpool`, max-unpooling and a
            convolution. A generator has no encoder whose pooling could tell where the maxima stood, so that unpooling
            goes by fixed switches, the same everywhere.

    Returns:
        A built model from float32 (N, latent_dim) to float32 (N, height, width, channels) in [-1, 1]. With `classes`
        it has a second input, float32 (N, classes): a one-hot row, or a mixture whose parts add up to 1.

    Raises:
        UserError: the size does not follow the size rule, or there is no such upsampling.
    """
    stages, base = num_stages(image_size), base_size(image_size)
    filters = width * 2 ** (stages - 1)
    latent = keras.Input((latent_dim,), name="latent")
    weights = normal_initializer(seed, "generator/project")
    project = keras.layers.Dense(math.prod(base) * filters, use_bias=False, kernel_initializer=weights, name="project")
    x = project(latent)
    if classes:
        kind = keras.Input((classes,), name="class")
        # As large as the latent's share, which adds up `latent_dim` weights where this takes one.
        weights = normal_initializer(
            seed, "generator/project_class", deviation=WEIGHTS_DEVIATION * math.sqrt(latent_dim)
        )
        share = keras.layers.Dense(x.shape[-1], use_bias=False, kernel_initializer=weights, name="project_class")(kind)
        x = keras.layers.Add(name="add_class")([x, share])
    x = keras.layers.Reshape((*base, filters), name="base")(x)
    for stage in range(stages):
        x = batch_norm(layers, seed, f"generator/norm_{stage}")(x)
        x = keras.layers.ReLU(name=f"relu_{stage}")(x)
        maps = channels if stage == stages - 1 else filters >> (stage + 1)
        x = upsample(x, Stage(stage, maps, kernel, seed, layers, "generator"), upsampling)
    image = keras.layers.Activation("tanh", dtype="float32", name="image")(x)
    return keras.Model([latent, kind] if classes else latent, image, name="generator")
