"""The discriminator: an image shrinks, stage by stage, to one logit."""

import keras

from dcgan.core.sizes import Size, num_stages
from dcgan.networks.downsampling import downsample
from dcgan.networks.layers import KERAS_LAYERS, LEAKY_SLOPE, Layers, Stage, batch_norm, normal_initializer


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
) -> keras.Model:
    """Build the discriminator of Radford et al. 2016, section 3.

    Convolutions halve the image, in the paper by their stride, down to a base of 4 to 7 pixels a side, doubling
    the filters from `width` on; BatchNorm follows every one but the first, LeakyReLU of slope 0.2 every one. Between
    the last maps and the logit there may be a hidden layer, with both as well, as in the paper's code for MNIST
    (`mnist/train_cond_dcgan.py`, 1,024 units). A conditional one adds to the logit a linear judgement of the features
    for the image's class (Miyato and Koyama 2018, "cGANs with Projection Discriminator", equation 3).

    Args:
        image_size: (height, width) in pixels; see `dcgan.core.sizes`.
        channels: of the image, 1 or 3.
        width: filters of the first layer.
        kernel: side of the convolutions' kernels, at least 2.
        seed: the initial weights follow from it.
        layers: the classes its layers are of.
        classes: how many classes of pictures it tells apart; 0 for none.
        downsampling: how a stage halves its maps: by a `strided` convolution, or by one of stride 1 (and of odd side)
            and 2x2 max-pooling, `maxpool`, before BatchNorm and LeakyReLU.
        hidden: units of the hidden layer; 0 leaves it out, so that the logit is linear in the last maps.

    Returns:
        A built model from float32 (N, height, width, channels) in [-1, 1] to float32 logits (N, 1); the sigmoid
        of a logit is D(x), the probability that the image is real. With `classes` it has a second input,
        float32 (N, classes): a one-hot row each.

    Raises:
        UserError: the size does not follow the size rule, or there is no such downsampling.
    """
    image = keras.Input((*image_size, channels), name="image")
    x = keras.layers.Flatten(name="flatten")(convolution_trunk(image, width, kernel, seed, layers, downsampling))
    x = _hidden_layer(x, hidden, seed, layers) if hidden else x
    logit = _judge(x, 1, seed, "logit")
    if not classes:
        return keras.Model(image, logit, name="discriminator")
    kind = keras.Input((classes,), name="class")
    of_class = keras.layers.Dot(axes=1, dtype="float32", name="class_projection")(
        [_judge(x, classes, seed, "class_embedding"), kind]
    )
    logit = keras.layers.Add(dtype="float32", name="conditional_logit")([logit, of_class])
    return keras.Model([image, kind], logit, name="discriminator")


def convolution_trunk(
    image: keras.KerasTensor,
    width: int,
    kernel: int,
    seed: int,
    layers: Layers = KERAS_LAYERS,
    downsampling: str = "strided",
    network: str = "discriminator",
) -> keras.KerasTensor:
    """Halve an image, (N, height, width, channels), stage by stage: the maps of the last one.

    Arguments as for `build_discriminator`; the weights are drawn for the network of that name.
    """
    x = image
    for stage in range(num_stages(tuple(image.shape[1:3]))):
        x = downsample(x, Stage(stage, width << stage, kernel, seed, layers, network), downsampling)
        if stage > 0:
            x = batch_norm(layers, seed, f"{network}/norm_{stage}")(x)
        x = keras.layers.LeakyReLU(LEAKY_SLOPE, name=f"leaky_{stage}")(x)
    return x


def _hidden_layer(features, units: int, seed: int, layers: Layers):
    """What a hidden layer makes of features (N, D): (N, units)."""
    weights = normal_initializer(seed, "discriminator/hidden")
    x = keras.layers.Dense(units, use_bias=False, kernel_initializer=weights, name="hidden")(features)
    x = batch_norm(layers, seed, "discriminator/norm_hidden")(x)
    return keras.layers.LeakyReLU(LEAKY_SLOPE, name="leaky_hidden")(x)


def _judge(features, logits: int, seed: int, name: str):
    """Some logits that are linear in the features, always in float32."""
    weights = normal_initializer(seed, f"discriminator/{name}")
    return keras.layers.Dense(logits, use_bias=False, dtype="float32", kernel_initializer=weights, name=name)(features)
