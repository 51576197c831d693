"""The wheel contains what an installed package needs, and requirements*.txt pins what pyproject.toml requires."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import dcgan
from dcgan.config import PRETRAINED_NAMES
from dcgan.visualization import read_png

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIRED = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
"""Requirements by extra; "" for those of the package itself."""


def lines_of(extra):
    text = (ROOT / f"requirements{'-' * bool(extra)}{extra}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def by_name(requirements):
    return {canonicalize_name(requirement.name): requirement for requirement in map(Requirement, requirements)}


@pytest.mark.parametrize("extra", REQUIRED)
def test_every_requirements_file_pins_the_packages_of_its_extra_within_their_ranges(extra):
    pins = by_name(line for line in lines_of(extra) if not line.startswith("-r "))
    ranges = by_name(REQUIRED[extra])
    included = ranges.pop("dcgan", None)
    assert pins.keys() == ranges.keys()
    for name, pin in pins.items():
        (version,) = pin.specifier
        assert version.operator == "=="
        assert ranges[name].specifier.contains(version.version), name
    files = {f"-r requirements-{other}.txt" for other in (included.extras if included else ())}
    expected = files | {"-r requirements.txt"} if extra else set()
    assert {line for line in lines_of(extra) if line.startswith("-r ")} == expected


def test_there_is_an_extra_for_every_requirements_file():
    files = {file.stem.removeprefix("requirements").removeprefix("-") for file in ROOT.glob("requirements*.txt")}
    assert files == set(REQUIRED)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return file


def test_the_wheel_contains_the_package_its_data_and_the_pretrained_runs(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {file.relative_to(ROOT).as_posix() for file in (ROOT / "dcgan").rglob("*.py")}
    assert modules <= names
    assert {"dcgan/py.typed", "dcgan/data/mnist10k/train-images-idx3-ubyte.gz"} <= names
    for name in PRETRAINED_NAMES:
        packaged = {file.rpartition("/")[2] for file in names if file.startswith(f"dcgan/pretrained/{name}/")}
        required = {"generator.keras", "config.yaml", "evaluation.json", "log.jsonl", "README.md"}
        optional = {"classes.json", "discriminator.keras"}
        assert packaged == required | {file for file in optional if (ROOT / "checkpoints" / name / file).exists()}
    assert not any(name.startswith(("tests", "benchmarks", "notebooks", "checkpoints")) for name in names)


def test_the_wheel_has_the_version_and_the_console_command(wheel):
    archive, info = zipfile.ZipFile(wheel), f"dcgan-{dcgan.__version__}.dist-info"
    assert f"\nVersion: {dcgan.__version__}\n" in archive.read(f"{info}/METADATA").decode()
    assert "dcgan = dcgan.cli.main:main" in archive.read(f"{info}/entry_points.txt").decode()


@pytest.mark.slow
def test_an_installed_package_generates_from_the_pretrained_run_into_the_current_folder(wheel, tmp_path):
    installed, folder = tmp_path / "site-packages", tmp_path / "work"
    zipfile.ZipFile(wheel).extractall(installed)
    before = {file: file.stat().st_mtime for file in (installed / "dcgan/pretrained").rglob("*")}
    folder.mkdir()
    command = [sys.executable, "-m", "dcgan", "generate"]
    environment = os.environ | {"PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    (grid,) = folder.rglob("*.*")
    assert grid.parent == folder / "generated"
    assert read_png(grid).shape[2] == 1
    assert {file: file.stat().st_mtime for file in (installed / "dcgan/pretrained").rglob("*")} == before
