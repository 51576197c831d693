"""A real browser without a window or a network: Chromium with its driver, as Debian's packages install them."""

import shutil

import pytest

from dcgan import train
from dcgan.runs import Run
from tests.support.tiny_runs import tiny_config

BROWSERS = "chromium", "chromium-browser", "google-chrome"


@pytest.fixture(scope="session")
def browser():
    """A started browser; tests that need one are skipped where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("no Chromium with its driver: `apt-get install chromium chromium-driver`")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,1600"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options, webdriver.ChromeService(driver))
    started.set_script_timeout(60)
    started.execute_cdp_cmd("Network.enable", {})
    _set_offline(started, True)
    yield started
    started.quit()


@pytest.fixture
def online_browser(browser):
    """The browser while it can reach servers of this machine."""
    _set_offline(browser, False)
    yield browser
    _set_offline(browser, True)


def _set_offline(browser, offline):
    conditions = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run of six steps on twelve images of 8×8, with a checkpoint, sample grids and a best generator."""
    config = tiny_config(tmp_path_factory.mktemp("trained"))
    train(config)
    run = Run(config.run_dir)
    run.best_file.write_bytes(run.generator_file.read_bytes())
    return run
