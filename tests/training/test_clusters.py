"""Runs that are conditioned on clusters of similar images."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from dcgan.config import GenerateConfig, ProjectConfig, TrainConfig
from dcgan.core.classes import Classes, write_classes
from dcgan.core.errors import UserError
from dcgan.data import load
from dcgan.evaluation.samples import samples_from_run
from dcgan.sampling.generate import generate
from dcgan.sampling.project import project
from dcgan.training import train
from dcgan.training.conditioning import num_clusters
from tests.support.tiny_runs import make_images, tiny_config

COUNT = 120


def unlabeled(folder, **options):
    return tiny_config(folder, data_dir=make_images(folder / "many", COUNT), clusters=2, **options)


def labeled(folder, **options):
    for name in ("cat", "dog"):
        make_images(folder / "classes" / name, COUNT)
    return tiny_config(folder, data_dir=folder / "classes", clusters=4, **options)


def checkpoint_arrays(run):
    return dict(run.checkpoints.latest())


def test_images_without_labels_are_divided_into_clusters_that_no_command_asks_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = train(unlabeled(tmp_path))
    classes = run.classes()
    assert classes.names == ("all",)
    assert len(classes.clusters[0]) == 2
    fractions = np.bincount(run.clusters(COUNT)) / COUNT
    np.testing.assert_allclose(classes.clusters[0], fractions)
    assert [tensor.shape[1] for tensor in run.load_generator().inputs] == [5, 2]
    generate(GenerateConfig(run_dir=run.path, num=5, out=Path("generated")))
    assert sorted(path.name for path in Path("generated").iterdir()) == [f"seed-{seed:06d}.png" for seed in range(5)]
    generate(GenerateConfig(run_dir=run.path, seeds="0-2", walk=4, out=Path("walk.png")))
    generate(GenerateConfig(run_dir=run.path, arithmetic="0 - 1 + 2", out=Path("sum.png")))
    assert samples_from_run(run, "ema").labels is None
    with pytest.raises(UserError, match="not conditional"):
        generate(GenerateConfig(run_dir=run.path, class_label="all"))


def test_each_seed_has_its_cluster_whatever_else_is_generated(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = train(unlabeled(tmp_path))
    generate(GenerateConfig(run_dir=run.path, num=30, out=Path("all.npy")))
    generate(GenerateConfig(run_dir=run.path, seeds="17,4", out=Path("two.npy")))
    np.testing.assert_array_equal(np.load("two.npy"), np.load("all.npy")[[17, 4]])
    np.testing.assert_array_equal(samples_from_run(run, "ema").take(30), np.load("all.npy"))


def test_classes_are_divided_and_still_chosen_as_classes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = train(labeled(tmp_path))
    assert run.classes().names == ("cat", "dog")
    assert [len(fractions) for fractions in run.classes().clusters] == [2, 2]
    assert [tensor.shape[1] for tensor in run.load_discriminator().inputs[1:]] == [4]
    generate(GenerateConfig(run_dir=run.path, num=3, class_label="each", out=Path("each.npz")))
    generate(GenerateConfig(run_dir=run.path, num=3, class_label="dog", out=Path("dog.npz")))
    with np.load("each.npz") as each, np.load("dog.npz") as dog:
        assert each["labels"].tolist() == [0, 0, 0, 1, 1, 1]
        np.testing.assert_array_equal(each["images"][3:], dog["images"])
    samples = samples_from_run(run, "ema")
    assert set(samples.labels(40)) == {0, 1}


def test_an_image_is_projected_into_the_clusters_of_its_class(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = train(labeled(tmp_path))
    image = str(next((tmp_path / "classes" / "dog").iterdir()))
    project(ProjectConfig(run_dir=run.path, images=image, class_label="dog", steps=2, out=Path("out")))
    assert "class 'dog, cluster " in capsys.readouterr().out
    with np.load("out/latents.npz") as found:
        assert found["labels"][0] in (2, 3)


@pytest.mark.slow
@pytest.mark.parametrize("config", [unlabeled, labeled])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, config):
    whole = train(config(tmp_path, run_dir=tmp_path / "whole"))
    parts = config(tmp_path, run_dir=tmp_path / "parts")
    train(replace(parts, steps=3))
    resumed = checkpoint_arrays(train(parts))
    for name, array in checkpoint_arrays(whole).items():
        np.testing.assert_array_equal(resumed[name], array, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-1])])
def test_lost_clusters_are_found_again_or_the_run_is_not_resumed(tmp_path, damage):
    config = unlabeled(tmp_path)
    run = train(replace(config, steps=3))
    before = run.clusters(COUNT)
    damage(run.clusters_file)
    assert run.clusters(COUNT) is None
    train(replace(config, steps=4))
    np.testing.assert_array_equal(run.clusters(COUNT), before)
    damage(run.clusters_file)
    write_classes(replace(run.classes(), clusters=((0.25, 0.75),)), run.classes_file)
    with pytest.raises(UserError, match="missing or damaged, or the images are others"):
        train(config)


@pytest.mark.slow
def test_changed_clusters_are_noticed_and_lost_classes_written_again(tmp_path, capsys):
    config = unlabeled(tmp_path)
    run = train(replace(config, steps=3))
    clusters, classes = run.clusters(COUNT), run.classes_file.read_bytes()
    changed = clusters.copy()
    changed[0] = 1 - changed[0]
    run.save_clusters(changed)
    train(replace(config, steps=4))
    assert "clusters.npy is damaged: it does not fit classes.json" in capsys.readouterr().out
    np.testing.assert_array_equal(run.clusters(COUNT), clusters)
    for damaged in (None, b"{", classes.replace(b"0.", b"0.0", 1)):
        run.classes_file.unlink() if damaged is None else run.classes_file.write_bytes(damaged)
        train(replace(config, steps=5))
        assert run.classes_file.read_bytes() == classes
        assert ("It is written again." in capsys.readouterr().out) == (damaged is not None)


def test_a_run_from_the_time_before_clusters_is_resumed_without_any(tmp_path):
    for name in ("cat", "dog"):
        make_images(tmp_path / "classes" / name, 350)
    config = tiny_config(tmp_path, data_dir=tmp_path / "classes")
    run = train(replace(config, steps=3))
    assert run.config().clusters == 0
    lines = run.config_file.read_text().splitlines(keepends=True)
    run.config_file.write_text("".join(line for line in lines if not line.startswith("clusters")))
    assert train(config).checkpoints.latest_step() == 6
    with pytest.raises(UserError, match="clusters is 0, now 2"):
        train(replace(config, clusters=2))


def test_the_number_of_clusters_is_kept_in_the_options_of_the_run(tmp_path):
    many = make_images(tmp_path / "many", 600)
    run = train(tiny_config(tmp_path, data_dir=many, steps=2))
    assert run.config().clusters == 2
    assert len(run.classes().clusters[0]) == 2


def test_too_few_images_for_clusters_are_trained_on_without_any(tmp_path):
    run = train(tiny_config(tmp_path, clusters=100))
    assert run.classes() is None
    assert len(run.load_generator().inputs) == 1


def test_another_number_of_clusters_is_another_run(tmp_path):
    train(unlabeled(tmp_path))
    with pytest.raises(UserError, match="clusters"):
        train(replace(unlabeled(tmp_path), clusters=0, steps=9))


def test_the_discriminator_sees_each_real_image_with_its_own_cluster(tmp_path):
    """The number of images of each cluster is what the training batches of an epoch contain."""
    run = train(unlabeled(tmp_path))
    images = load(run.config()).images.astype(np.float64).reshape(COUNT, -1)
    clusters = run.clusters(COUNT)
    centers = np.stack([images[clusters == cluster].mean(axis=0) for cluster in range(2)])
    distances = ((images[:, None] - centers) ** 2).sum(axis=2)
    assert (distances.argmin(axis=1) == clusters).mean() > 0.9  # k-means on principal components, nearly that of pixels
    assert isinstance(run.load_discriminator(), keras.Model)


def test_images_without_labels_have_a_cluster_per_300_images_up_to_200():
    config, classes = TrainConfig(dataset="folder").resolve(), Classes(("a", "b"), (0.5, 0.5))
    counts = {count: num_clusters(config, None, count) for count in (100, 700, 3786, 60_000, 10**6)}
    assert counts == {100: 0, 700: 2, 3786: 12, 60_000: 200, 10**6: 200}
    assert num_clusters(config, classes, 60_000) == 0
    assert num_clusters(replace(config, clusters=9), classes, 60_000) == 9
