"""Small generators, plain and conditional, and what the command exports from them."""

import functools

import pytest

from dcgan.config import ExportConfig
from dcgan.export import export
from dcgan.export.formats import FORMATS
from tests.support.small_generators import CLASSES, run_with_generator, small_generator


@pytest.fixture(scope="session", params=[0, CLASSES], ids=["plain", "conditional"])
def generator(request):
    return small_generator(request.param)


@pytest.fixture(scope="session")
def exports(tmp_path_factory):
    """A function that exports a generator in a format, once, and returns the path."""

    @functools.cache
    def exported(key, generator):
        for package in FORMATS[key].packages:
            pytest.importorskip(package)
        folder = tmp_path_factory.mktemp("exported")
        run = run_with_generator(generator, folder / "run")
        out = folder / f"out/generator{FORMATS[key].suffix}"
        assert export(ExportConfig(run_dir=run.path, format=key, out=out)) == out
        return out

    return exported


@pytest.fixture(scope="session", params=FORMATS)
def exported(request, generator, exports):
    """The key of a format, and an export in it."""
    return request.param, exports(request.param, generator)


@pytest.fixture
def run():
    return run_with_generator(small_generator())


@pytest.fixture
def conditional_run():
    return run_with_generator(small_generator(CLASSES))
