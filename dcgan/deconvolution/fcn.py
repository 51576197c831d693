"""A discriminator for one size of image, turned into one for every size."""

import operator

import keras
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.deconvolution.arithmetic import pair

BOUND_TO_A_SIZE = (
    keras.layers.Reshape,
    keras.layers.Permute,
    keras.layers.RepeatVector,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.Model,
)
"""Layers that mean something else, or nothing, on a larger map; a model within a model hides such layers."""


def fully_convolutional(discriminator: keras.Model, label: int | None = None) -> keras.Model:
    """Make of a discriminator a network for images of any size, which judges every part of them.

    A dense layer over a flattened map is a convolution whose kernel is as large as that map, with the same weights
    (Long, Shelhamer and Darrell 2015, section 3.1); dense layers after it are convolutions of 1×1, and their BatchNorm
    works at every position. All other layers stay what they are.

    The result *shares* its weights with the discriminator, and allocates none: train one and the other changes. On the
    discriminator's own size the two agree to rounding. On a larger image the result is equivariant to shifts by its
    stride, 2 to the number of halvings, wherever it reads no padding; it is not what the discriminator says to crops of
    the image, since a crop's border reads padding where the whole image has pixels.

    A conditional discriminator, of an image and its class, adds to its logit a part for the class that is asked for
    (Miyato and Koyama 2018, equation 3). The result takes the image alone, and the class is settled here, the same
    for every position. Without one the class's part is left out, as for a class vector of zeros: what remains judges
    the image whatever it shows, and says less, since training relies on both parts.

    Args:
        discriminator: a built model with one input (N, H, W, C) of known size and one output (N, units), made of
            convolutions, local pooling, normalisation, activations, merges, and then Flatten, Dense and more of these.
            Several paths may meet in it. A conditional one has a second input (N, classes), which meets a dense
            layer's classes in one Dot layer, as in `dcgan.networks.build_discriminator`.
        label: for a conditional discriminator: which class, from 0 on, every position is taken to be of; None leaves
            the class's part out.

    Returns:
        A model from (N, any height, any width, C) to (N, h, w, units), in the same scale as the discriminator's output.
        A discriminator for 64×64 with a stride of 16 gives h = ⌈height / 16⌉ − 3. It raises UserError for an image
        smaller than the discriminator's own, which no position covers. Saved, it loads as soon as the layers of this
        module have been imported from `dcgan.deconvolution`.

    Raises:
        UserError: the model has another form than that, or no such class.
    """
    _check(discriminator)
    _check_label(discriminator, label)
    graph = keras.Model(discriminator.inputs, discriminator.outputs, name=discriminator.name)
    layers = {id(layer): _for_any_size(layer, label) for layer in graph.layers}
    height, width, channels = discriminator.inputs[0].shape[1:]
    # First over an image of the discriminator's own size, where every dense layer learns how large its map is.
    for size in ((height, width), (None, None)):
        image = keras.Input((*size, channels), dtype=discriminator.inputs[0].dtype, name=discriminator.inputs[0].name)
        result = _rebuilt(graph, image, layers)
    return keras.Model(image, result.outputs[0], name=f"fully_convolutional_{discriminator.name}")


@keras.saving.register_keras_serializable("dcgan")
class DenseConvolution(keras.layers.Layer):
    """A dense layer that slides: the convolution, without padding, that a dense layer over a flattened map is.

    Input: (N, H, W, C), at least as large as the window. Output: (N, H − h + 1, W − w + 1, units). The weights are
    those of `keras.layers.Dense`: kernel (h·w·C, units), bias (units,).

    Args:
        units: outputs a position.
        window: (h, w) of the map that the dense layer covers; None takes the size of the first input.
        use_bias: whether there is a bias.
        activation: as for `keras.layers.Dense`.
    """

    def __init__(self, units: int, window=None, use_bias: bool = True, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.use_bias = units, use_bias
        self.window = None if window is None else pair(window, "The window")
        self.activation = keras.activations.get(activation)
        self.kernel = self.bias = None

    @classmethod
    def sharing(cls, dense: keras.layers.Dense) -> "DenseConvolution":
        """The convolution with the weights of a built dense layer: the same variables, no copies."""
        layer = cls(dense.units, None, dense.use_bias, dense.activation, name=dense.name, dtype=dense.dtype_policy)
        layer.kernel, layer.bias = dense.kernel, dense.bias
        layer.trainable = dense.trainable
        return layer

    def build(self, input_shape: tuple) -> None:
        self.window = self.window or pair(input_shape[1:3], "The window")
        if self.kernel is None:
            inputs = self.window[0] * self.window[1] * input_shape[3]
            self.kernel = self.add_weight((inputs, self.units), name="kernel")
            self.bias = self.add_weight((self.units,), "zeros", name="bias") if self.use_bias else None

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        self._check_covered(inputs.shape)
        kernel = tf.reshape(self.kernel, (*self.window, inputs.shape[3], self.units))
        result = tf.nn.conv2d(inputs, kernel, strides=1, padding="VALID")
        result = result if self.bias is None else tf.nn.bias_add(result, tf.convert_to_tensor(self.bias))
        return self.activation(result)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        window = self.window or input_shape[1:3]
        self._check_covered(input_shape)
        sides = [None if side is None else side - w + 1 for side, w in zip(input_shape[1:3], window, strict=True)]
        return (input_shape[0], *sides, self.units)

    def _check_covered(self, shape: tuple) -> None:
        if self.window and any(side is not None and side < w for side, w in zip(shape[1:3], self.window, strict=True)):
            raise UserError("The image is smaller than the discriminator's own.", "Pad it, or take a larger one.")

    def get_config(self) -> dict:
        activation = keras.activations.serialize(self.activation)
        own = {"units": self.units, "window": self.window, "use_bias": self.use_bias, "activation": activation}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("dcgan")
class ClassChannel(keras.layers.Layer):
    """One class's map of many, or a map of zeros: what is left of a product with a class vector that is settled.

    Input: (N, H, W, classes). Output: (N, H, W, 1).

    Args:
        label: which channel; None for zeros.
    """

    def __init__(self, label: int | None, **kwargs):
        super().__init__(**kwargs)
        self.label = None if label is None else operator.index(label)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if self.label is None:
            return tf.zeros_like(inputs[..., :1])
        return inputs[..., self.label : self.label + 1]

    def get_config(self) -> dict:
        return {**super().get_config(), "label": self.label}


@keras.saving.register_keras_serializable("dcgan")
class PointwiseBatchNorm(keras.layers.Layer):
    """The BatchNorm behind a dense layer, at every position of maps.

    Input and output: (N, H, W, C).

    Args:
        layer: the BatchNorm of features (N, C) itself, not a copy.
    """

    def __init__(self, layer: keras.layers.BatchNormalization, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: tuple) -> None:
        if not self.layer.built:
            self.layer.build((None, input_shape[3]))
        if self.layer.moving_mean.shape[0] != input_shape[3]:
            raise ValueError(f"{self.layer.name!r} is of places and maps together, and behind no dense layer.")

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask=None) -> tf.Tensor:
        rows = self.layer(tf.reshape(inputs, (-1, inputs.shape[3])), training=training)
        return tf.reshape(rows, tf.shape(inputs))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict) -> "PointwiseBatchNorm":
        return cls(keras.saving.deserialize_keras_object(config.pop("layer")), **config)


