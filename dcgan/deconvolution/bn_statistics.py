"""BatchNorm's statistics, taken anew from the images that a network is about to be asked about."""

import keras
import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.deconvolution.fcn import PointwiseBatchNorm


def recompute_bn_statistics(model: keras.Model, images: np.ndarray) -> None:
    """Make the moving averages of every BatchNorm layer those of one batch of images; the weights stay what they are.

    A discriminator is trained with the statistics of each batch, the real and the drawn ones apart. The averages that
    it keeps are of the last batches of both, gathered while its weights moved, and asked with them it may call
    everything drawn, or everything real. Behind the dense layers of a fully convolutional network the averages stay
    all the same: most of its positions are on no image, but between two.

    Args:
        model: whose first input are images; it is changed in place. Others, the classes of a conditional
            discriminator, are filled with zeros: no BatchNorm lies behind them.
        images: uint8 (N, H, W, C), a few dozen at least, in one batch.

    Raises:
        UserError: there are no images.
    """
    if np.ndim(images) != 4 or not len(images):
        raise UserError(f"Statistics can't be taken of images {np.shape(images)}.", "They are uint8 (N, H, W, C).")
    # How much of the averages so far stays: nothing, and behind dense layers all of it.
    norms = {layer: 0.0 for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)}
    norms |= {layer.layer: 1.0 for layer in model.layers if isinstance(layer, PointwiseBatchNorm)}
    momenta = {layer: layer.momentum for layer in norms}
    kinds = [np.zeros((len(images), kind.shape[1]), np.float32) for kind in model.inputs[1:]]
    pixels = np.asarray(to_float(images))
    try:
        for layer, momentum in norms.items():
            layer.momentum = momentum
        model([pixels, *kinds] if kinds else pixels, training=True)
    finally:
        for layer, momentum in momenta.items():
            layer.momentum = momentum
