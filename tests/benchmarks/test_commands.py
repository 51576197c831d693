"""Commands measured from outside."""

import pytest

from benchmarks.commands import CommandError, run_python


def test_a_command_reports_its_output_its_peak_memory_and_when_a_line_appeared():
    program = "import time; print('first'); time.sleep(0.2); held = b'x' * 200_000_000; print('last')"
    result = run_python(["-c", program], matches=lambda line: line.startswith("first"))
    assert result.output == "first\nlast\n"
    assert 0 < result.first_match < result.seconds - 0.1
    assert result.peak_memory > 200e6


def test_a_failed_command_raises_with_its_last_line_on_standard_error():
    with pytest.raises(CommandError, match="exit code 2: what went wrong"):
        run_python(["-c", "import sys; print('what went wrong', file=sys.stderr); sys.exit(2)"])
