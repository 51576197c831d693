"""The command: which pictures, against which images, and what it prints and writes."""

import functools
import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dcgan.cli import main
from dcgan.config import EvaluateConfig, TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.data.mnist import CLASS_NAMES
from dcgan.evaluation import context, evaluate
from dcgan.evaluation.classifier import load_classifier
from dcgan.evaluation.metrics import METRICS, Figure
from dcgan.networks import build_discriminator, build_generator
from dcgan.runs import Run
from dcgan.visualization import read_png, save_png

QUICK = "frechet,kernel,precision_recall,density_coverage"


@pytest.fixture(autouse=True)
def _quickly_learnt(monkeypatch):
    """Classifiers of 20 steps: what they know does not matter here."""
    monkeypatch.setattr(context, "load_classifier", functools.partial(load_classifier, steps=20))


def new_run(name="tiny", channels=1, **options):
    """A run of untrained networks on 8×8 pixels."""
    run = Run(Path("checkpoints") / name)
    run.save_generator(build_generator((8, 8), channels, width=2, latent_dim=3))
    form = {"image_size": 8, "discriminator_width": 2, "discriminator_hidden": 0, "kernel": 4}
    run.config_file.write_text(to_yaml(TrainConfig(**form, **options)))
    discriminator = build_discriminator((8, 8), channels, width=2)
    state = {f"discriminator/{v.path.removeprefix('discriminator/')}": np.asarray(v) for v in discriminator.variables}
    run.checkpoints.save(1, state, keep=1)
    return run


def write_idx(stem, count):
    """One split of random digits as MNIST's two files: two zeros, the type, the dimensions, the sizes, the bytes."""
    random = np.random.default_rng(count)
    images, labels = random.integers(0, 256, (count, 28, 28), np.uint8), np.arange(count, dtype=np.uint8) % 10
    for kind, array in (("images", images), ("labels", labels)):
        path = Path("files") / f"{stem}-{kind}-idx{array.ndim}-ubyte"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes())


def new_run_on_few_images():
    write_idx("train", 40)
    write_idx("t10k", 30)
    return new_run(dataset="mnist", data_dir=Path("files"))


def test_a_run_is_judged_against_half_of_a_set_without_test_split_with_a_table_and_json(capsys):
    run = new_run()
    report = evaluate(EvaluateConfig(num=300))
    assert json.loads((run.path / "evaluation.json").read_text()) == report
    figures = report["figures"]
    drawn, real = figures["frechet_distance"]["drawn"], figures["frechet_distance"]["real"]
    assert figures["frechet_distance"]["ratio"] == drawn / real > 3
    assert set(figures) == {
        "frechet_distance",
        "kernel_distance",
        "precision",
        "recall",
        "density",
        "coverage",
        "memorised",
        "distance_to_training",
        "support",
    }
    assert report["counts"] == {"drawn": 300, "real": 300, "held_out": 5000}
    assert 0.3 < report["features"]["accuracy"] < 1
    printed = capsys.readouterr().out
    assert "mnist10k has no test split: 5000 of its images" in printed
    assert f"\nReport: {run.path / 'evaluation.json'}\n" in printed
    line = next(line for line in printed.splitlines() if line.startswith("frechet_distance"))
    assert line.split()[:4] == ["frechet_distance", f"{drawn:.4g}", f"{real:.4g}", f"{drawn / real:.4g}"]
    assert "of 300 only" in line
    assert "Left out" not in printed
    assert report["figures"]["memorised"]["note"].endswith("all but 1 in 100 of these 10000 are to another")
    assert read_png(run.path / "evaluation-nearest.png").shape == (6 * 10 + 2, 8 * 10 + 2, 1)
    assert (run.path / "evaluation-repeats.png").exists()


