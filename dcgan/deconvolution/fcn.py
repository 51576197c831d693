"""A discriminator for one image size as a fully convolutional network for all sizes, and its BatchNorm statistics."""

from typing import Any

import keras
import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.deconvolution.fcn_layers import ClassChannel, DenseConvolution, PointwiseBatchNorm
from dcgan.networks.submodel import check_channels_last

SIZE_DEPENDENT = (
    keras.layers.Reshape,
    keras.layers.Permute,
    keras.layers.RepeatVector,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.Model,
)
"""Layers with a different meaning, or none, on a larger map; a nested model may contain such layers."""


def fully_convolutional(discriminator: keras.Model, label: int | None = None) -> keras.Model:
    """Convert a discriminator to a network for images of any size, with one output per position.

    A dense layer over a flattened map is a convolution whose kernel is as large as that map, with the same weights
    (Long, Shelhamer and Darrell 2015, section 3.1); dense layers after it are convolutions of 1×1, and their BatchNorm
    is applied at every position. All other layers are used as they are.

    The result *shares* its weights with the discriminator and allocates none: training one changes the other. On images
    of the discriminator's size the two agree up to rounding. On a larger image the result is equivariant to shifts by
    its stride, 2 to the number of downsampling stages, wherever it reads no padding; it is not the discriminator's
    output for crops of the image, since a crop's border reads padding where the whole image has pixels.

    A conditional discriminator, of an image and its class, adds a term for the given class to its logit (Miyato and
    Koyama 2018, equation 3). The result takes the image alone, and the class is fixed here, the same at every position.
    Without a class that term is left out, as for a class vector of zeros: the rest evaluates the image independently of
    its class, and is less informative, since training relies on both terms.

    Args:
        discriminator: a built model with one input (N, H, W, C) of known size and one output (N, units), made of
            convolutions, local pooling, normalization, activations, merges, and then Flatten, Dense and more of these.
            Several paths may merge. A conditional one has a second input (N, classes), which meets the classes of a
            dense layer in one Dot layer, as in `dcgan.networks.build_discriminator`.
        label: class label for every position of a conditional discriminator, from 0; None leaves the class term out.

    Returns:
        A model from (N, any height, any width, C) to (N, h, w, units), on the scale of the discriminator's output.
        A discriminator for 64×64 with a stride of 16 gives h = ⌈height / 16⌉ − 3. It raises UserError for an image
        smaller than the discriminator's own, which covers no position. A saved result loads once the layers of
        `dcgan.deconvolution.fcn_layers` have been imported from `dcgan.deconvolution`.

    Raises:
        UserError: the model has another form, or no such class.
    """
    _check_model(discriminator)
    _check_label(discriminator, label)
    graph = keras.Model(discriminator.inputs, discriminator.outputs, name=discriminator.name)
    layers = {id(layer): _convert(layer, label) for layer in graph.layers}
    own_input = discriminator.inputs[0]
    height, width, channels = own_input.shape[1:]
    # First for the discriminator's own size, where every dense layer takes the size of its map as its window.
    _clone(graph, keras.Input((height, width, channels), dtype=own_input.dtype, name=own_input.name), layers)
    image = keras.Input((None, None, channels), dtype=own_input.dtype, name=own_input.name)
    result = _clone(graph, image, layers)
    return keras.Model(image, result.outputs[0], name=f"fully_convolutional_{discriminator.name}")


def recompute_bn_statistics(model: keras.Model, images: np.ndarray) -> None:
    """Set the moving averages of every BatchNorm layer to the statistics of one batch; the weights do not change.

    A discriminator is trained with the statistics of each batch, for real and fake images separately. The moving
    averages mix both, gathered while the weights moved; evaluated with them it may classify all images as fake, or all
    as real. In a fully convolutional network the averages after dense layers are kept: most of its positions do not lie
    on an image, but between two.

    Args:
        model: model whose first input is the image; it is changed in place. Other inputs, such as the classes of a
            conditional discriminator, are set to zeros: no BatchNorm depends on them.
        images: uint8 (N, H, W, C), at least a few dozen, in one batch.

    Raises:
        UserError: there are no images.
    """
    if np.ndim(images) != 4 or not len(images):
        raise UserError(f"Can't compute statistics of images {np.shape(images)}.", "Use uint8 (N, H, W, C), N > 0.")
    # The momentum is the fraction of the moving averages that stays: none, and after dense layers all.
    norms: dict[Any, float] = {
        layer: 0.0 for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)
    }
    norms |= {layer.layer: 1.0 for layer in model.layers if isinstance(layer, PointwiseBatchNorm)}
    momenta = {layer: layer.momentum for layer in norms}
    other_inputs = [np.zeros((len(images), tensor.shape[1]), np.float32) for tensor in model.inputs[1:]]
    pixels = np.asarray(to_float(images))
    try:
        for layer, momentum in norms.items():
            layer.momentum = momentum
        model([pixels, *other_inputs] if other_inputs else pixels, training=True)
    finally:
        for layer, momentum in momenta.items():
            layer.momentum = momentum


