"""TensorBoard events, read back with TensorBoard's own reader."""

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from dcgan import train
from dcgan.config.parser import to_yaml
from dcgan.networks import build_discriminator
from dcgan.runs import Run
from dcgan.training.tensorboard import (
    LabeledImages,
    TensorBoardWriter,
    discriminator_features,
    principal_components,
    write_embedding,
)
from dcgan.visualization import read_png
from tests.support.tiny_runs import tiny_config


def lines(path):
    return [line.split("\t") for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of six steps."""
    return train(tiny_config(tmp_path_factory.mktemp("run"), tensorboard=True))


@pytest.fixture(scope="module")
def events(finished):
    return EventAccumulator(str(finished.tensorboard_dir)).Reload()


def test_every_metric_of_the_log_is_a_scalar_at_its_step(finished, events):
    for key, tag in (("d_loss", "loss/discriminator"), ("d_fake", "mean of D/generated images")):
        shown = {event.step: float(make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)}
        assert shown == pytest.approx({record["step"]: record[key] for record in finished.log_records()})


def test_every_grid_of_samples_is_an_image_at_its_step(events):
    assert [event.step for event in events.Tensors("samples")] == [3, 6]


def test_a_full_disk_is_reported_and_training_continues(tmp_path, monkeypatch, capsys):
    def full(*arguments, **options):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr("tensorflow.summary.scalar", full)
    assert train(tiny_config(tmp_path, tensorboard=True)).checkpoints.latest_step() == 6
    assert "tensorboard can't be written; training continues" in capsys.readouterr().out


def test_the_options_that_change_the_result_are_hyperparameters(finished, events):
    from tensorboard.plugins.hparams.metadata import SESSION_START_INFO_TAG, parse_session_start_info_plugin_data

    (content,) = (events.SummaryMetadata(SESSION_START_INFO_TAG).plugin_data.content,)
    hyperparameters = parse_session_start_info_plugin_data(content).hparams
    assert hyperparameters["batch_size"].number_value == finished.config().batch_size
    assert hyperparameters["upsampling"].string_value == "nearest"
    assert "run_dir" not in hyperparameters


def test_the_projector_finds_a_point_a_label_and_a_thumbnail_for_every_image(finished):
    from google.protobuf import text_format
    from tensorboard.plugins.projector import ProjectorConfig

    text = (finished.tensorboard_dir / "projector_config.pbtxt").read_text()
    (embedding,) = text_format.Parse(text, ProjectorConfig()).embeddings
    points = np.loadtxt(finished.tensorboard_dir / embedding.tensor_path, delimiter="\t")
    head, *labels = lines(finished.tensorboard_dir / embedding.metadata_path)
    assert head == ["source", "image"]
    assert [line[0] for line in labels] == ["real"] * 12 + ["generated"] * 500
    assert len(points) == len(labels)
    sprite = read_png(finished.tensorboard_dir / embedding.sprite.image_path)
    side = int(np.ceil(np.sqrt(len(labels))))
    assert sprite.shape == (-(-len(labels) // side) * 8, side * 8, 3)
    assert list(embedding.sprite.single_image_dim) == [8, 8]


def test_the_command_to_open_tensorboard_is_printed(tmp_path, capsys):
    train(tiny_config(tmp_path, tensorboard=True, steps=2))
    assert f"tensorboard --logdir {tmp_path}" in capsys.readouterr().out
    train(tiny_config(tmp_path, tensorboard=False))
    assert "tensorboard" not in capsys.readouterr().out


def test_a_run_completes_without_its_events(tmp_path, capsys):
    config = tiny_config(tmp_path, tensorboard=True)
    config.run_dir.mkdir()
    (config.run_dir / "tensorboard").write_text("a file where the folder should be")
    (config.run_dir / "config.yaml").write_text(to_yaml(config))
    run = train(config)
    assert run.checkpoints.latest_step() == 6
    assert capsys.readouterr().out.count("training continues without TensorBoard") == 1


def test_an_error_is_reported_once_and_nothing_is_written_after_it(tmp_path):
    lines_said = []
    writer = TensorBoardWriter(Run(tmp_path), lines_said.append)

    def fail(folder):
        raise RuntimeError("no room")

    for _ in range(2):
        writer.embedding(fail)
    writer.scalars({"step": 1, "d_loss": 0.5})
    writer.close()
    assert len(lines_said) == 1
    assert "no room" in lines_said[0]


@pytest.mark.parametrize("hidden", [0, 5])
def test_features_are_the_inputs_of_the_discriminators_logit(hidden):
    network = build_discriminator((8, 8), 1, width=4, hidden=hidden)
    images = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 1), np.uint8)
    logits = network(images / 127.5 - 1, training=False)
    np.testing.assert_allclose(
        discriminator_features(network, images) @ np.asarray(network.layers[-1].kernel), logits, atol=1e-5
    )


@pytest.mark.parametrize("shape", [(20, 7), (7, 20)])
def test_principal_components_keep_distances_and_come_in_order(shape):
    rows = np.random.default_rng(0).standard_normal(shape) * np.arange(1, shape[1] + 1)
    points = principal_components(rows, 7)
    between = [np.linalg.norm(each[:, None] - each[None], axis=2) for each in (rows, points)]
    np.testing.assert_allclose(*between, atol=1e-6)
    assert np.all(np.diff(points.var(axis=0)) < 0)
    assert principal_components(rows, 3).shape == (shape[0], 3)


def test_classes_are_labeled_and_large_images_reduced(tmp_path):
    network = build_discriminator((112, 64), 3, width=2)
    images = np.zeros((2, 112, 64, 3), np.uint8)
    parts = [
        LabeledImages(images, "real", ["a\tb", "c"], ["image 0", "image 1"]),
        LabeledImages(images[:1], "generated", [], ["seed 0"]),
    ]
    write_embedding(tmp_path, network, parts)
    assert lines(tmp_path / "projector-labels.tsv")[1:] == [
        ["real", "a b", "real a b", "image 0"],
        ["real", "c", "real c", "image 1"],
        ["generated", "?", "generated ?", "seed 0"],
    ]
    assert read_png(tmp_path / "projector-sprite.png").shape == (2 * 48, 2 * 27, 3)