def test_a_checkerboard_in_the_pictures_is_told_beside_that_of_real_ones(digits):
    new_run()
    real = np.kron(digits.held_out.images[:300], np.ones((1, 2, 2, 1), np.uint8))  # 16×16
    board = (np.indices((16, 16)).sum(axis=0) % 2)[None, :, :, None]
    np.save("board.npy", np.where(board, real, real // 2).astype(np.uint8))
    report = evaluate(EvaluateConfig(images=Path("board.npy"), image_size=16, metrics="checkerboard"))
    figures = report["figures"]
    assert figures["checkerboard_2"]["drawn"] > 10 * figures["checkerboard_2"]["real"]
    assert figures["checkerboard_4"]["drawn"] < 10 * figures["checkerboard_4"]["real"] + 0.01


def test_pictures_without_a_grid_of_four_pixels_are_not_asked_for_checkerboards():
    new_run()  # 8×8
    with pytest.raises(UserError, match="needs pictures with sides of 12 pixels and more, multiples of 4"):
        evaluate(EvaluateConfig(num=100, metrics="checkerboard"))


def test_a_second_evaluation_gives_the_same_figures():
    new_run()
    first, second = (evaluate(EvaluateConfig(num=100, metrics="frechet,kernel"))["figures"] for _ in range(2))
    assert first == second


def test_real_pictures_are_as_good_as_real_ones(digits):
    np.save("real.npy", digits.held_out.images[:600])
    report = evaluate(EvaluateConfig(images=Path("real.npy"), image_size=8, metrics=QUICK.replace("kernel,", "")))
    for name in ("precision", "recall", "density", "coverage"):
        assert report["figures"][name]["ratio"] == pytest.approx(1, abs=0.35)
    assert report["figures"]["frechet_distance"]["ratio"] < 1.5
    assert not Path("evaluation.json").exists()


def test_the_test_split_is_what_a_set_that_has_one_is_compared_with():
    new_run_on_few_images()
    report = evaluate(EvaluateConfig(metrics=QUICK))
    assert "30 images of its test split are held out" in report["data"]
    assert report["counts"] == {"drawn": 40, "real": 40, "held_out": 30}


def test_a_folder_of_pictures_is_judged_like_their_array(digits):
    images = digits.held_out.images[:40]
    for number, image in enumerate(images):
        save_png(Path(f"folder/{number:03d}.png"), image)
    np.save("array.npy", images)
    options = {"image_size": 8, "metrics": "support"}
    folder = evaluate(EvaluateConfig(images=Path("folder"), **options))
    array = evaluate(EvaluateConfig(images=Path("array.npy"), json=Path("new/a.json"), **options))
    assert folder["figures"] == array["figures"]
    assert json.loads(Path("new/a.json").read_text())["counts"]["drawn"] == 40


def test_labelled_pictures_are_a_classifier_whether_folders_or_an_array_say_so(digits):
    images, labels = digits.held_out.images[:60], digits.held_out.labels[:60]
    np.savez("labelled.npz", images=images, labels=labels)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        save_png(Path(f"folder/{label}/{number:03d}.png"), image)
    options = {"image_size": 8, "metrics": "neighbours"}
    of_array, of_folder = (
        evaluate(EvaluateConfig(images=Path(name), **options))["figures"]["one_nn_error"]
        for name in ("labelled.npz", "folder")
    )
    assert of_array == of_folder
    assert of_array["drawn"] == pytest.approx(of_array["real"], abs=0.2)
    assert of_array["drawn"] < 0.7
    assert of_array["note"] == "fitted on 60 labelled images"


def test_stacked_digits_are_compared_digit_by_digit_and_their_modes_counted():
    new_run(channels=3, dataset="stacked_mnist")
    report = evaluate(EvaluateConfig(num=200, metrics="frechet,modes"))
    assert report["features"]["width"] == 3 * 64
    figures = report["figures"]
    assert figures["modes"]["real"] > 900 > figures["modes"]["drawn"]
    assert figures["mode_divergence"]["real"] < 1 < figures["mode_divergence"]["drawn"]
    assert "digits read with" in figures["modes"]["note"]


def test_the_discriminators_features_are_tested_when_asked_for():
    new_run()
    report = evaluate(EvaluateConfig(num=300, metrics="unsupervised"))
    assert report["figures"]["svm_accuracy"]["drawn"] > 0.4
    assert report["features"] is None


def test_a_ratio_needs_something_to_divide_by():
    assert Figure("a", 3.0, 1.5, "lower").ratio == 2
    assert Figure("a", None, 1.5, "lower").ratio is None
    assert Figure("a", 3.0, 0.0, "lower").ratio is None
    assert Figure("a", 3.0, 1e-4, "lower", 0.1, 0.1).ratio is None


def test_the_json_file_is_only_overwritten_when_asked_to():
    new_run_on_few_images()
    Path("a.json").write_text("dear to me")
    with pytest.raises(UserError, match="exists already"):
        evaluate(EvaluateConfig(num=20, metrics="support", json=Path("a.json")))
    assert Path("a.json").read_text() == "dear to me"
    evaluate(EvaluateConfig(num=20, metrics="support", json=Path("a.json"), overwrite=True))
    assert json.loads(Path("a.json").read_text())["figures"]


def test_the_report_that_came_with_a_published_generator_stays(capsys):
    run = new_run_on_few_images()
    shutil.rmtree(run.path / "checkpoints")
    run.model_card_file.write_text("A card.")
    run.evaluation_file.write_text("as published")
    report, again = (evaluate(EvaluateConfig(num=20, metrics="support")) for _ in range(2))
    assert run.evaluation_file.read_text() == "as published"
    for number, each in ((2, report), (3, again)):
        assert json.loads((run.path / f"evaluation-{number}.json").read_text()) == each
        assert (run.path / f"evaluation-{number}-repeats.png").exists()
    assert "evaluation.json came with the generator and stays" in capsys.readouterr().out
    report = evaluate(EvaluateConfig(num=20, metrics="support", overwrite=True))
    assert json.loads(run.evaluation_file.read_text()) == report


def test_sheets_bear_the_name_of_their_report_and_replace_nobodys(capsys):
    new_run_on_few_images()
    save_png(Path("mine-nearest.png"), np.zeros((1, 1, 1), np.uint8))
    stranger = Path("mine-nearest.png").read_bytes()
    options = {"num": 20, "metrics": "support,memorisation", "json": Path("mine.json")}
    with pytest.raises(UserError, match=r"mine-nearest\.png exists already"):
        evaluate(EvaluateConfig(**options))
    assert Path("mine-nearest.png").read_bytes() == stranger
    assert not Path("mine-repeats.png").exists()
    evaluate(EvaluateConfig(**options, overwrite=True))
    assert Path("mine-nearest.png").read_bytes() != stranger
    assert Path("mine-repeats.png").exists()


def test_pictures_of_the_runs_own_images_are_memorised_whichever_half_they_are_of(digits):
    np.save("copies.npy", digits.seen.images[:400])
    report = evaluate(EvaluateConfig(images=Path("copies.npy"), image_size=8, metrics="memorisation"))
    assert report["figures"]["memorised"]["drawn"] == 1


def test_a_conditional_run_is_not_asked_for_the_classes_and_copies_of_another_data_set(capsys):
    run = Run(Path("checkpoints/clothes"))
    run.save_generator(build_generator((8, 8), 1, width=2, latent_dim=3, classes=10))
    run.save_classes(Classes(CLASS_NAMES["fashion_mnist"], (0.1,) * 10))
    run.config_file.write_text(to_yaml(TrainConfig(dataset="fashion_mnist", image_size=8)))
    with pytest.raises(UserError, match="neighbours needs a data set of the run's own classes"):
        evaluate(EvaluateConfig(dataset="mnist10k", num=20, metrics="neighbours"))
    with pytest.raises(UserError, match="memorisation needs the run's own images, --dataset fashion_mnist"):
        evaluate(EvaluateConfig(dataset="mnist10k", num=20, metrics="memorisation"))
    report = evaluate(EvaluateConfig(dataset="mnist10k", num=20))
    assert not {"one_nn_error", "memorised"} & set(report["figures"])
    assert list(report["left_out"]) == ["memorisation"]
    assert "Left out: memorisation, which needs the run's own images" in capsys.readouterr().out


def write_folder(count, colours=False):
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3 if colours else 1), np.uint8)
        save_png(Path(f"few/{'ab'[number % 2]}/{number}.png"), pixels)


