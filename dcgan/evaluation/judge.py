"""What training calls at intervals: how near are the pictures by now?"""

from functools import cached_property

import keras
import numpy as np

from dcgan.classes import Classes
from dcgan.config import DataConfig, TrainConfig
from dcgan.errors import UserError
from dcgan.evaluation.comparison import Comparison, compare
from dcgan.evaluation.distances import frechet_distance, precision_recall
from dcgan.evaluation.features import CLASSIFIER
from dcgan.evaluation.references import reference
from dcgan.evaluation.samples import Samples, drawn_by


class Judge:
    """Compares a generator's pictures with held-out images, always the same ones and in the same features.

    Args:
        config: the training's options; what it reads is loaded, and a classifier trained if there is none yet.

    Raises:
        UserError: the classifier's features were asked for, and the data set has no labels.
    """

    def __init__(self, config: TrainConfig):
        self.config = config
        self._reference = reference(config)
        if config.features == CLASSIFIER and self._reference.training.labels is None:
            hint = "Give --features inception or a .keras file, or leave --evaluate-every out."
            raise UserError(f"--evaluate-every needs a data set with labels, and {config.dataset} has none here.", hint)
        _ = self._real  # whatever is missing is told before training begins

    def __call__(self, generator: keras.Model, classes: Classes | None = None) -> dict[str, float]:
        """Figures of pictures 0 to `config.evaluate_num` - 1.

        Args:
            generator: as `Run.load_generator` gives it.
            classes: of a conditional training.

        Returns:
            `frechet_distance`, `frechet_ratio` to the same distance of as many training images, `precision` and
            `recall`.
        """
        this = self._compared(drawn_by(generator, classes, "training"))
        held_out = self._real.held_out_features
        distance = frechet_distance(this.drawn_features, held_out)
        precision, recall = precision_recall(held_out, this.drawn_features)
        ratio = distance / self._real_distance
        return {"frechet_distance": distance, "frechet_ratio": ratio, "precision": precision, "recall": recall}

    @cached_property
    def _real(self) -> Comparison:
        """The comparison whose real features serve all others."""
        shape = self._reference.held_out.images.shape[1:]
        comparison = self._compared(Samples("none", shape, lambda count: np.empty((count, *shape), np.uint8)))
        _ = comparison.held_out_features, comparison.extractor
        return comparison

    @cached_property
    def _real_distance(self) -> float:
        return frechet_distance(self._real.real_features, self._real.held_out_features)

    def _compared(self, samples: Samples) -> Comparison:
        config = self.config
        data = DataConfig(**{name: getattr(config, name) for name in DataConfig.__dataclass_fields__})
        comparison = compare(samples, self._reference, data, config.evaluate_num, config.features)
        if "_real" in self.__dict__:  # the same network, traced once
            comparison.__dict__["extractor"] = self._real.extractor
        return comparison
