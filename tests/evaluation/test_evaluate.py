"""The `evaluate` command: which images it compares, and what it prints and writes."""

import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from dcgan.cli import main
from dcgan.config import EvaluateConfig, TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.core import devices
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.data.mnist import CLOTHES
from dcgan.evaluation import context, evaluate
from dcgan.evaluation.features import Extractor
from dcgan.evaluation.metrics import METRICS, MetricResult
from dcgan.networks import build_discriminator, build_generator
from dcgan.runs import Run
from dcgan.visualization import read_png, save_png

pytestmark = pytest.mark.usefixtures("short_classifier_training")

QUICK = "frechet,kernel,precision_recall,density_coverage"


def new_run(name="tiny", channels=1, **options):
    """A run of untrained networks on 8×8 pixels."""
    run = Run(Path("checkpoints") / name)
    run.save_generator(build_generator((8, 8), channels, width=2, latent_dim=3))
    network = {"image_size": 8, "discriminator_width": 2, "discriminator_hidden": 0, "kernel": 4}
    run.config_file.write_text(to_yaml(TrainConfig(**network, **options)))
    discriminator = build_discriminator((8, 8), channels, width=2)
    checkpoint = {
        f"discriminator/{v.path.removeprefix('discriminator/')}": np.asarray(v) for v in discriminator.variables
    }
    run.checkpoints.save(1, checkpoint, keep=1)
    return run


def write_idx(stem, count):
    """Write a split of random digits as MNIST's two files: two zeros, type, number of dimensions, sizes, bytes."""
    random = np.random.default_rng(count)
    images, labels = random.integers(0, 256, (count, 28, 28), np.uint8), np.arange(count, dtype=np.uint8) % 10
    for content, array in (("images", images), ("labels", labels)):
        path = Path("files") / f"{stem}-{content}-idx{array.ndim}-ubyte"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes())


def new_run_on_few_images():
    write_idx("train", 40)
    write_idx("t10k", 30)
    return new_run(dataset="mnist", data_dir=Path("files"))


def test_a_run_is_compared_with_a_fifth_of_a_dataset_without_test_split_in_a_table_and_json(capsys):
    run = new_run()
    report = evaluate(EvaluateConfig(num=300))
    assert json.loads((run.path / "evaluation.json").read_text()) == report
    metrics = report["metrics"]
    generated, real = metrics["frechet_distance"]["generated"], metrics["frechet_distance"]["real"]
    assert metrics["frechet_distance"]["ratio"] == generated / real > 3
    assert set(metrics) == {
        "frechet_distance",
        "kernel_distance",
        "precision",
        "recall",
        "density",
        "coverage",
        "memorized",
        "distance_to_training",
        "support",
    }
    assert report["counts"] == {"generated": 300, "real": 300, "held_out": 2000}
    assert 0.3 < report["features"]["accuracy"] < 1
    printed = capsys.readouterr().out
    assert "mnist10k has no test split: 2000 of its 10000 images" in printed
    assert f"\nReport: {run.path / 'evaluation.json'}\n" in printed
    line = next(line for line in printed.splitlines() if line.startswith("frechet_distance"))
    assert line.split()[:4] == ["frechet_distance", f"{generated:.4g}", f"{real:.4g}", f"{generated / real:.4g}"]
    assert "of 300 images only" in line
    assert "Skipped" not in printed
    assert report["metrics"]["memorized"]["note"].endswith("all but 1 in 100 of these 10000 are to another")
    assert read_png(run.path / "evaluation-nearest.png").shape == (6 * 10 + 2, 8 * 10 + 2, 1)
    assert (run.path / "evaluation-repeats.png").exists()


