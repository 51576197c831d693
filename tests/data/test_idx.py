"""IDX files are read exactly, and everything else is refused with the reason."""

import contextlib
import gzip
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dcgan.core.errors import UserError
from dcgan.data.idx import read_idx, write_idx
from tests.support.synthetic_datasets import idx_bytes

ARRAY = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def write(folder, data):
    path = folder / "images-idx3-ubyte"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_an_idx_file_is_read_as_it_was_written_whatever_its_name(tmp_path, compress):
    read = read_idx(write(tmp_path, compress(idx_bytes(ARRAY))), 3)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, ARRAY)


def test_a_written_array_is_read_back_and_its_file_is_identical_each_time(tmp_path):
    for name in ("a.gz", "b.gz"):
        write_idx(tmp_path / name, ARRAY)
        np.testing.assert_array_equal(read_idx(tmp_path / name, 3), ARRAY)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


BROKEN = {
    "is empty": b"",
    "starts with 89504e47": b"\x89PNG\r\n\x1a\n" + bytes(30),
    "starts with 3c21444f": b"<!DOCTYPE html><html></html>",
    "not an IDX file of 3 dimension": idx_bytes(ARRAY[0, 0]),
    "starts with 00000d03": struct.pack(">HBB3I", 0, 0x0D, 3, 2, 3, 4) + bytes(96),  # of floats
    "cut off within its header": idx_bytes(ARRAY)[:9],
    "too short": idx_bytes(ARRAY)[:-1],
    "too long": idx_bytes(ARRAY) + b"\0",
    "is empty: its header declares": idx_bytes(ARRAY[:0]),
    "too short for the 4294967295x4294967295x4294967295": struct.pack(">HBB3I", 0, 8, 3, *[2**32 - 1] * 3) + bytes(9),
}


@pytest.mark.parametrize("problem", BROKEN)
def test_a_broken_file_is_named_with_the_problem(tmp_path, problem):
    path = write(tmp_path, BROKEN[problem])
    with pytest.raises(UserError, match=problem) as caught:
        read_idx(path, 3)
    assert str(path) in caught.value.problem


@pytest.mark.parametrize("problem", BROKEN)
def test_a_broken_file_is_refused_inside_gzip_too(tmp_path, problem):
    with pytest.raises(UserError):
        read_idx(write(tmp_path, gzip.compress(BROKEN[problem])), 3)


def test_a_truncated_gzip_is_recognized(tmp_path):
    with pytest.raises(UserError, match="cut off"):
        read_idx(write(tmp_path, gzip.compress(idx_bytes(ARRAY))[:-9]), 3)


@pytest.mark.parametrize("position", [-8, -4, 12], ids=["checksum", "length", "body"])
def test_a_gzip_with_a_flipped_byte_is_refused(tmp_path, position):
    data = bytearray(gzip.compress(idx_bytes(ARRAY)))
    data[position] ^= 0xFF
    with pytest.raises(UserError):
        read_idx(write(tmp_path, bytes(data)), 3)


def test_a_small_gzip_that_declares_terabytes_is_refused_before_anything_is_unpacked(tmp_path):
    header = struct.pack(">HBB3I", 0, 8, 3, 10**6, 1000, 1000)
    with pytest.raises(UserError, match="too short"):
        read_idx(write(tmp_path, gzip.compress(header + bytes(1 << 20))), 3)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(UserError, match="can't be read"):
            read_idx(path, 3)


HEADERS = st.binary(max_size=64) | st.builds(
    lambda sizes, body: struct.pack(f">HBB{len(sizes)}I", 0, 8, len(sizes), *sizes) + body,
    st.lists(st.integers(0, 4) | st.integers(0, 2**32 - 1), max_size=4),
    st.binary(max_size=64),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=HEADERS | HEADERS.map(gzip.compress), length=st.none() | st.integers(0, 40))
@example(data=idx_bytes(ARRAY), length=None)
def test_any_bytes_are_an_array_or_a_user_error(tmp_path, data, length):
    with contextlib.suppress(UserError):
        assert read_idx(write(tmp_path, data[:length]), 3).ndim == 3
