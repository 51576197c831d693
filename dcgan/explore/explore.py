"""The `explore` command: serve the page of a run until it is stopped."""

import contextlib
import threading
import webbrowser
from dataclasses import fields

from dcgan.config import DataConfig, ExploreConfig
from dcgan.core.atomic_io import parse_paths
from dcgan.core.errors import errors_about
from dcgan.core.printable import printable
from dcgan.data.load import check_options
from dcgan.explore.models import computing
from dcgan.explore.routes import Page
from dcgan.explore.server import LoopbackServer
from dcgan.runs import find_run
from dcgan.runs.loading import data_options

STOP_SECONDS = 30.0
"""How long to wait for a computation when the server is stopped: native code does not survive the end of Python. A
second Ctrl-C does not wait."""


def explore(config: ExploreConfig) -> None:
    """Serve the page of a run on 127.0.0.1, print its address, and open it in the browser, until Ctrl-C or SIGTERM.

    Args:
        config: options of the command.

    Raises:
        UserError: there is no such run, the data options contradict each other, or the port can't be used.
    """
    runs = [find_run(config.run_dir)]
    with errors_about(f"--compare-runs {config.compare_runs}"):
        runs += map(find_run, parse_paths(config.compare_runs))
    if any(getattr(config, field.name) is not None for field in fields(DataConfig)):
        for run in runs:
            check_options(data_options(config, run), "train")
    server = LoopbackServer(config.port or 0, Page(runs, config).routes())
    names = ", ".join(printable(run.description) for run in runs)
    with contextlib.suppress(KeyboardInterrupt), server:
        print(f"{names}: {server.url}  (Ctrl-C stops)", flush=True)
        if config.browser:  # a text browser would take the terminal, and with it this thread
            threading.Thread(target=webbrowser.open, args=(server.url,), daemon=True).start()
        server.serve_forever()
    if not computing.acquire(blocking=False):
        print("Waiting for a computation to end.", flush=True)
        if not computing.acquire(timeout=STOP_SECONDS):
            return
    computing.release()