@pytest.mark.parametrize("on_gpu", [True, False])
def test_the_report_says_on_a_gpu_that_tf32_is_off(on_gpu, monkeypatch, capsys):
    new_run()
    monkeypatch.setattr(devices, "configure_tensorflow", lambda seed, device: "")
    monkeypatch.setattr(devices, "visible_gpus", lambda: ["GPU:0"] * on_gpu)
    monkeypatch.setattr(devices, "check_gpus", lambda: None)
    monkeypatch.setattr(devices, "describe_devices", lambda: "NVIDIA H200, 140 GiB")
    report = evaluate(EvaluateConfig(num=10, metrics="support"))
    line = "Device: NVIDIA H200, 140 GiB; features in float32 without TF32."
    assert (line in capsys.readouterr().out) == on_gpu
    assert (report.get("device"), report.get("tensor_float_32")) == (
        ("NVIDIA H200, 140 GiB", False) if on_gpu else (None, None)
    )


def test_a_checkerboard_is_measured_beside_that_of_real_images(digits):
    new_run()
    real = np.kron(digits.held_out.images[:300], np.ones((1, 2, 2, 1), np.uint8))  # 16×16
    board = (np.indices((16, 16)).sum(axis=0) % 2)[None, :, :, None]
    np.save("board.npy", np.where(board, real, real // 2).astype(np.uint8))
    report = evaluate(EvaluateConfig(images=Path("board.npy"), image_size=16, metrics="checkerboard"))
    metrics = report["metrics"]
    assert metrics["checkerboard_2"]["generated"] > 10 * metrics["checkerboard_2"]["real"]
    assert metrics["checkerboard_4"]["generated"] < 10 * metrics["checkerboard_4"]["real"] + 0.01


def test_checkerboards_are_refused_for_images_whose_sides_are_no_multiple_of_four():
    new_run()  # 8×8
    with pytest.raises(UserError, match="needs images with sides of at least 12 pixels, multiples of 4"):
        evaluate(EvaluateConfig(num=100, metrics="checkerboard"))


def test_images_are_compared_with_a_statistics_file_beside_as_many_real_images(capsys):
    new_run()
    mean, covariance = np.full(64, 3.0), 2.0 * np.eye(64)
    np.savez("published.npz", mu=mean, sigma=covariance)
    report = evaluate(EvaluateConfig(num=200, metrics="frechet", reference_statistics=Path("published.npz")))
    assert report["reference_statistics"] == "published.npz"
    result = report["metrics"]["frechet_to_statistics"]
    assert result["better"] == "lower"
    assert result["generated"] > 0
    assert result["real"] > 0
    assert "frechet_to_statistics" in capsys.readouterr().out
    np.savez("published.npz", mu=np.zeros(2048), sigma=np.eye(2048))
    with pytest.raises(UserError, match=r"published\.npz has 2048 features, and `features` computes 64"):
        evaluate(EvaluateConfig(num=200, metrics="frechet", reference_statistics=Path("published.npz")))


def test_a_second_evaluation_gives_the_same_results():
    new_run()
    first, second = (evaluate(EvaluateConfig(num=100, metrics="frechet,kernel"))["metrics"] for _ in range(2))
    assert first == second


def test_real_images_are_as_good_as_other_real_images(digits):
    np.save("real.npy", digits.held_out.images[:600])
    report = evaluate(EvaluateConfig(images=Path("real.npy"), image_size=8, metrics=QUICK.replace("kernel,", "")))
    for name in ("precision", "recall", "density", "coverage"):
        assert report["metrics"][name]["ratio"] == pytest.approx(1, abs=0.35)
    assert report["metrics"]["frechet_distance"]["ratio"] < 1.5
    assert not Path("evaluation.json").exists()


def test_neither_real_nor_held_out_images_are_those_that_the_classifier_was_trained_on(digits, monkeypatch):
    new_run()
    trained_on, extracted, train = [], [], context.load_classifier

    def remember(images, cache_dir):
        trained_on.extend(image.tobytes() for image in images.images)
        return train(images, cache_dir)

    monkeypatch.setattr(context, "load_classifier", remember)
    monkeypatch.setattr(Extractor, "__call__", lambda extractor, images: extracted.append(images) or np.eye(4))
    evaluate(EvaluateConfig(num=2000, metrics="frechet"))
    assert len(trained_on) == 4000
    generated, held_out, real = extracted
    assert len(generated) == len(held_out) == len(real) == 2000
    parts = [{image.tobytes() for image in images} for images in (held_out, real)]
    assert not parts[0] & parts[1]
    assert not set(trained_on) & (parts[0] | parts[1])


def test_the_test_split_is_held_out_where_a_dataset_has_one():
    new_run_on_few_images()
    report = evaluate(EvaluateConfig(metrics=QUICK))
    assert "30 test images are held out" in report["data"]
    assert report["counts"] == {"generated": 13, "real": 13, "held_out": 30}


def test_a_folder_of_images_gives_the_results_of_their_array(digits):
    images = digits.held_out.images[:40]
    for number, image in enumerate(images):
        save_png(Path(f"folder/{number:03d}.png"), image)
    np.save("array.npy", images)
    options = {"image_size": 8, "metrics": "support"}
    folder = evaluate(EvaluateConfig(images=Path("folder"), **options))
    array = evaluate(EvaluateConfig(images=Path("array.npy"), json=Path("new/a.json"), **options))
    assert folder["metrics"] == array["metrics"]
    assert json.loads(Path("new/a.json").read_text())["counts"]["generated"] == 40


def test_labels_are_read_from_folders_and_from_arrays(digits):
    images, labels = digits.held_out.images[:60], digits.held_out.labels[:60]
    np.savez("labeled.npz", images=images, labels=labels)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        save_png(Path(f"folder/{label}/{number:03d}.png"), image)
    options = {"image_size": 8, "metrics": "nearest_neighbors"}
    array_error, folder_error = (
        evaluate(EvaluateConfig(images=Path(name), **options))["metrics"]["one_nn_error"]
        for name in ("labeled.npz", "folder")
    )
    assert array_error == folder_error
    assert array_error["generated"] == pytest.approx(array_error["real"], abs=0.2)
    assert array_error["generated"] < 0.7
    assert array_error["note"] == "fitted on 60 labeled images"


def test_stacked_digits_are_compared_channel_by_channel_and_their_modes_counted():
    new_run(channels=3, dataset="stacked_mnist")
    report = evaluate(EvaluateConfig(num=200, metrics="frechet,modes"))
    assert report["features"]["width"] == 3 * 64
    metrics = report["metrics"]
    assert metrics["modes"]["real"] > 900 > metrics["modes"]["generated"]
    assert metrics["mode_divergence"]["real"] < 1 < metrics["mode_divergence"]["generated"]
    assert "digit classifier accuracy" in metrics["modes"]["note"]


def test_the_discriminators_features_are_probed_on_request():
    new_run()
    report = evaluate(EvaluateConfig(num=300, metrics="linear_probe"))
    assert report["metrics"]["svm_accuracy"]["generated"] > 0.4
    assert report["features"] is None


def test_a_ratio_needs_a_real_value_above_its_standard_deviation():
    assert MetricResult("a", 3.0, 1.5, "lower").ratio == 2
    assert MetricResult("a", None, 1.5, "lower").ratio is None
    assert MetricResult("a", 3.0, 0.0, "lower").ratio is None
    assert MetricResult("a", 3.0, 1e-4, "lower", 0.1, 0.1).ratio is None


def test_the_json_file_is_only_overwritten_on_request():
    new_run_on_few_images()
    Path("a.json").write_text("precious")
    with pytest.raises(UserError, match="exists already"):
        evaluate(EvaluateConfig(num=20, metrics="support", json=Path("a.json")))
    assert Path("a.json").read_text() == "precious"
    evaluate(EvaluateConfig(num=20, metrics="support", json=Path("a.json"), overwrite=True))
    assert json.loads(Path("a.json").read_text())["metrics"]


def test_the_report_of_a_pretrained_generator_is_kept(capsys):
    run = new_run_on_few_images()
    shutil.rmtree(run.path / "checkpoints")
    run.model_card_file.write_text("A card.")
    run.evaluation_file.write_text("as distributed")
    report, again = (evaluate(EvaluateConfig(num=20, metrics="support")) for _ in range(2))
    assert run.evaluation_file.read_text() == "as distributed"
    for number, expected in ((2, report), (3, again)):
        assert json.loads((run.path / f"evaluation-{number}.json").read_text()) == expected
        assert (run.path / f"evaluation-{number}-repeats.png").exists()
    assert "evaluation.json exists and is kept" in capsys.readouterr().out
    report = evaluate(EvaluateConfig(num=20, metrics="support", overwrite=True))
    assert json.loads(run.evaluation_file.read_text()) == report


def test_figures_have_the_name_of_their_report_and_replace_no_other_file(capsys):
    new_run_on_few_images()
    save_png(Path("mine-nearest.png"), np.zeros((1, 1, 1), np.uint8))
    other = Path("mine-nearest.png").read_bytes()
    options = {"num": 20, "metrics": "support,memorization", "json": Path("mine.json")}
    with pytest.raises(UserError, match=r"mine-nearest\.png exists already"):
        evaluate(EvaluateConfig(**options))
    assert Path("mine-nearest.png").read_bytes() == other
    assert not Path("mine-repeats.png").exists()
    evaluate(EvaluateConfig(**options, overwrite=True))
    assert Path("mine-nearest.png").read_bytes() != other
    assert Path("mine-repeats.png").exists()


def test_copies_of_training_images_of_any_part_count_as_memorized(digits):
    np.save("copies.npy", digits.seen.images[:400])
    report = evaluate(EvaluateConfig(images=Path("copies.npy"), image_size=8, metrics="memorization"))
    assert report["metrics"]["memorized"]["generated"] == 1


def copying_generator(image):
    """A generator that generates one image, whatever the latent."""
    latent = keras.Input((3,))
    dense = keras.layers.Dense(image.size, kernel_initializer="zeros")
    pixels = dense(latent)
    dense.bias.assign(image.ravel() / 127.5 - 1)
    return keras.Model(latent, keras.layers.Reshape(image.shape)(pixels))


@pytest.mark.parametrize("flip", [True, False])
def test_a_generator_of_a_mirrored_training_image_memorizes_if_the_run_was_trained_with_flip(digits, flip):
    run = new_run(flip=flip)
    run.save_generator(copying_generator(digits.seen.images[0, :, ::-1]))  # a five, which is not symmetric
    metrics = evaluate(EvaluateConfig(num=20, metrics="memorization"))["metrics"]
    assert metrics["memorized"]["generated"] == flip
    assert (metrics["distance_to_training"]["generated"] == 0) == flip
    assert ("or its mirror image" in metrics["memorized"]["note"]) == flip


def test_classes_and_copies_of_another_dataset_are_not_evaluated(capsys):
    run = Run(Path("checkpoints/clothes"))
    run.save_generator(build_generator((8, 8), 1, width=2, latent_dim=3, classes=10))
    run.save_classes(Classes(CLOTHES, (0.1,) * 10))
    run.config_file.write_text(to_yaml(TrainConfig(dataset="fashion_mnist", image_size=8)))
    with pytest.raises(UserError, match="nearest_neighbors needs a dataset with the run's own classes"):
        evaluate(EvaluateConfig(dataset="mnist10k", num=20, metrics="nearest_neighbors"))
    with pytest.raises(UserError, match='memorization needs the run\'s training images, `dataset="fashion_mnist"`'):
        evaluate(EvaluateConfig(dataset="mnist10k", num=20, metrics="memorization"))
    report = evaluate(EvaluateConfig(dataset="mnist10k", num=20))
    assert not {"one_nn_error", "memorized"} & set(report["metrics"])
    assert list(report["skipped_metrics"]) == ["memorization"]
    assert "Skipped: memorization (needs the run's training images" in capsys.readouterr().out


def write_folder(count, color=False):
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3 if color else 1), np.uint8)
        save_png(Path(f"few/{'ab'[number % 2]}/{number}.png"), pixels)


