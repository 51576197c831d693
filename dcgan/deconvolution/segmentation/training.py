"""Training segmenters on canvases that are painted as they are needed, and asking them."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from tqdm import tqdm

from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.deconvolution.bn_statistics import recompute_bn_statistics
from dcgan.deconvolution.segmentation.canvases import Canvases
from dcgan.deconvolution.segmentation.network import build_segmenter, build_trunk, coarsest_stride, copy_shared_weights

STEPS, BATCH, LEARNING_RATE = 400, 8, 2e-3
HELD_OUT = 100
"""Canvases that the mean IoU is measured on."""

_AT_ONCE = 8
"""Canvases a forward pass."""
_TYPICAL = 64
"""Canvases that a frozen trunk's BatchNorm statistics are taken from."""


@dataclass(frozen=True, eq=False)
class LadderStep:
    """One step of the ladder from coarse to fine.

    Args:
        stride: of the finest map that is scored.
        steps: of training, those of the rungs before it included.
        mean_iou: on held-out canvases, in [0, 1].
        model: the segmenter as it was then.
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
    **options,
) -> list[LadderStep]:
    """Train FCN-32s, FCN-16s from it, FCN-8s from that, and measure each (Long et al. 2015, section 4.2, table 2).

    Every rung is trained for as long as the one before, on canvases that no rung saw. Weights, canvases and their order
    are functions of the arguments.

    Args:
        discriminator: whose convolutions are the trunk, trained or new; it is copied, and stays what it is.
        canvases: to train on.
        held_out: to measure on, of other digits.
        strides: falling; the trunk's coarsest is the first.
        steps: of training, for each rung.
        frozen: whether the trunk's weights stay what they are, but for BatchNorm's statistics, which are taken from the
            canvases before: then the score layers have to do with the discriminator's features.
        test_canvases: how many held-out canvases are asked for.
        options: of `train_segmenter`: `batch_size`, `learning_rate`.

    Returns:
        A rung a stride. The models share no weights.

    Raises:
        UserError: the strides don't fall, or the trunk has not got them.
    """
    if list(strides) != sorted(set(strides), reverse=True):
        raise UserError(f"The strides are {tuple(strides)}.", "They fall, from the trunk's coarsest on: 32, 16, 8.")
    classes, rungs, model = canvases.classes, [], None
    for done, stride in enumerate(strides):
        trunk = build_trunk(discriminator)
        if frozen:
            recompute_bn_statistics(trunk, canvases.make(range(_TYPICAL))[0])
            trunk.trainable = False
        finer = build_segmenter(trunk, classes, stride)
        if model is not None:
            copy_shared_weights(finer, model)
        model = finer
        train_segmenter(model, canvases, steps, first_step=done * steps, **options)
        rungs.append(LadderStep(stride, (done + 1) * steps, measure(model, held_out, test_canvases), model))
    return rungs


def train_segmenter(
    model: keras.Model,
    canvases: Canvases,
    steps: int = STEPS,
    batch_size: int = BATCH,
    learning_rate: float = LEARNING_RATE,
    first_step: int = 0,
) -> list[float]:
    """Train a segmenter by the cross-entropy of every pixel, with Adam and a rate that falls to 0 as a cosine.

    Args:
        model: of `build_segmenter`; it is changed.
        canvases: to train on; step n sees canvases n · `batch_size` and on.
        steps: how many.
        batch_size: canvases a step.
        learning_rate: the first.
        first_step: number of the first step, 0 unless earlier ones were done already.

    Returns:
        The mean cross-entropy of a pixel, a step each.
    """
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    losses = []
    for step in tqdm(range(first_step, first_step + steps), f"Training {model.name}", leave=False, disable=None):
        images, truth = canvases.make(range(step * batch_size, (step + 1) * batch_size))
        model.reset_metrics()  # Keras would return the mean over the steps so far
        losses.append(float(model.train_on_batch(to_float(images), truth)))
    return losses


def measure(model: keras.Model, canvases: Canvases, count: int = HELD_OUT) -> float:
    """The mean IoU of a segmenter on canvases 0 to `count` − 1, in [0, 1]."""
    table = np.zeros((canvases.classes, canvases.classes), np.int64)
    for start in range(0, count, _AT_ONCE):
        images, truth = canvases.make(range(start, min(start + _AT_ONCE, count)))
        table += confusion(truth, segment(model, images), canvases.classes)
    return mean_iou(table)


def segment(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Label every pixel.

    Args:
        model: of `build_segmenter`.
        images: uint8 (N, H, W, C), of any height and width: black is added at the bottom and on the right up to
            multiples of the model's coarsest stride, and cut off again.

    Returns:
        int64 (N, H, W), the most likely label of every pixel.
    """
    count, height, width, _ = images.shape
    stride = coarsest_stride(model)
    whole = np.pad(images, ((0, 0), (0, -height % stride), (0, -width % stride), (0, 0)))
    parts = [whole[start : start + _AT_ONCE] for start in range(0, count, _AT_ONCE)]
    labels = [np.argmax(model(to_float(part), training=False), axis=-1) for part in parts]
    return np.concatenate(labels)[:, :height, :width]


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count pixels by what they are and what they are taken for.

    Args:
        truth, predicted: whole numbers of one shape, 0 to `classes` − 1.
        classes: how many labels there are.

    Returns:
        int64 (classes, classes); row i, column j counts pixels of label i that were given label j. Tables of parts of
        a set add up to that of the set.

    Raises:
        UserError: the shapes differ, or a label is not below `classes`.
    """
    truth, predicted = np.asarray(truth, np.int64), np.asarray(predicted, np.int64)
    if truth.shape != predicted.shape:
        raise UserError(f"True labels {truth.shape} and predicted ones {predicted.shape} differ in shape.")
    for labels in (truth, predicted):
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            raise UserError(f"A label lies outside of 0 to {classes - 1}.")
    counts = np.bincount(truth.ravel() * classes + predicted.ravel(), minlength=classes**2)
    return counts.reshape(classes, classes)


def mean_iou(table: np.ndarray) -> float:
    """The mean over the labels of |true ∩ predicted| / |true ∪ predicted| (Long et al. 2015, section 5).

    Args:
        table: of `confusion`, over all pixels of a set.

    Returns:
        In [0, 1]; labels that neither occur nor are predicted are left out, and nan stands for no pixels at all.
    """
    both = np.diag(table)
    either = table.sum(axis=0) + table.sum(axis=1) - both
    occurs = either > 0
    return float(np.mean(both[occurs] / either[occurs])) if occurs.any() else float("nan")
