"""The sequence of layers between a model's input image and one of its layers."""

from collections.abc import Sequence
from typing import Any

import keras

from dcgan.core.errors import UserError


def layers_to(model: keras.Model, name: str) -> list[keras.layers.Layer]:
    """Return the layers from a model's first input to one of its layers, in the order of the forward pass.

    Args:
        model: functional or sequential model; its first input is the image.
        name: name of the last layer.

    Returns:
        At least one layer, without the input layer. The output of each is the input of the next.

    Raises:
        UserError: the layer does not exist, a layer before it has several inputs, or it does not depend on the image.
    """
    outputs = _layer_outputs(model)
    if name not in outputs:
        inputs = [_producer(tensor)[0] for tensor in model.inputs]
        known = [layer.name for layer in model.layers if layer.name in outputs and layer not in inputs]
        raise UserError(f"The model {model.name!r} has no layer {name!r}.", f"Its layers: {', '.join(known)}.")
    path, tensor = [], outputs[name]
    while (produced := _producer(tensor))[1]:
        layer, inputs = produced
        if len(inputs) > 1:
            raise UserError(
                f"The layer {layer.name!r} has several inputs.", "Use a layer that depends on the image alone."
            )
        path.append(layer)
        (tensor,) = inputs
    if tensor is not model.inputs[0] or not path:
        raise UserError(f"The layer {name!r} does not depend on the image.", "Use a convolution or a layer after one.")
    return path[::-1]


def check_channels_last(layer: Any) -> None:
    """Check that a layer has the channels in the last axis.

    Args:
        layer: a layer; without a `data_format` it passes.

    Raises:
        UserError: the channels are in the first axis.
    """
    if getattr(layer, "data_format", None) == "channels_first":
        raise UserError(f"The layer {layer.name!r} has its channels first.", "Build the model with channels last.")


def convolution_stages(model: keras.Model) -> list[str]:
    """List the convolution stages: a convolution and the layers after it, up to the next convolution or flattening.

    Args:
        model: functional or sequential model; its first input is the image (N, H, W, C).

    Returns:
        The name of each stage's last layer, starting from the image.

    Raises:
        UserError: there is no convolution, or `layers_to` refuses the last feature map.
    """
    ends = []
    for layer in layers_to(model, _last_map(model)):
        if isinstance(layer, keras.layers.Conv2D):
            ends.append(layer.name)
        elif ends:
            ends[-1] = layer.name
    if not ends:
        raise UserError(f"The model {model.name!r} has no convolution.")
    return ends


def resolve_layer(model: keras.Model, text: str | None) -> str:
    """Return the name of the layer that an option's value selects.

    Args:
        model: functional or sequential model; its first input is the image (N, H, W, C).
        text: name of a layer, number of a convolution stage from 0, or None for the last stage.

    Returns:
        The name of a layer; a name given as `text` is returned unchecked.

    Raises:
        UserError: there is no stage with that number.
    """
    if text is not None and not text.isdecimal():
        return text
    ends = convolution_stages(model)
    if text is None:
        return ends[-1]
    number = int(text) if len(text) < 10 else len(ends)  # Python converts no text of thousands of digits
    if number >= len(ends):
        raise UserError(
            f"There is no convolution stage {text}.", f"Use a stage from 0 to {len(ends) - 1}, or a layer's name."
        )
    return ends[number]


def _last_map(model: keras.Model) -> str:
    """The layer whose output is the last feature map (N, h, w, C) before the model's output."""
    tensor = model.outputs[0]
    layer, inputs = _producer(tensor)
    while inputs and len(tensor.shape) != 4:
        tensor = inputs[0]
        layer, inputs = _producer(tensor)
    return layer.name


def _layer_outputs(model: keras.Model) -> dict[str, Any]:
    """The output tensor of each layer within this model; the layer may have other outputs in other models."""
    found, waiting = {}, list(model.outputs)
    while waiting:
        tensor = waiting.pop()
        layer, inputs = _producer(tensor)
        if layer.name not in found:
            found[layer.name] = tensor
            waiting.extend(inputs)
    return found


def _producer(tensor: Any) -> tuple[keras.layers.Layer, Sequence[Any]]:
    """The layer whose output a tensor is, and that layer's inputs; no inputs for an input layer."""
    history = tensor._keras_history  # Keras walks its graph by it, too; `layer.input` is the input of its first use
    return history.operation, history.operation._inbound_nodes[history.node_index].input_tensors
