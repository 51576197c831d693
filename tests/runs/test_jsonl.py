"""A JSON Lines file that is read while it grows."""

from pathlib import Path

import pytest

from dcgan.core.errors import UserError
from dcgan.runs.jsonl import JsonlReader, read_jsonl, to_line, write_jsonl

FILE = Path("log.jsonl")


def append(text):
    with FILE.open("a", encoding="utf-8") as file:
        file.write(text)


def test_each_line_is_read_once_and_as_a_whole():
    reader = JsonlReader(FILE)
    assert reader.read() == (False, [])
    append(to_line({"step": 1, "note": "ä"}) + "damaged\n" + to_line({"step": 2})[:9])
    assert reader.read() == (False, [{"step": 1, "note": "ä"}])
    assert reader.read() == (False, [])
    append(to_line({"step": 2})[9:] + to_line({"step": 3}))
    assert reader.read() == (False, [{"step": 2}, {"step": 3}])
    append("\n")
    assert reader.read() == (False, [])
    append(to_line({"step": 4}))
    assert reader.read() == (False, [{"step": 4}])


@pytest.mark.parametrize("steps", [[], [1], [1, 9], [1, 9, 3, 4], [8, 9, 3, 4, 5, 6, 7, 8]])
def test_a_file_that_was_rewritten_is_read_from_its_beginning(steps):
    reader = JsonlReader(FILE)
    write_jsonl(FILE, [{"step": step} for step in (1, 2, 3)])
    reader.read()
    write_jsonl(FILE, [{"step": step, "loss": 0.5} for step in steps])
    assert reader.read() == (True, read_jsonl(FILE))


def test_a_file_that_was_removed_has_no_lines():
    reader = JsonlReader(FILE)
    append(to_line({"step": 1}))
    reader.read()
    FILE.unlink()
    assert reader.read() == (True, [])
    assert reader.read() == (False, [])


def test_what_can_not_be_read_is_a_user_error():
    FILE.mkdir()
    with pytest.raises(UserError, match=r"log\.jsonl can't be read: Is a directory"):
        JsonlReader(FILE).read()
