"""Metrics during training: by which images they choose, and that nothing is found missing after training starts."""

import numpy as np
import pytest

from dcgan import runs
from dcgan.config import EvaluateConfig, TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.core.classes import Classes, with_class
from dcgan.core.errors import UserError
from dcgan.evaluation import context, evaluate, frechet_distance, precision_recall
from dcgan.evaluation import evaluator as evaluator_module
from dcgan.evaluation.evaluator import FIRST_SEED, Evaluator
from dcgan.evaluation.features import Extractor, classifier_features_from
from dcgan.evaluation.splits import random_subset
from dcgan.networks import build_generator
from dcgan.sampling.generation import generate_images
from dcgan.sampling.latents import latents
from dcgan.training import train
from dcgan.visualization import save_png

pytestmark = pytest.mark.usefixtures("short_classifier_training")


def tiny_generator(classes=None):
    return build_generator((8, 8), 1, width=2, latent_dim=3, classes=len(classes or ()))


@pytest.mark.parametrize("classes", [None, Classes(tuple("0123456789"), (0.1,) * 10)])
def test_images_of_other_seeds_than_evaluates_are_compared_with_the_validation_images(digits, classes):
    config, generator = TrainConfig(image_size=8, evaluate_every=1, evaluate_num=300), tiny_generator(classes)
    evaluator = Evaluator(config)
    metrics = evaluator(generator, classes)
    seeds = range(FIRST_SEED, FIRST_SEED + 300)
    rows = latents(seeds, 3)
    if classes:
        rows = with_class(rows, classes.one_hot(classes.labels_for(seeds)))
    features = classifier_features_from(context.load_classifier(digits.classifier))
    generated, real = features(generate_images(generator, rows)), features(digits.validation.images)
    reference = features(random_subset(digits.reference, 300)[0])
    assert metrics["frechet_distance"] == pytest.approx(frechet_distance(generated, real), rel=1e-6)
    ratio = frechet_distance(generated, real) / frechet_distance(reference, real)
    assert metrics["frechet_ratio"] == pytest.approx(ratio, rel=1e-6)
    assert (metrics["precision"], metrics["recall"]) == precision_recall(real, generated)
    assert evaluator(generator, classes) == metrics


def test_no_image_that_chooses_the_best_generator_is_one_that_evaluate_reports_on(digits, monkeypatch):
    extracted = []

    def remember(extractor, images):
        extracted.append(images)
        return images.reshape(len(images), -1).astype(np.float32)

    monkeypatch.setattr(Extractor, "__call__", remember)
    evaluator = Evaluator(TrainConfig(image_size=8, evaluate_every=1, evaluate_num=50))
    evaluator(tiny_generator())
    used = {image.tobytes() for images in extracted for image in images}
    assert not used & {image.tobytes() for image in digits.held_out.images}
    assert FIRST_SEED > 10**12  # no --num comes near it


def test_an_evaluator_describes_what_it_compares_and_its_scale_is_another_one_than_that_of_the_held_out_images():
    config = TrainConfig(image_size=8, evaluate_every=1, evaluate_num=300)
    evaluator = Evaluator(config)
    assert f"300 generated images (seeds from {FIRST_SEED} on)" in evaluator.description
    assert "2000 validation images (the run is trained on them, too)" in evaluator.description
    assert evaluator.scale == "classifier, 300 images, 2000 validation images"
    assert Evaluator(config, "held_out").scale == "classifier, 300 images, 2000 held-out images"


def test_labeled_samples_of_a_conditional_run_are_evaluated_by_a_nearest_neighbor_classifier(tmp_path):
    run = runs.Run(tmp_path / "run")
    run.save_generator(build_generator((8, 8), 1, width=2, latent_dim=3, classes=10))
    run.save_classes(Classes(tuple("0123456789"), (0.1,) * 10))
    run.config_file.write_text(to_yaml(TrainConfig(image_size=8)))
    report = evaluate(EvaluateConfig(run_dir=run.path, metrics="nearest_neighbors"))
    error = report["metrics"]["one_nn_error"]
    assert error["real"] < 0.1 < 0.7 < error["generated"]  # an untrained generator does not depend on the class


def test_a_dataset_without_labels_is_refused_before_training(tmp_path):
    with pytest.raises(UserError, match="needs a dataset with labels"):
        Evaluator(folder_config(tmp_path, 40, labels=False))


def folder_config(tmp_path, count, *, labels=True, **options):
    """A training with evaluation on a folder of `count` random images of two classes."""
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        save_png(tmp_path / "images" / (f"{'ab'[number % 2]}" if labels else "") / f"{number}.png", pixels)
    data = {"dataset": "folder", "data_dir": tmp_path / "images", "cache_dir": tmp_path / "cache", "image_size": 8}
    return TrainConfig(**data, evaluate_every=1, batch_size=2, steps=2, run_dir=tmp_path / "run", **options)


@pytest.mark.parametrize(
    ("count", "options", "problem"),
    [
        (4, {}, "folder has 4 training images, too few"),
        (6, {}, r"4 images or more in each part of the dataset, but folder has no test split: 1 of its 6 images"),
        (19, {}, "3 of its 19 images"),
        (20, {"evaluate_num": 1}, r"--evaluate-num 1 is too small.*\nUse --evaluate-num 4 or more"),
        (20, {"evaluate_num": 3}, "--evaluate-num 3 is too small"),
    ],
)
@pytest.mark.usefixtures("command_line")
def test_numbers_of_images_that_no_evaluation_is_possible_with_are_refused_before_training(
    tmp_path, count, options, problem
):
    with pytest.raises(UserError, match=problem):
        train(folder_config(tmp_path, count, **options))
    assert not (tmp_path / "run").exists()


def test_the_smallest_dataset_that_can_be_evaluated_is_trained_on_and_evaluated(tmp_path, capsys):
    options = {"generator_width": 2, "discriminator_width": 2, "discriminator_hidden": 0, "compile": "none"}
    run = train(folder_config(tmp_path, 20, **options))
    assert all("precision" in record for record in run.log_records())
    assert run.best_file.exists()
    assert "4 validation images (the run is trained on them, too)" in capsys.readouterr().out


def test_real_images_without_any_difference_are_refused_before_training(tmp_path):
    config = folder_config(tmp_path, 40)
    for file in (tmp_path / "images").rglob("*.png"):
        save_png(file, np.full((8, 8, 3), 9, np.uint8))
    with pytest.raises(UserError, match="The real images of folder have equal features"):
        Evaluator(config)


def test_what_a_metric_can_not_do_is_found_before_training(tmp_path, monkeypatch):
    def unavailable(real, generated):
        raise UserError("scikit-learn is missing.")

    monkeypatch.setattr(evaluator_module, "precision_recall", unavailable)
    with pytest.raises(UserError, match="scikit-learn"):
        Evaluator(folder_config(tmp_path, 40))
