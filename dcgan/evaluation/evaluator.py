"""What training calls at intervals: how near are the pictures by now?"""

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
    """Compares a generator's pictures with held-out images, always the same ones and in the same features.

    Args:
        config: the training's options; what it reads is loaded, and a classifier trained if there is none yet, so that
            whatever is missing is told before training begins.

    Raises:
        UserError: the classifier's features were asked for, and the data set has no labels.
    """

    def __init__(self, config: TrainConfig):
        real = load_splits(config)
        if config.features == CLASSIFIER and real.training.labels is None:
            hint = "Give --features inception or a .keras file, or leave --evaluate-every out."
            raise UserError(f"--evaluate-every needs a data set with labels, and {config.dataset} has none here.", hint)
        pictures = Samples("training", real.held_out.images.shape[1:], lambda count: real.training.images[:count])
        self._real = build_context(pictures, real, data_options(config, None), config.evaluate_num, config.features)
        self.scale = f"{config.features}, {self._real.count} pictures"
        """How it measures, in words: distances are compared with those on the same scale only."""
        self._real_distance = frechet_distance(self._real.real_features, self._real.held_out_features)

    def __call__(self, generator: keras.Model, classes: Classes | None = None) -> dict[str, float]:
        """Figures of pictures 0 to `config.evaluate_num` - 1.

        Args:
            generator: as `Run.load_generator` gives it.
            classes: of a conditional training.

        Returns:
            `frechet_distance`, `frechet_ratio` to the same distance of as many training images, `precision` and
            `recall`.
        """
        pictures = samples_from_generator(generator, classes, "training").take(self._real.count)
        drawn, held_out = self._real.extractor(pictures), self._real.held_out_features
        distance = frechet_distance(drawn, held_out)
        precision, recall = precision_recall(held_out, drawn)
        ratio = distance / self._real_distance
        return {"frechet_distance": distance, "frechet_ratio": ratio, "precision": precision, "recall": recall}
