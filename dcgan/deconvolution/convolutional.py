"""A discriminator for one size of image, turned into one for every size."""

import keras
import tensorflow as tf

from dcgan.deconvolution.arithmetic import pair
from dcgan.errors import UserError

BOUND_TO_A_SIZE = (
    keras.layers.Reshape,
    keras.layers.Permute,
    keras.layers.RepeatVector,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.Model,
)
"""Layers that mean something else, or nothing, on a larger map; a model within a model hides such layers."""


def fully_convolutional(discriminator: keras.Model) -> keras.Model:
    """Make of a discriminator a network for images of any size, which judges every part of them.

    A dense layer over a flattened map is a convolution whose kernel is as large as that map, with the same weights
    (Long, Shelhamer and Darrell 2015, section 3.1); dense layers after it are convolutions of 1×1. All other layers
    stay what they are.

    The result *shares* its weights with the discriminator, and allocates none: train one and the other changes. On the
    discriminator's own size the two agree to rounding. On a larger image the result is equivariant to shifts by its
    stride, 2 to the number of halvings, wherever it reads no padding; it is not what the discriminator says to crops of
    the image, since a crop's border reads padding where the whole image has pixels.

    Args:
        discriminator: a built model with one input (N, H, W, C) of known size and one output (N, units), made of
            convolutions, local pooling, normalisation, activations, merges, and then Flatten and Dense layers.
            Several paths may meet in it.

    Returns:
        A model from (N, any height, any width, C) to (N, h, w, units), in the same scale as the discriminator's output.
        A discriminator for 64×64 with a stride of 16 gives h = ⌈height / 16⌉ − 3. It raises UserError for an image
        smaller than the discriminator's own, which no position covers. Saved, it loads as soon as `DenseConvolution`
        has been imported from `dcgan.deconvolution`.

    Raises:
        UserError: the model has another form than that.
    """
    _check(discriminator)
    graph = keras.Model(discriminator.inputs, discriminator.outputs, name=discriminator.name)
    layers = {id(layer): _for_any_size(layer) for layer in graph.layers}
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


def _rebuilt(graph: keras.Model, image: keras.KerasTensor, layers: dict[int, keras.layers.Layer]) -> keras.Model:
    """The same graph over another input, with other layers in the places of its own."""
    try:
        return keras.models.clone_model(graph, [image], clone_function=lambda layer: layers[id(layer)])
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise UserError(f"The model {graph.name!r} can't be made fully convolutional: {reason}") from error


def _for_any_size(layer: keras.layers.Layer) -> keras.layers.Layer:
    """What takes a layer's place."""
    if isinstance(layer, keras.layers.Dense) and len(layer.input.shape) == 2:
        return DenseConvolution.sharing(layer)
    if isinstance(layer, keras.layers.Flatten):
        return keras.layers.Identity(name=layer.name, dtype=layer.dtype_policy.name)
    return layer


def _check(model: keras.Model) -> None:
    """Refuse what can't be converted, and say why."""
    if not isinstance(model, keras.Model) or not model.built or not getattr(model, "inputs", None):
        raise UserError("Only a built functional or sequential Keras model can be made fully convolutional.")
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4 or None in model.inputs[0].shape[1:]:
        raise UserError("The model needs one input (N, H, W, C) of known size.")
    if len(model.outputs) != 1:
        raise UserError("The model needs one output.")
    for layer in model.layers:
        if isinstance(layer, BOUND_TO_A_SIZE) or isinstance(getattr(layer, "layer", None), keras.layers.Dense):
            raise UserError(f"The layer {layer.name!r}, a {type(layer).__name__}, has no meaning for other sizes.")
        if getattr(layer, "data_format", None) == "channels_first":
            raise UserError(f"The layer {layer.name!r} has its channels first.", "Build the model with channels last.")
