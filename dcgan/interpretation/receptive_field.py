"""Which pixels a unit of a network sees."""

import keras

from dcgan.deconvolution.arithmetic import zeros_before
from dcgan.interpretation.deconvnet import Recording


def receptive_field(recording: Recording, place: int) -> tuple[range, range]:
    """The rows and columns of the image that a unit of a recording's last layer reads.

    Args:
        recording: of any images.
        place: of the unit in its map, `row · width + column`; behind the maps, a unit sees the whole image.

    Returns:
        Rows and columns; some may lie outside the image, in the padding.
    """
    whole = tuple(range(side) for side in recording.values[0].shape[1:3])
    if len(recording.activations.shape) != 4:
        return whole
    spans = tuple(range(at, at + 1) for at in divmod(int(place), recording.activations.shape[2]))
    for layer, inputs, _ in recording.backward():
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.MaxPooling2D)):
            spans = tuple(_read(layer, span, inputs.shape[1 + axis], axis) for axis, span in enumerate(spans))
    return spans


def _read(layer, span: range, side: int, axis: int) -> range:
    """The inputs, along one axis of `side`, that a span of a layer's outputs reads."""
    window = layer.kernel_size if isinstance(layer, keras.layers.Conv2D) else layer.pool_size
    window, stride = window[axis], layer.strides[axis]
    first = span.start * stride - zeros_before(side, window, stride, layer.padding)
    return range(first, first + (len(span) - 1) * stride + window)