def test_what_so_few_pictures_can_not_tell_is_left_out(capsys):
    write_folder(8)
    data = {"dataset": "folder", "data_dir": Path("few"), "image_size": 8, "channels": 1, "cache_dir": Path("s")}
    report = evaluate(EvaluateConfig(images=Path("few"), json=Path("a.json"), **data))
    assert list(report["left_out"]) == ["density_coverage"]
    assert {"frechet_distance", "precision", "memorised", "support"} < set(report["figures"])
    assert "Left out: density_coverage, which needs more than 5 pictures of each." in capsys.readouterr().out
    assert Path("a.json").exists()


def test_of_a_data_set_that_is_too_small_it_is_said_that_it_is():
    write_folder(3)
    data = {"dataset": "folder", "data_dir": Path("few"), "image_size": 8, "channels": 1, "cache_dir": Path("s")}
    with pytest.raises(UserError, match="data set is too small: folder has no test split: 1 of its images"):
        evaluate(EvaluateConfig(images=Path("few"), **data))


def test_pictures_that_lose_their_colours_are_told(capsys):
    new_run_on_few_images()
    write_folder(6, colours=True)
    save_png(Path("few/a/grey.png"), np.full((8, 8, 3), 7, np.uint8))  # written in colour, but without any
    data = {"dataset": "mnist", "data_dir": Path("files"), "image_size": 8}
    evaluate(EvaluateConfig(images=Path("few"), metrics="support", **data))
    assert "few (6 of 7 in colour, turned grey as the data set is)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"run_dir": Path("nowhere")}, "no run directory"),
        ({"run_dir": Path("checkpoints/tiny"), "images": Path("a.npy")}, "--run-dir and --images both"),
        ({"images": Path("a.npy")}, "There is no a.npy"),
        ({"images": Path("large.npy"), "image_size": 8}, r"large.npy holds uint8 \(5, 9, 9, 1\)"),
        ({"images": Path("floats.npy"), "image_size": 8}, "holds float64"),
        ({"images": Path("broken.npy"), "image_size": 8}, "broken.npy can't be read"),
        ({"images": Path("odd.npz"), "image_size": 8}, "labels for 5 images"),
        ({"images": Path("single.npy"), "image_size": 8}, "fewer than two pictures"),
        ({"images": Path("folder"), "image_size": 8}, r"a\.png has 9x9 pixels"),
        ({"images": Path("spoilt"), "image_size": 8}, r"a\.png can't be read"),
        ({"metrics": "frechet,beauty"}, "no metric 'beauty'"),
        ({"metrics": "modes"}, "modes needs --dataset stacked_mnist"),
        ({"metrics": "neighbours"}, "neighbours needs pictures with labels"),
        ({"metrics": "unsupervised", "images": Path("fine.npy"), "image_size": 8}, "needs a run with a discriminator"),
        ({"features": "beauty"}, "There is no model file beauty"),
        ({"image_size": 16}, "The pictures are 8x8x1, and the data set's images 16x16x1"),
        ({"json": Path("folder")}, "folder is a folder"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(options, problem):
    new_run_on_few_images()
    images = np.zeros((5, 8, 8, 1), np.uint8)
    save_png(Path("folder/a.png"), np.zeros((9, 9, 1), np.uint8))
    Path("spoilt").mkdir()
    Path("spoilt/a.png").write_bytes(b"no picture")
    Path("broken.npy").write_bytes(b"no array")
    np.save("large.npy", np.zeros((5, 9, 9, 1), np.uint8))
    np.save("floats.npy", images.astype(float))
    np.save("single.npy", images[:1])
    np.save("fine.npy", images)
    np.savez("odd.npz", images=images, labels=np.zeros(3, int))
    with pytest.raises(UserError, match=problem):
        evaluate(EvaluateConfig(num=20, dataset="mnist", data_dir=Path("files"), **options))


def test_the_help_names_every_metric(capsys):
    with pytest.raises(SystemExit):
        main.main(["evaluate", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert all(name in printed for name in METRICS)


def test_the_heavy_modules_are_loaded_by_the_command_alone():
    program = "import sys, dcgan.evaluation.evaluate; print([m for m in ('tensorflow', 'sklearn') if m in sys.modules])"
    root = Path(main.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
