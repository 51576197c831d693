"""Evaluation during training: metrics of the current generator at intervals."""

import keras

from dcgan.config import TrainConfig
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.evaluation.context import build_context
from dcgan.evaluation.distances import frechet_distance, precision_recall
from dcgan.evaluation.features import CLASSIFIER
from dcgan.evaluation.samples import Samples, samples_from_generator
from dcgan.evaluation.splits import load_splits
from dcgan.runs.loading import data_options


class Evaluator:
    """Compares generated images with the same held-out images in the same features on every call.

    Everything needed is loaded here, and the classifier trained if it is not cached, so that missing data is reported
    before training starts.

    Args:
        config: the options of the training.

    Raises:
        UserError: `--features classifier` is used with a dataset without labels.
    """

    def __init__(self, config: TrainConfig):
        splits = load_splits(config)
        if config.features == CLASSIFIER and splits.training.labels is None:
            hint = "Use --features inception or a .keras file, or leave out --evaluate-every."
            raise UserError(f"--evaluate-every needs a dataset with labels, but {config.dataset} has none.", hint)
        samples = Samples("training", splits.held_out.images.shape[1:], lambda count: splits.training.images[:count])
        self._context = build_context(samples, splits, data_options(config, None), config.evaluate_num, config.features)
        self.scale = f"{config.features}, {self._context.count} images"
        """Features and number of images. Only distances with the same scale are comparable."""
        self._real_distance = frechet_distance(self._context.real_features, self._context.held_out_features)

    def __call__(self, generator: keras.Model, classes: Classes | None = None) -> dict[str, float]:
        """Evaluate images 0 to `config.evaluate_num` - 1 of a generator.

        Args:
            generator: as `Run.load_generator` returns it.
            classes: classes of a conditional run.

        Returns:
            `frechet_distance`, `frechet_ratio` to the same distance of as many training images, `precision` and
            `recall`.
        """
        images = samples_from_generator(generator, classes, "training").take(self._context.count)
        generated, held_out = self._context.extractor(images), self._context.held_out_features
        distance = frechet_distance(generated, held_out)
        precision, recall = precision_recall(held_out, generated)
        ratio = distance / self._real_distance
        return {"frechet_distance": distance, "frechet_ratio": ratio, "precision": precision, "recall": recall}
