"""Settings of every test: environment variables of TensorFlow, and a folder of its own."""

import signal

import pytest

import dcgan  # noqa: F401  (sets environment variables that TensorFlow reads when it is imported)
from dcgan.core.argument_names import options_are_typed

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell started the tests in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Leave slow tests out of the measured coverage, which makes a training take 1.4 times as long on Python 3.11."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker("no_cover")


@pytest.fixture(autouse=True)
def _run_in_a_temporary_folder(tmp_path, monkeypatch):
    """Let relative paths (`checkpoints/`) and the user's cache lead into the folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.fixture
def command_line():
    """Let errors name options as they are typed, as they do while a command line is running."""
    with options_are_typed():
        yield


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A stand-in for Hugging Face on this machine, which `huggingface_hub` takes for the real one."""
    from tests.support.hub_server import serve_hub

    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "huggingface"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with serve_hub() as served:
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        template = served.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield served
