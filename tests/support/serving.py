"""The server of `dcgan explore` in a thread of the tests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dcgan.config import ExploreConfig
from dcgan.explore.routes import Page
from dcgan.explore.server import LoopbackServer
from dcgan.runs import Run


@contextmanager
def serving(*runs: Run, **options) -> Iterator[LoopbackServer]:
    """Serve the page of runs in a thread; yields its server."""
    server = LoopbackServer(0, Page(runs, ExploreConfig(**options)).routes())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
