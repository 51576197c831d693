"""The model card: its code runs, and it describes inputs, origin, evaluation and license."""

import json

import numpy as np
import pytest
from PIL import Image

from dcgan.config import DATASETS, TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.core.classes import Classes, write_classes
from dcgan.export.formats import FORMATS
from dcgan.export.model_card import model_card
from dcgan.export.output_path import card_path
from dcgan.runs import Run
from dcgan.sampling.generation import generate_batches
from dcgan.sampling.selection import Selection
from tests.support.small_generators import CLASSES, LATENT_DIM, small_generator


def test_the_code_on_the_card_generates_the_images_of_the_generate_command(exported, generator, monkeypatch):
    key, out = exported
    text = card_path(out, FORMATS[key]).read_text(encoding="utf-8")
    if FORMATS[key].usage is None:
        assert "```python" not in text
        assert "Open the file in a browser" in text
        return
    code = text.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(out.parent)
    namespace = {}
    exec(compile(code, "card", "exec"), namespace)
    run = Run(out.parents[1] / "run")
    expected = np.concatenate(list(generate_batches(generator, Selection(range(8), run.classes()).rows(LATENT_DIM))))
    assert namespace["pixels"].dtype == np.uint8
    differences = np.abs(namespace["pixels"].astype(int) - expected)
    assert differences.max() <= 1  # a value halfway between two levels may be rounded either way
    with Image.open("images.png") as image:
        assert image.size == (8 * 24, 16)


def test_the_code_on_the_card_of_a_run_with_clusters_takes_the_clusters_of_its_seeds(conditional_run):
    clusters = ((0.25, 0.75), (1.0,))
    write_classes(Classes(("ant", "bee"), (0.5, 0.5), clusters), conditional_run.classes_file)
    text = card_text(conditional_run)
    rows = list(Selection(range(8), conditional_run.classes()).rows(LATENT_DIM))
    assert f"class_indices = {[int(np.argmax(row[LATENT_DIM:])) for row in rows]}" in text
    assert "`ant` 0 to 1 (clusters of similar images), `bee` 2." in text


def test_a_card_promises_no_seeds_where_the_classes_are_unknown(conditional_run):
    conditional_run.classes_file.unlink()
    text = model_card(conditional_run, "ema", small_generator(CLASSES), FORMATS["npz"], "g.npz", 1.4e-6)
    assert "`0`, `1`, `2`" in text
    assert "--seeds n" not in text
    assert "class_indices = [0, 1, 2, 0, 1, 2, 0, 1]" in text


def card_text(run, weights="ema"):
    generator = small_generator(CLASSES if run.classes() else 0)
    return model_card(run, weights, generator, FORMATS["npz"], "g.npz", 1.4e-6)


def test_a_card_describes_inputs_outputs_classes_and_origin(conditional_run):
    text = card_text(conditional_run)
    assert "| input | `latent` | (N, 5) |" in text
    assert "| input | `class` | (N, 3) |" in text
    assert "| output | `image` | (N, 16, 24, 3) | in [-1, 1], black to white;" in text
    assert "`ant`, `bee`, `cat`" in text
    assert "Data set `cifar10`" in text
    assert "\nlatent_dim: 64\n" in text
    assert "differ by at most 1.4e-06" in text


def test_a_card_holds_no_path_of_the_users_disk(conditional_run, tmp_path):
    (conditional_run.path / "evaluation.json").write_text(json.dumps(report(conditional_run)))
    text = card_text(conditional_run)
    assert "/home/ann" not in text
    assert str(tmp_path) not in text
    assert str(conditional_run.path) not in text


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_card_names_the_license_of_every_data_set(run, dataset):
    licenses = {"mnist10k": "CC BY-SA 3.0", "mnist": "CC BY-SA 3.0", "stacked_mnist": "CC BY-SA 3.0"}
    licenses |= {"fashion_mnist": "MIT", "cifar10": "without a stated license", "celeba": "non-commercial research"}
    run.config_file.write_text(to_yaml(TrainConfig(dataset=dataset)))
    section = card_text(run).split("## License of the data")[1]
    assert licenses.get(dataset, "person who trained the generator") in section


def test_a_card_names_the_run_whose_weights_it_began_with_but_not_its_folder(run):
    run.config_file.write_text(to_yaml(TrainConfig(dataset="mnist", init_from="/home/ann/runs/faces")))
    text = card_text(run)
    assert "began with those of `faces`: see the license of its data" in text.split("## License of the data")[1]
    assert "/home/ann" not in text


def test_the_card_of_a_run_without_a_config_names_no_data_set(run):
    run.config_file.unlink()
    text = card_text(run)
    assert "does not record what it was trained on" in text
    assert "Data set" not in text


def report(run):
    return {
        "images": f"{run.path} (ema weights)",
        "data": "cifar10: 10000 images of its test split are held out.",
        "counts": {"generated": 500},
        "metrics": {"frechet": {"generated": 12.3456, "real": 4.5, "ratio": 2.7, "better": "lower"}, "modes": {}},
    }


def test_a_card_repeats_the_metrics_of_the_evaluation(run):
    (run.path / "evaluation.json").write_text(json.dumps(report(run)))
    run.save_best(small_generator(), 7, {"frechet_ratio": 1.5})
    text = card_text(run)
    assert "Measured on 500 images, generated with ema weights. Data: cifar10: 10000" in text
    assert "| frechet | 12.35 | 4.5 |" in text
    assert "| modes | – | – |" in text


@pytest.mark.parametrize("content", ["{", "[]", '{"metrics": 3}', '{"metrics": {"a": 1}}', "null", "\x00"])
def test_a_damaged_evaluation_counts_as_none(run, content):
    (run.path / "evaluation.json").write_text(content)
    assert "has no evaluation" in card_text(run)


def test_metrics_from_training_name_the_step_of_their_generator(run):
    run.save_best(small_generator(), 7, {"frechet_ratio": 1.5})
    run.checkpoints.save(9, {"generator/x": np.zeros(1)}, keep=1)
    table = "| metric | value |\n| --- | --- |\n| frechet_ratio | 1.5 |"
    assert f"after 7 steps, not of this export:\n\n{table}" in card_text(run)
    text = card_text(run, weights="best")
    assert "Run `tiny` after 7 steps" in text
    assert "after 7 steps:\n\n" in text
    run.checkpoints.remove_after(0)
    run.checkpoints.save(7, {"generator/x": np.zeros(1)}, keep=1)
    assert "after 7 steps, not of" not in card_text(run)
