"""A worker process that does next to nothing."""

import pytest

from benchmarks.workers import start_workers
from tests.support.trivial_baseline import COUNTER


@pytest.fixture(scope="module")
def counter():
    with start_workers([COUNTER]) as (worker,):
        yield worker
