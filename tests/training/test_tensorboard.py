"""What TensorBoard is shown, read back with its own reader."""

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
    return train(tiny_config(tmp_path_factory.mktemp("board"), tensorboard=True))


@pytest.fixture(scope="module")
def events(finished):
    return EventAccumulator(str(finished.events)).Reload()


def test_every_number_of_the_log_is_a_scalar_at_its_step(finished, events):
    for key, tag in (("d_loss", "loss/discriminator"), ("d_fake", "mean of D/generated images")):
        shown = {event.step: float(make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)}
        assert shown == pytest.approx({record["step"]: record[key] for record in finished.log_records()})


def test_every_grid_of_samples_is_an_image_at_its_step(events):
    assert [event.step for event in events.Tensors("samples")] == [3, 6]


def test_a_full_disk_is_told_and_training_goes_on(tmp_path, monkeypatch, capsys):
    def full(*arguments, **options):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr("tensorflow.summary.scalar", full)
    assert train(tiny_config(tmp_path, tensorboard=True)).checkpoints.latest_step() == 6
    assert "tensorboard can't be written; training goes on" in capsys.readouterr().out


def test_the_options_that_decide_the_result_are_its_hyperparameters(finished, events):
    from tensorboard.plugins.hparams.metadata import SESSION_START_INFO_TAG, parse_session_start_info_plugin_data

    (content,) = (events.SummaryMetadata(SESSION_START_INFO_TAG).plugin_data.content,)
    told = parse_session_start_info_plugin_data(content).hparams
    assert told["batch_size"].number_value == finished.config().batch_size
    assert told["upsampling"].string_value == "nearest"
    assert "run_dir" not in told


def test_the_projector_finds_a_point_a_label_and_a_thumbnail_for_every_picture(finished):
    from google.protobuf import text_format
    from tensorboard.plugins.projector import ProjectorConfig

    text = (finished.events / "projector_config.pbtxt").read_text()
    (embedding,) = text_format.Parse(text, ProjectorConfig()).embeddings
    points = np.loadtxt(finished.events / embedding.tensor_path, delimiter="\t")
    head, *labels = lines(finished.events / embedding.metadata_path)
    assert head == ["kind", "picture"]
    assert [line[0] for line in labels] == ["real"] * 12 + ["drawn"] * 500
    assert len(points) == len(labels)
    sprite = read_png(finished.events / embedding.sprite.image_path)
    side = int(np.ceil(np.sqrt(len(labels))))
    assert sprite.shape == (-(-len(labels) // side) * 8, side * 8, 3)
    assert list(embedding.sprite.single_image_dim) == [8, 8]


def test_it_is_said_how_to_look_at_it(tmp_path, capsys):
    train(tiny_config(tmp_path, tensorboard=True, steps=2))
    assert f"tensorboard --logdir {tmp_path}" in capsys.readouterr().out
    train(tiny_config(tmp_path, tensorboard=False))
    assert "tensorboard" not in capsys.readouterr().out


def test_a_run_ends_well_without_its_events(tmp_path, capsys):
    config = tiny_config(tmp_path, tensorboard=True)
    config.run_dir.mkdir()
    (config.run_dir / "tensorboard").write_text("a file where the folder should be")
    (config.run_dir / "config.yaml").write_text(to_yaml(config))
    run = train(config)
    assert run.checkpoints.latest_step() == 6
    assert capsys.readouterr().out.count("training goes on without TensorBoard") == 1


def test_what_breaks_is_said_once_and_left_out_from_then_on(tmp_path):
    said = []
    board = TensorBoardWriter(Run(tmp_path), said.append)

    def fail(folder):
        raise RuntimeError("no room")

    for _ in range(2):
        board.embedding(fail)
    board.scalars({"step": 1, "d_loss": 0.5})
    board.close()
    assert len(said) == 1
    assert "no room" in said[0]


@pytest.mark.parametrize("hidden", [0, 5])
def test_features_are_what_the_discriminator_judges_by(hidden):
    network = build_discriminator((8, 8), 1, width=4, hidden=hidden)
    images = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 1), np.uint8)
    judged = network(images / 127.5 - 1, training=False)
    np.testing.assert_allclose(
        discriminator_features(network, images) @ np.asarray(network.layers[-1].kernel), judged, atol=1e-5
    )


def test_principal_components_keep_distances_and_come_in_order():
    rows = np.random.default_rng(0).standard_normal((20, 7)) * np.arange(1, 8)
    points = principal_components(rows, 7)
    between = [np.linalg.norm(each[:, None] - each[None], axis=2) for each in (rows, points)]
    np.testing.assert_allclose(*between, atol=1e-9)
    assert np.all(np.diff(points.var(axis=0)) < 0)
    assert principal_components(rows, 3).shape == (20, 3)


def test_classes_and_large_pictures_are_labelled_and_shrunk(tmp_path):
    network = build_discriminator((112, 64), 3, width=2)
    images = np.zeros((2, 112, 64, 3), np.uint8)
    parts = [
        LabeledImages(images, "real", ["a\tb", "c"], ["image 0", "image 1"]),
        LabeledImages(images[:1], "drawn", [], ["seed 0"]),
    ]
    write_embedding(tmp_path, network, parts)
    assert lines(tmp_path / "projector-labels.tsv")[1:] == [
        ["real", "a b", "real a b", "image 0"],
        ["real", "c", "real c", "image 1"],
        ["drawn", "?", "drawn ?", "seed 0"],
    ]
    assert read_png(tmp_path / "projector-sprite.png").shape == (2 * 48, 2 * 27, 3)
