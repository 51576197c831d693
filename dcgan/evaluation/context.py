"""One evaluation: drawn, real and held-out pictures and their features, each made when it is first needed."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.evaluation.classifier import accuracy, load_classifier
from dcgan.evaluation.features import (
    CLASSIFIER,
    INCEPTION,
    Extractor,
    classifier_features_from,
    extract,
    file_features,
    inception_features,
)
from dcgan.evaluation.samples import Samples
from dcgan.evaluation.splits import Splits, digit_config, load_splits, random_subset
from dcgan.runs import Run


@dataclass(frozen=True, eq=False)
class EvaluationContext:
    """What is compared with what.

    Args:
        samples: the drawn pictures.
        reference: the real ones.
        data: the options that `load_splits` was loaded with.
        count: how many drawn pictures, and how many training images beside them.
        features: which extractor: `classifier`, `inception` or a file.
        run: where the pictures were drawn by a run.
    """

    samples: Samples
    reference: Splits
    data: DataConfig
    count: int
    features: str = CLASSIFIER
    run: Run | None = None

    @property
    def held_out(self) -> np.ndarray:
        """uint8 (M, H, W, C): what both others are compared with."""
        return self.reference.held_out.images

    @cached_property
    def drawn(self) -> np.ndarray:
        """uint8 (count, H, W, C)."""
        return self.samples.take(self.count)

    @cached_property
    def real(self) -> np.ndarray:
        """uint8 (count, H, W, C): training images, chosen at random."""
        return random_subset(self.reference.training, self.count)[0]

    @cached_property
    def drawn_features(self) -> np.ndarray:
        """float32 (count, D)."""
        return self.extractor(self.drawn)

    @cached_property
    def real_features(self) -> np.ndarray:
        """float32 (count, D)."""
        return self.extractor(self.real)

    @cached_property
    def held_out_features(self) -> np.ndarray:
        """float32 (M, D)."""
        return self.extractor(self.held_out)

    @property
    def stacked(self) -> bool:
        """Whether every channel of a picture is a digit."""
        return self.data.dataset == "stacked_mnist"

    @cached_property
    def learnt(self) -> Splits:
        """What the classifier learns from and is tested on: for stacked MNIST, single digits."""
        return load_splits(digit_config(self.data)) if self.stacked else self.reference

    @cached_property
    def classifier(self):
        """The classifier of the data set's labels (or of digits), trained once."""
        return load_classifier(self.learnt.training, self.data.cache_dir)

    @cached_property
    def classifier_accuracy(self) -> float:
        """The part of the held-out images, in [0, 1], that it classifies rightly."""
        return accuracy(extract(self.classifier, self.learnt.held_out.images), self.learnt.held_out.labels)

    @cached_property
    def extractor(self) -> Extractor:
        """What `features` names."""
        height, width, channels = self.samples.shape
        if self.features == CLASSIFIER:
            return classifier_features_from(self.classifier, each_channel=self.stacked)
        if self.features == INCEPTION:
            return inception_features()
        return file_features(Path(self.features), (height, width), channels)


def build_context(
    samples: Samples, real: Splits, data: DataConfig, num: int, features: str, run: Run | None = None
) -> EvaluationContext:
    """Settle how many pictures are compared: `num`, or as many as there are drawn or training images.

    The figures of few images are worse than those of many, so both sides have the same number.

    Raises:
        UserError: the pictures are not of the data set's size, or there are fewer than two.
    """
    if samples.shape != real.held_out.images.shape[1:]:
        ours, theirs = ("x".join(map(str, shape)) for shape in (samples.shape, real.held_out.images.shape[1:]))
        raise UserError(f"The pictures are {ours}, and the data set's images {theirs}.", "Change --image-size.")
    count = min(num, len(real.training), samples.available or num)
    if count < 2:
        small = len(real.training) < 2
        hint = f"The data set is too small: {real.words}" if small else "Draw more with --num, or take more --images."
        raise UserError("There are fewer than two pictures to compare.", hint)
    return EvaluationContext(samples, real, data, count, features, run)
