"""Commands measured from outside."""

import pytest

from benchmarks.commands import CommandFailed, command


def test_a_command_tells_when_a_line_came_and_how_much_memory_it_took():
    program = "import time; print('first'); time.sleep(0.2); held = bytes(50_000_000); print('last')"
    outcome = command(["-c", program], awaited=lambda line: line.startswith("first"))
    assert outcome.output == "first\nlast\n"
    assert 0 < outcome.seen < outcome.seconds - 0.1
    assert outcome.peak > 50e6


def test_a_failing_command_is_told_by_its_last_words():
    with pytest.raises(CommandFailed, match="exit code 2: what went wrong"):
        command(["-c", "import sys; print('what went wrong', file=sys.stderr); sys.exit(2)"])
