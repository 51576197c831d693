"""What the workers of a distributed job agree on: real processes, on the loopback address."""

from dataclasses import replace

import keras
import pytest
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.runs import Run
from dcgan.training import agreement
from dcgan.training.distributed import Job
from tests.support.tiny_runs import make_images, tiny_config
from tests.support.workers import finish, start_workers


@pytest.fixture
def config(tmp_path):
    every = {"save_every": 5, "sample_every": 20, "log_every": 5}
    return tiny_config(tmp_path, image_size="16", batch_size=8, steps=20, discriminator_hidden=0, **every)


def test_workers_agree_on_everything_that_decides_results_or_when_they_wait_for_each_other(config):
    options = agreement.options_to_agree_on(config)
    assert {"seed", "batch_size", "steps", "log_every", "sample_every", "save_every", "evaluate_every"} <= set(options)
    assert not {"run_dir", "data_dir", "cache_dir"} & set(options)


@pytest.mark.slow
def test_workers_with_different_options_are_refused(config, start):
    codes, outputs = finish(start_workers(start, config, replace(config, log_every=4)))
    assert codes == [2, 2], outputs
    assert all("The workers have different options." in output for output in outputs)


@pytest.mark.slow
def test_workers_with_different_images_are_refused(config, start, tmp_path):
    other = make_images(tmp_path / "others" / "images")
    first, second = sorted(other.iterdir())[:2]
    exchanged = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(exchanged)
    codes, outputs = finish(start_workers(start, config, replace(config, data_dir=other)))
    assert codes == [2, 2], outputs
    assert all("The workers have different images." in output for output in outputs)


@pytest.mark.slow
def test_the_chief_evaluates_with_several_workers(config, start, tmp_path):
    features = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    features.save(tmp_path / "features.keras")
    options = {"features": str(tmp_path / "features.keras"), "evaluate_num": 8}
    config = replace(config, steps=10, evaluate_every=5, **options)
    codes, (chief, other) = finish(start_workers(start, config, config))
    assert codes == [0, 0], (chief, other)
    assert [record["step"] for record in Run(config.run_dir).log_records() if "frechet_distance" in record] == [5, 10]
    assert Run(config.run_dir).best_file.exists()


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Collective ops must be configured at program startup"),
        tf.errors.InvalidArgumentError(None, None, "shapes do not match"),
        tf.errors.ResourceExhaustedError(None, None, "out of memory"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_another_cause_is_not_explained_as_a_lost_worker(error):
    with pytest.raises(type(error)), agreement.explain_lost_workers(Job("multi_worker", 0, 2)):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.UnavailableError(None, None, "Socket closed"),
        tf.errors.InternalError(None, None, "/job:worker/replica:0/task:1 heartbeat timeout."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_lost_worker_is_explained_only_where_there_are_several(error):
    with (
        pytest.raises(UserError, match="lost the connection"),
        agreement.explain_lost_workers(Job("multi_worker", 0, 2)),
    ):
        raise error
    with pytest.raises(type(error)), agreement.explain_lost_workers(Job()):
        raise error
