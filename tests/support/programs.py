"""Running the programs of the tests, such as those in `tests/reliability`."""

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def run_program(module: str, *arguments: str) -> str:
    """Run `python -m module` and return what it prints; any other exit code than 0 fails the test."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
