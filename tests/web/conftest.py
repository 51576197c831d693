"""Real browsers without a window or a network; tests that need one are skipped where there is none."""

import pytest

from benchmarks.browser import BrowserError, open_browser


def _started(name):
    try:
        with open_browser(name) as driver:
            yield driver
    except BrowserError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def browser():
    """Chromium."""
    yield from _started("chromium")


@pytest.fixture(scope="session")
def firefox():
    """Firefox."""
    yield from _started("firefox")


@pytest.fixture(params=["browser", "firefox"])
def each_browser(request):
    """Chromium, then Firefox."""
    return request.getfixturevalue(request.param)
