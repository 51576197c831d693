"""The short form of `many_images`, and the images that it makes."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.reliability import many_images
from tests.support.programs import run_program

SMALL = "--compile none --batch-size 4 --generator-width 4 --discriminator-width 4 --clusters 2 --no-tensorboard"


NEEDS_STATUS = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the system does not tell what a process takes"
)


def run(*arguments):
    """Run the program with thousands instead of a million images; TensorFlow takes most of the memory."""
    return run_program("tests.reliability.many_images", "--num", "2500", *arguments)


@pytest.mark.slow
@NEEDS_STATUS
def test_many_images_are_prepared_and_trained_on_in_little_memory():
    assert "4 of 4 commands on 2500 images" in run("--steps", "2", "--memory", "2", "--", *SMALL.split())


@NEEDS_STATUS
def test_many_images_in_a_zip_are_prepared_in_little_memory():
    assert "2 of 2 commands on 2500 images" in run("--steps", "0", "--memory", "0.5", "--zip")


@NEEDS_STATUS
def test_a_program_that_takes_more_memory_than_the_limit_fails(tmp_path):
    command = ["-c", "kept = bytes(3 << 30)"]
    result = many_images.run_in_memory(command, 1 << 30, tmp_path / "log")
    assert result.code == 1
    assert "MemoryError" in result.output


@NEEDS_STATUS
def test_the_memory_of_a_program_is_measured_with_that_of_those_it_starts(tmp_path):
    program = "import sys, time; kept = bytearray(b'x') * (100 << 20); time.sleep(0.5)"
    both = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {program!r}]); {program}; p.wait()"
    result = many_images.run_in_memory(["-c", both], 1 << 30, tmp_path / "log")
    assert result.code == 0
    assert 200 << 20 < result.memory < 300 << 20
    assert 100 << 20 < result.resident < 200 << 20


def test_every_image_is_another_one_in_a_folder_and_a_zip(tmp_path):
    many_images.write_folder(tmp_path / "folder", 300)
    many_images.write_zip(tmp_path / "images.zip", 300)
    files = sorted(path for path in (tmp_path / "folder").rglob("*") if path.is_file())
    pixels = {np.asarray(Image.open(io.BytesIO(path.read_bytes()))).tobytes() for path in files}
    assert len(files) == len(pixels) == 300
    assert len({path.parent for path in files}) == 2
    with zipfile.ZipFile(tmp_path / "images.zip") as archive:
        names = [str(path.relative_to(tmp_path / "folder")) for path in files]
        assert {archive.read(name) for name in names} == {path.read_bytes() for path in files}