def _rebuilt(graph: keras.Model, image: keras.KerasTensor, layers: dict[int, keras.layers.Layer]) -> keras.Model:
    """The same graph over another image, with other layers in the places of its own; no class is read any more."""
    kinds = [keras.Input(kind.shape[1:], dtype=kind.dtype, name=kind.name) for kind in graph.inputs[1:]]

    def call(layer: keras.layers.Layer, inputs, **options):
        return layer(_maps_of(inputs) if isinstance(layer, ClassChannel) else inputs, **options)

    try:
        return keras.models.clone_model(graph, [image, *kinds], lambda layer: layers[id(layer)], call)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise UserError(f"The model {graph.name!r} can't be made fully convolutional: {reason}") from error


def _maps_of(inputs: list[keras.KerasTensor]) -> keras.KerasTensor:
    """The one of a product's factors that comes from the image."""
    return next(factor for factor in inputs if len(factor.shape) == 4)


def _for_any_size(layer: keras.layers.Layer, label: int | None) -> keras.layers.Layer:
    """What takes a layer's place."""
    if isinstance(layer, keras.layers.Dot):
        return ClassChannel(label, name=layer.name, dtype=layer.dtype_policy)
    if isinstance(layer, keras.layers.Dense) and len(layer.input.shape) == 2:
        return DenseConvolution.sharing(layer)
    if isinstance(layer, keras.layers.BatchNormalization) and len(layer.input.shape) == 2:
        return PointwiseBatchNorm(layer, name=layer.name, dtype=layer.dtype_policy)
    if isinstance(layer, keras.layers.Flatten):
        return keras.layers.Identity(name=layer.name, dtype=layer.dtype_policy.name)
    return layer


def _check(model: keras.Model) -> None:
    """Refuse what can't be converted, and say why."""
    if not isinstance(model, keras.Model) or not model.built or not getattr(model, "inputs", None):
        raise UserError("Only a built functional or sequential Keras model can be made fully convolutional.")
    if len(model.inputs[0].shape) != 4 or None in model.inputs[0].shape[1:]:
        raise UserError("The model needs one input (N, H, W, C) of known size.")
    products = [layer for layer in model.layers if isinstance(layer, keras.layers.Dot)]
    if len(model.inputs) > 2 or len(products) != len(model.inputs) - 1 or not all(map(_judges_classes, products)):
        raise UserError(
            "A second input has to be a class (N, classes), and to meet the image's features in one Dot layer.",
            "dcgan.networks.build_discriminator(…, classes=K) builds one like that.",
        )
    if len(model.outputs) != 1:
        raise UserError("The model needs one output.")
    for layer in model.layers:
        if isinstance(layer, BOUND_TO_A_SIZE) or isinstance(getattr(layer, "layer", None), keras.layers.Dense):
            raise UserError(f"The layer {layer.name!r}, a {type(layer).__name__}, has no meaning for other sizes.")
        if getattr(layer, "data_format", None) == "channels_first":
            raise UserError(f"The layer {layer.name!r} has its channels first.", "Build the model with channels last.")


def _judges_classes(product: keras.layers.Dot) -> bool:
    """Whether a product is that of a dense layer's classes and the class that is asked for, which is an input."""
    sources = [factor._keras_history.operation for factor in product.input]
    kinds = [isinstance(source, keras.layers.InputLayer) for source in sources]
    return sorted(kinds) == [False, True] and all(len(factor.shape) == 2 for factor in product.input)


def _check_label(model: keras.Model, label: int | None) -> None:
    """Refuse a class that the discriminator doesn't know."""
    if label is None:
        return
    if len(model.inputs) == 1:
        raise UserError(f"The model {model.name!r} is not conditional: it knows no class {label}.", "Leave it out.")
    classes = model.inputs[1].shape[1]
    if label not in range(classes):
        raise UserError(f"There is no class {label!r}.", f"The model {model.name!r} knows 0 to {classes - 1}.")