def _clone(graph: keras.Model, image: Any, layers: dict[int, keras.layers.Layer]) -> keras.Model:
    """The same graph for another image, with its layers replaced; the inputs for classes are no longer read."""
    classes = [keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name) for tensor in graph.inputs[1:]]

    def call(layer: keras.layers.Layer, inputs, **options):
        return layer(_class_maps(inputs) if isinstance(layer, ClassChannel) else inputs, **options)

    try:
        return keras.models.clone_model(graph, [image, *classes], lambda layer: layers[id(layer)], call)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise UserError(f"The model {graph.name!r} can't be made fully convolutional: {reason}") from error


def _class_maps(factors: list[Any]) -> Any:
    """The factor of a product that is computed from the image."""
    return next(factor for factor in factors if len(factor.shape) == 4)


def _convert(layer: Any, label: int | None) -> keras.layers.Layer:
    """The layer that replaces a layer of the discriminator."""
    if isinstance(layer, keras.layers.Dot):
        return ClassChannel(label, name=layer.name, dtype=layer.dtype_policy)
    if isinstance(layer, keras.layers.Dense) and len(_input_shape(layer)) == 2:
        return DenseConvolution.sharing(layer)
    if isinstance(layer, keras.layers.BatchNormalization) and len(_input_shape(layer)) == 2:
        return PointwiseBatchNorm(layer, name=layer.name, dtype=layer.dtype_policy)
    if isinstance(layer, keras.layers.Flatten):
        return keras.layers.Identity(name=layer.name, dtype=layer.dtype_policy.name)
    return layer


def _input_shape(layer: Any) -> tuple:
    return layer.input.shape


def _check_model(model: keras.Model) -> None:
    """Refuse a model that can't be converted."""
    if not isinstance(model, keras.Model) or not model.built or not getattr(model, "inputs", None):
        raise UserError("Only a built functional or sequential Keras model can be made fully convolutional.")
    if len(model.inputs[0].shape) != 4 or None in model.inputs[0].shape[1:]:
        raise UserError("The model needs one input (N, H, W, C) of known size.")
    products = [layer for layer in model.layers if isinstance(layer, keras.layers.Dot)]
    if len(model.inputs) > 2 or len(products) != len(model.inputs) - 1 or not all(map(_multiplies_class, products)):
        raise UserError(
            "A second input has to be a class (N, classes) that meets the image's features in one Dot layer.",
            "Use dcgan.networks.build_discriminator(…, classes=K).",
        )
    if len(model.outputs) != 1:
        raise UserError("The model needs one output.")
    for layer in model.layers:
        if isinstance(layer, SIZE_DEPENDENT) or isinstance(getattr(layer, "layer", None), keras.layers.Dense):
            raise UserError(f"The layer {layer.name!r}, a {type(layer).__name__}, depends on the size of its input.")
        check_channels_last(layer)


def _multiplies_class(product: Any) -> bool:
    """Whether a Dot layer multiplies the output of another layer with an input, both (N, classes)."""
    sources = [factor._keras_history.operation for factor in product.input]
    are_inputs = [isinstance(source, keras.layers.InputLayer) for source in sources]
    return sorted(are_inputs) == [False, True] and all(len(factor.shape) == 2 for factor in product.input)


def _check_label(model: keras.Model, label: int | None) -> None:
    """Refuse a class that the discriminator does not have."""
    if label is None:
        return
    if len(model.inputs) == 1:
        raise UserError(f"The model {model.name!r} is not conditional, so it has no class {label}.", "Omit the class.")
    classes = model.inputs[1].shape[1]
    if label not in range(classes):
        raise UserError(f"There is no class {label!r}.", f"The model {model.name!r} has classes 0 to {classes - 1}.")
