"""Metrics during training equal those that `evaluate` computes afterwards."""

from dataclasses import replace

import numpy as np
import pytest

from dcgan import runs
from dcgan.config import EvaluateConfig, TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.evaluation import evaluate
from dcgan.evaluation.evaluator import Evaluator
from dcgan.networks import build_generator

pytestmark = pytest.mark.usefixtures("short_classifier_training")


@pytest.mark.parametrize("classes", [None, Classes(tuple("0123456789"), (0.1,) * 10)])
def test_an_evaluator_computes_what_evaluate_computes(tmp_path, classes):
    config = TrainConfig(image_size=8, evaluate_every=1, evaluate_num=300)
    run = runs.Run(tmp_path / "run")
    run.save_generator(build_generator((8, 8), 1, width=2, latent_dim=3, classes=len(classes or ())))
    run.save_classes(classes)
    run.config_file.write_text(to_yaml(config))
    evaluator = Evaluator(config)
    metrics = evaluator(run.load_generator(), classes)
    report = evaluate(EvaluateConfig(run_dir=run.path, num=300, metrics="frechet,precision_recall"))["metrics"]
    assert metrics["frechet_distance"] == pytest.approx(report["frechet_distance"]["generated"], rel=1e-6)
    assert metrics["frechet_ratio"] == pytest.approx(report["frechet_distance"]["ratio"], rel=1e-6)
    assert (metrics["precision"], metrics["recall"]) == (
        report["precision"]["generated"],
        report["recall"]["generated"],
    )
    assert evaluator(run.load_generator(), classes) == metrics


def test_labeled_samples_of_a_conditional_run_are_evaluated_by_a_nearest_neighbor_classifier(tmp_path):
    run = runs.Run(tmp_path / "run")
    run.save_generator(build_generator((8, 8), 1, width=2, latent_dim=3, classes=10))
    run.save_classes(Classes(tuple("0123456789"), (0.1,) * 10))
    run.config_file.write_text(to_yaml(TrainConfig(image_size=8)))
    report = evaluate(EvaluateConfig(run_dir=run.path, metrics="nearest_neighbors"))
    error = report["metrics"]["one_nn_error"]
    assert error["real"] < 0.1 < 0.7 < error["generated"]  # an untrained generator does not depend on the class


def test_a_dataset_without_labels_is_refused_before_training(tmp_path):
    from PIL import Image

    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    config = TrainConfig(dataset="folder", data_dir=tmp_path, cache_dir=tmp_path / "cache", image_size=8)
    with pytest.raises(UserError, match="needs a dataset with labels"):
        Evaluator(replace(config, evaluate_every=1))
