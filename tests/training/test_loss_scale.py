"""Loss scaling under `mixed_float16` when the gradients of a single replica overflow."""

import json
from dataclasses import replace

import pytest

from dcgan.runs import Run
from tests.support.tiny_runs import tiny_config
from tests.support.workers import finish, start_workers

STEPS = 3
INITIAL_SCALE = 2.0**15


@pytest.fixture
def config(tmp_path):
    every = {"log_every": 1, "save_every": STEPS, "sample_every": STEPS}
    return tiny_config(tmp_path, image_size="16", batch_size=8, steps=STEPS, precision="mixed_float16", **every)


def assert_every_step_was_skipped(config, outputs):
    """Compare what `overflow.py` printed, and the last checkpoint, to steps that only halve the loss scales."""
    for output in outputs:
        result = json.loads(output.strip().splitlines()[-1])
        assert result["unchanged"], output
        assert set(result["scales"]) == {INITIAL_SCALE / 2**STEPS}
    checkpoint = Run(config.run_dir).checkpoints.latest()
    assert checkpoint["steps_done"] == STEPS
    assert checkpoint["generator_optimizer/dynamic_scale"] == INITIAL_SCALE / 2**STEPS


@pytest.mark.slow
def test_an_overflow_in_the_second_replica_skips_the_step_in_both(config, start):
    config = replace(config, strategy="mirrored")
    codes, outputs = finish([start(config, "tests/support/overflow.py", "2")])
    assert codes == [0], outputs
    assert_every_step_was_skipped(config, outputs)


@pytest.mark.slow
def test_an_overflow_in_the_second_worker_skips_the_step_on_both(config, start):
    workers = start_workers(start, config, config, command=("tests/support/overflow.py", "1"))
    codes, outputs = finish(workers, timeout=120)
    assert codes == [0, 0], outputs
    assert_every_step_was_skipped(config, outputs)
