"""Processes that train."""

import itertools
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from dcgan.config.parser import to_yaml

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def start(tmp_path):
    """Start processes that train; all of them have ended when the test ends."""
    numbers = itertools.count()
    with ExitStack() as stack:

        def start(config, *command, **environment):
            file = tmp_path / f"{next(numbers)}.yaml"
            file.write_text(to_yaml(config))
            process = subprocess.Popen(
                [sys.executable, *(command or ("train.py", "--config")), str(file)],
                cwd=CHECKOUT,
                env={**os.environ, "PYTHONPATH": str(CHECKOUT), **environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            stack.callback(process.communicate)
            stack.callback(process.kill)
            return process

        yield start
