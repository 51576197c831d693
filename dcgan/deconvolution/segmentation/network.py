"""A fully convolutional network that labels pixels, grown from a discriminator's convolutions.

Long, Shelhamer and Darrell 2015 ("Fully Convolutional Networks for Semantic Segmentation", sections 3.3 and 4.2): the
trunk's last map is scored, and the scores are upsampled to the image (FCN-32s, if the map's stride is 32); or they are
upsampled by 2, added to the scores of the map before (FCN-16s), and so on. Score layers are convolutions of 1×1 that
start at 0, so that a new skip changes nothing at first; upsampling layers are transposed convolutions that start as
bilinear upsampling, and everything is trained.
"""

import keras

from dcgan.core.errors import UserError
from dcgan.deconvolution.kernels import bilinear_kernel
from dcgan.networks.cpu.layers import to_keras_layer
from dcgan.networks.submodel import convolution_stages


def build_trunk(discriminator: keras.Model) -> keras.Model:
    """The convolutions of a discriminator, for images of any size, with weights of their own.

    Args:
        discriminator: as `dcgan.networks.build_discriminator` builds it; the convolutions of a conditional one read no
            class.

    Returns:
        A model from (N, H, W, C) to a list of its stages' maps, finest first: stage i has the stride 2**(i + 1), and
        its map is the last layer's of that size, after BatchNorm and activation. Its layers are Keras' own, whatever
        the discriminator was trained with.

    Raises:
        UserError: the model has another form.
    """
    image = discriminator.inputs[0]
    if len(image.shape) != 4 or None in image.shape[1:]:
        raise UserError("A trunk needs a discriminator of images (N, H, W, C) of known size.")
    maps = [discriminator.get_layer(name).output for name in convolution_stages(discriminator)]
    if [image.shape[1] / each.shape[1] for each in maps] != [2 ** (stage + 1) for stage in range(len(maps))]:
        raise UserError(f"The model {discriminator.name!r} does not halve the image stage by stage.")
    fixed = keras.Model(image, maps)
    anywhere = keras.Input((None, None, image.shape[3]), name="image")
    trunk = keras.models.clone_model(fixed, anywhere, to_keras_layer)
    trunk.set_weights(fixed.get_weights())
    return trunk


def trunk_strides(trunk: keras.Model) -> list[int]:
    """The strides of a trunk's maps, coarsest first: what `build_segmenter` can score."""
    return [2 ** (stage + 1) for stage in reversed(range(len(trunk.outputs)))]


def build_segmenter(trunk: keras.Model, classes: int, stride: int) -> keras.Model:
    """Put score layers on a trunk, fuse them from the coarsest down to one stride, and upsample to the image.

    Args:
        trunk: of `build_trunk`; its weights are shared, not copied.
        classes: how many labels a pixel can have.
        stride: of the finest map that is scored, one of `strides_of(trunk)`.

    Returns:
        A model from float32 (N, H, W, C) in [-1, 1] to float32 logits (N, H, W, classes). H and W are multiples of the
        coarsest stride. Layers of models of different strides that do the same have the same name: `score_16`, `up_32`
        (from the stride 32 to 16), and at the end `to_pixels_16`.

    Raises:
        UserError: the trunk has no such stride.
    """
    strides = trunk_strides(trunk)
    if stride not in strides:
        raise UserError(f"The trunk has no map of stride {stride}.", f"Its strides: {', '.join(map(str, strides))}.")
    coarsest, *finer = strides[: strides.index(stride) + 1]
    maps = dict(zip(strides, reversed(trunk.outputs), strict=True))
    scores = _score(classes, coarsest)(maps[coarsest])
    for step in finer:
        skip = _score(classes, step)(maps[step])
        scores = keras.layers.Add(dtype="float32", name=f"fuse_{step}")(
            [_upsampling(2, classes, f"up_{2 * step}")(scores), skip]
        )
    logits = _upsampling(stride, classes, f"to_pixels_{stride}")(scores)
    model = keras.Model(trunk.inputs[0], logits, name=f"fcn_{stride}s")
    _start_bilinear(model, classes)
    return model


def copy_shared_weights(finer: keras.Model, coarser: keras.Model) -> None:
    """Let a segmenter begin where a coarser one of the same trunk ended: layers of one name get its weights."""
    known = {layer.name: layer for layer in coarser.layers}
    for layer in finer.layers:
        if layer.name in known:
            layer.set_weights(known[layer.name].get_weights())


def coarsest_stride(segmenter: keras.Model) -> int:
    """What height and width of a segmenter's images are multiples of."""
    return max(int(layer.name.removeprefix("score_")) for layer in segmenter.layers if layer.name.startswith("score_"))


def _score(classes: int, stride: int) -> keras.layers.Layer:
    """What a map says about every label, one position at a time."""
    return keras.layers.Conv2D(classes, 1, kernel_initializer="zeros", dtype="float32", name=f"score_{stride}")


def _upsampling(factor: int, classes: int, name: str) -> keras.layers.Layer:
    """A transposed convolution that makes maps `factor` times larger; `_start_bilinear` gives it its weights."""
    return keras.layers.Conv2DTranspose(
        classes,
        2 * factor,
        strides=factor,
        padding="same",
        use_bias=False,
        kernel_initializer="zeros",
        dtype="float32",
        name=name,
    )


def _start_bilinear(model: keras.Model, classes: int) -> None:
    """Make every transposed convolution bilinear upsampling, in a way that Keras can load without this package."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):
            layer.kernel.assign(bilinear_kernel(layer.strides, classes))
