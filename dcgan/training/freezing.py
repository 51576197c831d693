"""Frozen first layers of a discriminator (Mo et al. 2020, "Freeze the Discriminator: a Simple Baseline for Fine-Tuning
GANs")."""

import keras

from dcgan.core.errors import UserError

OUTPUT_LAYERS = ("logit", "class_embedding")
"""The layers that turn features into a logit, which are always trained."""


def first_layers(discriminator: keras.Model, count: int) -> list[keras.layers.Layer]:
    """Return the first layers of a discriminator, counted from the image, each with the BatchNorm that follows it.

    Args:
        discriminator: as `dcgan.networks.build_discriminator` returns it: its layers are the convolutions and the
            hidden layer.
        count: number of layers, without counting BatchNorm.

    Returns:
        The layers with weights, in their order.

    Raises:
        UserError: it has fewer layers before its output.
    """
    groups: list[list[keras.layers.Layer]] = []
    for layer in discriminator.layers:
        if not layer.weights or layer.name in OUTPUT_LAYERS:
            continue
        if groups and isinstance(layer, keras.layers.BatchNormalization):
            groups[-1].append(layer)
        else:
            groups.append([layer])
    if count > len(groups):
        raise UserError(
            f"--freeze-d {count} is more than the {len(groups)} layers of this discriminator before its logit.",
            f"Use --freeze-d {len(groups)} or less.",
        )
    return [layer for group in groups[:count] for layer in group]


def freeze_first_layers(discriminator: keras.Model, count: int) -> None:
    """Make the first layers of a discriminator a fixed function: no step changes anything in them.

    Their BatchNorm neither learns scale and shift nor follows the batches: it normalizes with the statistics that it
    has, in training as in inference. Otherwise the features of one image would still depend on the images beside it,
    and on whether those are real.

    Args:
        discriminator: as for `first_layers`; build its optimizer afterwards.
        count: number of layers; 0 freezes none.

    Raises:
        UserError: as for `first_layers`.
    """
    for layer in first_layers(discriminator, count):
        layer.trainable = False
