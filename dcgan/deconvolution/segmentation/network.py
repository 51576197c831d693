"""A fully convolutional network for semantic segmentation, built on a discriminator's convolutions.

Long, Shelhamer and Darrell 2015 ("Fully Convolutional Networks for Semantic Segmentation", sections 3.3 and 4.2): the
trunk's last map is scored, and the scores are upsampled to the image (FCN-32s, if the map's stride is 32); or they are
upsampled by 2, added to the scores of the map before (FCN-16s), and so on. Score layers are convolutions of 1×1 that
are initialized with 0, so that a new skip connection changes nothing at first; upsampling layers are transposed
convolutions that are initialized as bilinear upsampling. Everything is trained.
"""

import keras

from dcgan.core.errors import UserError
from dcgan.deconvolution.kernels import bilinear_kernel
from dcgan.networks.fast.layers import to_keras_layer
from dcgan.networks.submodel import convolution_stages


def build_trunk(discriminator: keras.Model) -> keras.Model:
    """Build the convolutions of a discriminator for images of any size, with copied weights.

    Args:
        discriminator: model of `dcgan.networks.build_discriminator`; the convolutions of a conditional one do not
            depend on the class.

    Returns:
        A model from (N, H, W, C) to a list of its stages' maps, finest first: stage i has the stride 2**(i + 1), and
        its map is the output of the last layer of that size, after BatchNorm and activation. Its layers are Keras'
        own, whatever the discriminator's are.

    Raises:
        UserError: the model has another form.
    """
    image = discriminator.inputs[0]
    if len(image.shape) != 4 or None in image.shape[1:]:
        raise UserError("A trunk needs a discriminator of images (N, H, W, C) of known size.")
    maps = [discriminator.get_layer(name).output for name in convolution_stages(discriminator)]
    if [image.shape[1] / each.shape[1] for each in maps] != [2 ** (stage + 1) for stage in range(len(maps))]:
        raise UserError(f"The model {discriminator.name!r} does not downsample the image by 2 in every stage.")
    fixed_size = keras.Model(image, maps)
    any_size = keras.Input((None, None, image.shape[3]), name="image")
    trunk = keras.models.clone_model(fixed_size, any_size, to_keras_layer)
    trunk.set_weights(fixed_size.get_weights())
    return trunk


def trunk_strides(trunk: keras.Model) -> list[int]:
    """Return the strides of a trunk's maps, coarsest first.

    Args:
        trunk: model of `build_trunk`.

    Returns:
        Falling powers of 2, each a valid `stride` of `build_segmenter`.
    """
    return [2 ** (stage + 1) for stage in reversed(range(len(trunk.outputs)))]


def build_segmenter(trunk: keras.Model, classes: int, stride: int) -> keras.Model:
    """Add score layers to a trunk, fuse the scores from the coarsest map down to one stride, and upsample to the image.

    Args:
        trunk: model of `build_trunk`; its weights are shared, not copied.
        classes: number of labels.
        stride: stride of the finest map that is scored, one of `trunk_strides(trunk)`.

    Returns:
        A model from float32 (N, H, W, C) in [-1, 1] to float32 logits (N, H, W, classes). H and W are multiples of the
        coarsest stride. Corresponding layers of models of different strides have the same name: `score_16`, `up_32`
        (from stride 32 to 16), and at the end `to_pixels_16`.

    Raises:
        UserError: the trunk has no such stride.
    """
    strides = trunk_strides(trunk)
    if stride not in strides:
        raise UserError(f"The trunk has no map of stride {stride}.", f"Use one of {', '.join(map(str, strides))}.")
    coarsest, *finer = strides[: strides.index(stride) + 1]
    maps = dict(zip(strides, reversed(trunk.outputs), strict=True))
    scores = _score_layer(classes, coarsest)(maps[coarsest])
    for step in finer:
        skip = _score_layer(classes, step)(maps[step])
        upsampled = _upsampling_layer(2, classes, f"up_{2 * step}")(scores)
        scores = keras.layers.Add(dtype="float32", name=f"fuse_{step}")([upsampled, skip])
    logits = _upsampling_layer(stride, classes, f"to_pixels_{stride}")(scores)
    model = keras.Model(trunk.inputs[0], logits, name=f"fcn_{stride}s")
    _initialize_bilinear(model, classes)
    return model


def copy_shared_weights(finer: keras.Model, coarser: keras.Model) -> None:
    """Copy the weights of a coarser segmenter to a finer one of the same trunk, by layer name.

    Args:
        finer: model of `build_segmenter`; it is changed in place.
        coarser: trained model of `build_segmenter`.
    """
    known = {layer.name: layer for layer in coarser.layers}
    for layer in finer.layers:
        if layer.name in known:
            layer.set_weights(known[layer.name].get_weights())


def coarsest_stride(segmenter: keras.Model) -> int:
    """Return the stride of the coarsest map, of which the height and width of images are multiples.

    Args:
        segmenter: model of `build_segmenter`.

    Returns:
        A power of 2.
    """
    return max(int(layer.name.removeprefix("score_")) for layer in segmenter.layers if layer.name.startswith("score_"))


def _score_layer(classes: int, stride: int) -> keras.layers.Layer:
    """A 1×1 convolution to one score per label."""
    return keras.layers.Conv2D(classes, 1, kernel_initializer="zeros", dtype="float32", name=f"score_{stride}")


def _upsampling_layer(factor: int, classes: int, name: str) -> keras.layers.Layer:
    """A transposed convolution that upsamples by `factor`; `_initialize_bilinear` assigns its weights."""
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


def _initialize_bilinear(model: keras.Model, classes: int) -> None:
    """Assign bilinear kernels to all transposed convolutions; no initializer, so that plain Keras loads the model."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):
            layer.kernel.assign(bilinear_kernel(layer.strides, classes))