def test_metrics_that_need_more_images_are_skipped(capsys):
    write_folder(20)
    data = {"dataset": "folder", "data_dir": Path("few"), "image_size": 8, "channels": 1, "cache_dir": Path("s")}
    report = evaluate(EvaluateConfig(images=Path("few"), json=Path("a.json"), **data))
    assert list(report["skipped_metrics"]) == ["density_coverage"]
    assert {"frechet_distance", "precision", "memorized", "support"} < set(report["metrics"])
    assert "Skipped: density_coverage (needs more than 5 generated and held-out images)." in capsys.readouterr().out
    assert Path("a.json").exists()


def test_a_dataset_that_is_too_small_is_named():
    write_folder(9)
    data = {"dataset": "folder", "data_dir": Path("few"), "image_size": 8, "channels": 1, "cache_dir": Path("s")}
    with pytest.raises(UserError, match="dataset is too small: folder has no test split: 1 of its 9 images"):
        evaluate(EvaluateConfig(images=Path("few"), **data))


def test_images_that_lose_their_colors_are_counted(capsys):
    new_run_on_few_images()
    write_folder(6, color=True)
    save_png(Path("few/a/gray.png"), np.full((8, 8, 3), 7, np.uint8))  # RGB, but gray
    data = {"dataset": "mnist", "data_dir": Path("files"), "image_size": 8}
    evaluate(EvaluateConfig(images=Path("few"), metrics="support", **data))
    assert "few (6 of 7 converted from color to grayscale)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"run_dir": Path("nowhere")}, "no run directory"),
        ({"run_dir": Path("checkpoints/tiny"), "images": Path("a.npy")}, "--run-dir and --images both"),
        ({"images": Path("a.npy")}, "There is no a.npy"),
        ({"images": Path("large.npy"), "image_size": 8}, r"large.npy contains uint8 \(5, 9, 9, 1\)"),
        ({"images": Path("floats.npy"), "image_size": 8}, "contains float64"),
        ({"images": Path("broken.npy"), "image_size": 8}, "broken.npy can't be read"),
        ({"images": Path("odd.npz"), "image_size": 8}, "labels for 5 images"),
        ({"images": Path("single.npy"), "image_size": 8}, "fewer than two images"),
        ({"images": Path("folder"), "image_size": 8}, r"a\.png has 9x9 pixels"),
        ({"images": Path("damaged"), "image_size": 8}, r"a\.png can't be read"),
        ({"metrics": "frechet,beauty"}, "no metric 'beauty'"),
        ({"metrics": "modes"}, "modes needs --dataset stacked_mnist"),
        ({"metrics": "nearest_neighbors"}, "nearest_neighbors needs images with labels"),
        ({"metrics": "linear_probe", "images": Path("fine.npy"), "image_size": 8}, "needs a run with a discriminator"),
        ({"features": "beauty"}, "There is no model file beauty"),
        ({"image_size": 16}, "The images to evaluate are 8x8x1, but the dataset's images are 16x16x1"),
        ({"json": Path("folder")}, "folder is a folder"),
    ],
)
@pytest.mark.usefixtures("command_line")
def test_invalid_options_are_refused(options, problem):
    new_run_on_few_images()
    images = np.zeros((5, 8, 8, 1), np.uint8)
    save_png(Path("folder/a.png"), np.zeros((9, 9, 1), np.uint8))
    Path("damaged").mkdir()
    Path("damaged/a.png").write_bytes(b"no image")
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


def test_importing_the_command_loads_neither_tensorflow_nor_scikit_learn():
    program = "import sys, dcgan.evaluation.evaluate; print([m for m in ('tensorflow', 'sklearn') if m in sys.modules])"
    root = Path(main.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
