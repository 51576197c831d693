"""One evaluation: generated, real and held-out images and their features, each computed on first use."""

from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np

from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.core.sizes import format_shape
from dcgan.evaluation.classifier import accuracy, load_classifier
from dcgan.evaluation.features import (
    CLASSIFIER,
    Extractor,
    classifier_features_from,
    extract,
    named_features,
)
from dcgan.evaluation.samples import Samples
from dcgan.evaluation.splits import Splits, random_subset
from dcgan.runs import Run


@dataclass(frozen=True, eq=False)
class EvaluationContext:
    """Everything a metric can use; use `build_context`, which validates it.

    Args:
        samples: the generated images.
        splits: the real images.
        data: options that `splits` was loaded with.
        count: number of generated images, and of real images beside them.
        features: feature extractor: `classifier`, `inception` or a file.
        run: the run that generated the images; None for images from a file.
    """

    samples: Samples
    splits: Splits
    data: DataConfig
    count: int
    features: str = CLASSIFIER
    run: Run | None = None

    @property
    def held_out(self) -> np.ndarray:
        """Held-out images, uint8 (M, H, W, C), that generated and reference images are compared with."""
        return self.splits.held_out.images

    @cached_property
    def generated(self) -> np.ndarray:
        """Generated images, uint8 (count, H, W, C)."""
        return self.samples.take(self.count)

    @cached_property
    def real(self) -> np.ndarray:
        """Random images of the real reference, uint8 (count, H, W, C), which the classifier was not trained on."""
        return random_subset(self.splits.reference, self.count)[0]

    @cached_property
    def generated_features(self) -> np.ndarray:
        """Features of `generated`, float32 (count, D)."""
        return self.extractor(self.generated)

    @cached_property
    def real_features(self) -> np.ndarray:
        """Features of `real`, float32 (count, D)."""
        return self.extractor(self.real)

    @cached_property
    def held_out_features(self) -> np.ndarray:
        """Features of `held_out`, float32 (M, D)."""
        return self.extractor(self.held_out)

    @property
    def is_stacked(self) -> bool:
        """Whether every channel of an image is a digit of its own, as in stacked MNIST."""
        return self.data.dataset == "stacked_mnist"

    @property
    def is_flipped(self) -> bool:
        """Whether the run was trained with `--flip`, so on the mirror images of its training images as well."""
        return self.run is not None and self.run.config_file.exists() and self.run.config().flip

    @cached_property
    def classifier(self) -> keras.Model:
        """Classifier of the dataset's labels (or of digits), trained once, on none of the images it measures with."""
        return load_classifier(self.splits.classifier, self.data.cache_dir)

    @cached_property
    def classifier_accuracy(self) -> float:
        """Accuracy of the classifier on its held-out images, in [0, 1]."""
        held_out = (self.splits.digits or self.splits).held_out
        assert held_out.labels is not None  # `classifier` was trained on the same dataset's labels
        return accuracy(extract(self.classifier, held_out.images), held_out.labels)

    @cached_property
    def extractor(self) -> Extractor:
        """Feature extractor that `features` names."""
        height, width, channels = self.samples.shape
        if self.features == CLASSIFIER:
            return classifier_features_from(self.classifier, each_channel=self.is_stacked)
        return named_features(self.features, (height, width), channels, self.data.cache_dir)


def build_context(
    samples: Samples, splits: Splits, data: DataConfig, num: int, features: str, run: Run | None = None
) -> EvaluationContext:
    """Build a context with equally many generated and reference images.

    Distances depend on the number of images, so both sides use the same number: `num`, or fewer where fewer exist.

    Args:
        samples: as for `EvaluationContext`.
        splits: as for `EvaluationContext`.
        data: as for `EvaluationContext`.
        num: maximum number of images.
        features: as for `EvaluationContext`.
        run: as for `EvaluationContext`.

    Returns:
        The context; no image is generated yet.

    Raises:
        UserError: the images do not have the size of the dataset's, or there are fewer than two.
    """
    if samples.shape != splits.held_out.images.shape[1:]:
        ours, theirs = format_shape(samples.shape), format_shape(splits.held_out.images.shape[1:])
        raise UserError(
            f"The images to evaluate are {ours}, but the dataset's images are {theirs}.", "Change --image-size."
        )
    count = min(num, len(splits.reference), samples.available or num)
    if count < 2:
        too_small = len(splits.reference) < 2
        hint = f"The dataset is too small: {splits.description}" if too_small else "Increase --num or add --images."
        raise UserError("There are fewer than two images to evaluate.", hint)
    return EvaluationContext(samples, splits, data, count, features, run)
