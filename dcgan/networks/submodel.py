"""The layers that an image passes on its way to a place in a network."""

from collections.abc import Sequence

import keras

from dcgan.core.errors import UserError

Tensor = keras.KerasTensor


def layers_to(model: keras.Model, name: str) -> list[keras.layers.Layer]:
    """The layers from a model's first input to one of its layers, in the order of the forward pass.

    Args:
        model: functional or sequential; its first input is the image.
        name: of the last layer of the path.

    Returns:
        At least one layer, without the input itself. Each takes what the one before it gives.

    Raises:
        UserError: there is no such layer, a layer before it has several inputs, or the image does not lead to it.
    """
    outputs = _outputs(model)
    if name not in outputs:
        known = [layer.name for layer in model.layers if layer.name in outputs and layer not in _entrances(model)]
        raise UserError(f"There is no layer {name!r}.", f"Layers: {', '.join(known)}.")
    path, tensor = [], outputs[name]
    while (made := _made_by(tensor))[1]:
        layer, inputs = made
        if len(inputs) > 1:
            raise UserError(f"The layer {layer.name!r} has several inputs.", "Choose one that only the image leads to.")
        path.append(layer)
        (tensor,) = inputs
    if tensor is not model.inputs[0] or not path:
        raise UserError(f"The image does not lead to the layer {name!r}.", "Choose one behind a convolution.")
    return path[::-1]


def convolution_stages(model: keras.Model) -> list[str]:
    """The convolution stages: a convolution and what follows it, up to the next one or the end of the maps.

    Args:
        model: functional or sequential; its first input is the image (N, H, W, C).

    Returns:
        The name of every stage's last layer, from the image on.

    Raises:
        UserError: there is no convolution, or `layers_to` finds no way to the last map.
    """
    ends = []
    for layer in layers_to(model, _last_map(model)):
        if isinstance(layer, keras.layers.Conv2D):
            ends.append(layer.name)
        elif ends:
            ends[-1] = layer.name
    if not ends:
        raise UserError(f"The network {model.name!r} has no convolution.")
    return ends


def resolve_layer(model: keras.Model, text: str | None) -> str:
    """The layer that a person means: a name, the number of a convolution stage from 0 on, or None for the last stage.

    Raises:
        UserError: there is no such stage; a name is not checked.
    """
    if text is not None and not text.isdecimal():
        return text
    ends = convolution_stages(model)
    number = len(ends) - 1 if text is None else int(text)
    if number >= len(ends):
        raise UserError(f"There is no convolution stage {number}.", f"Stages: 0 to {len(ends) - 1}, or a layer's name.")
    return ends[number]


def _last_map(model: keras.Model) -> str:
    """The layer whose map, (N, h, w, C), the model's output is computed from."""
    layer, inputs = _made_by(model.outputs[0])
    tensor = model.outputs[0]
    while inputs and len(tensor.shape) != 4:
        tensor = inputs[0]
        layer, inputs = _made_by(tensor)
    return layer.name


def _outputs(model: keras.Model) -> dict[str, Tensor]:
    """By layer, the tensor it makes in this model; a layer may make others in other models."""
    found, waiting = {}, list(model.outputs)
    while waiting:
        tensor = waiting.pop()
        layer, inputs = _made_by(tensor)
        if layer.name not in found:
            found[layer.name] = tensor
            waiting.extend(inputs)
    return found


def _made_by(tensor: Tensor) -> tuple[keras.layers.Layer, Sequence[Tensor]]:
    """The layer that makes a tensor, and what it makes it of; nothing for an input."""
    history = tensor._keras_history  # what Keras itself walks a graph by; `layer.input` is that of its first use
    return history.operation, history.operation._inbound_nodes[history.node_index].input_tensors


def _entrances(model: keras.Model) -> list[keras.layers.Layer]:
    """The model's input layers."""
    return [_made_by(tensor)[0] for tensor in model.inputs]
