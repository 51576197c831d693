"""A browser that reaches servers of this machine, and a trained run."""

import pytest

from dcgan import train
from dcgan.runs import Run
from tests.support.tiny_runs import tiny_config


@pytest.fixture
def online_browser(browser):
    """The browser while it is not offline."""
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
