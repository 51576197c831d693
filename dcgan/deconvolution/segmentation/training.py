"""Training segmenters on canvases that are rendered on demand, from coarse to fine strides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
from tqdm import tqdm

from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.core.streams import shows_progress
from dcgan.deconvolution.fcn import recompute_bn_statistics
from dcgan.deconvolution.segmentation.canvases import Canvases
from dcgan.deconvolution.segmentation.evaluation import HELD_OUT, measure
from dcgan.deconvolution.segmentation.network import build_segmenter, build_trunk, copy_shared_weights

STEPS, BATCH, LEARNING_RATE = 400, 8, 2e-3

_STATISTICS_CANVASES = 64
"""Number of canvases for the BatchNorm statistics of a frozen trunk."""


@dataclass(frozen=True, eq=False)
class LadderStep:
    """The result of one step from coarse to fine.

    Args:
        stride: stride of the finest map that is scored.
        steps: number of training steps, including those of the coarser strides before it.
        mean_iou: mean IoU on held-out canvases, in [0, 1].
        model: the segmenter after this step.
    """

    stride: int
    steps: int
    mean_iou: float
    model: keras.Model


def train_ladder(
    discriminator: keras.Model,
    canvases: Canvases,
    held_out: Canvases,
    strides: Sequence[int] = (32, 16, 8),
    steps: int = STEPS,
    frozen: bool = False,
    test_canvases: int = HELD_OUT,
    **options: Any,
) -> list[LadderStep]:
    """Train FCN-32s, FCN-16s from it and FCN-8s from that, and evaluate each (Long et al. 2015, section 4.2, table 2).

    Every stride is trained for the same number of steps, on canvases that no earlier stride has seen. Weights, canvases
    and their order are functions of the arguments.

    Args:
        discriminator: model whose convolutions are the trunk, trained or not; it is copied, not changed.
        canvases: training data.
        held_out: test data, of other digits.
        strides: falling strides; the first is the trunk's coarsest.
        steps: training steps per stride.
        frozen: whether the trunk's weights are fixed and its BatchNorm statistics are computed from the canvases before
            training, so that only score and upsampling layers learn from the discriminator's features.
        test_canvases: number of held-out canvases.
        **options: `batch_size` and `learning_rate` of `train_segmenter`.

    Returns:
        One result per stride. The models share no weights.

    Raises:
        UserError: the strides do not fall, or are not the trunk's.
    """
    if list(strides) != sorted(set(strides), reverse=True):
        raise UserError(
            f"The strides are {tuple(strides)}.", "Use falling strides from the trunk's coarsest on, such as 32, 16, 8."
        )
    results, coarser = [], None
    for done, stride in enumerate(strides):
        trunk = build_trunk(discriminator)
        if frozen:
            recompute_bn_statistics(trunk, canvases.make(range(_STATISTICS_CANVASES))[0])
            trunk.trainable = False
        model = build_segmenter(trunk, canvases.classes, stride)
        if coarser is not None:
            copy_shared_weights(model, coarser)
        train_segmenter(model, canvases, steps, first_step=done * steps, **options)
        results.append(LadderStep(stride, (done + 1) * steps, measure(model, held_out, test_canvases), model))
        coarser = model
    return results


def train_segmenter(
    model: keras.Model,
    canvases: Canvases,
    steps: int = STEPS,
    batch_size: int = BATCH,
    learning_rate: float = LEARNING_RATE,
    first_step: int = 0,
) -> list[float]:
    """Train a segmenter on the cross-entropy of every pixel, with Adam and a cosine decay of the learning rate to 0.

    Args:
        model: model of `build_segmenter`; it is changed in place.
        canvases: training data; step n sees canvases from n · `batch_size` on.
        steps: number of training steps.
        batch_size: canvases per step.
        learning_rate: initial learning rate.
        first_step: number of the first step, 0 unless the canvases of earlier steps were used already.

    Returns:
        The mean cross-entropy per pixel of every step.
    """
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    schedule: Any = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    compile_options: Any = {"jit_compile": False}
    model.compile(keras.optimizers.Adam(schedule), loss, **compile_options)
    losses = []
    numbers = range(first_step, first_step + steps)
    for step in tqdm(numbers, f"Training {model.name}", leave=False, disable=not shows_progress()):
        images, truth = canvases.make(range(step * batch_size, (step + 1) * batch_size))
        model.reset_metrics()  # Keras would return the mean over all steps so far
        losses.append(float(model.train_on_batch(to_float(images), truth)))
    return losses
