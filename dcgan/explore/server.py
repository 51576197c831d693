"""An HTTP server on 127.0.0.1 that answers the requests of its own page and of nothing else.

A page of another site can send requests to this machine, too. They are refused by what a browser says about them: a
`Host` header of another name (DNS rebinding), an `Origin` that is not the page's own, or a `Sec-Fetch-Site` that says
so. No answer allows another site to read it (no CORS), to show it in a frame, or to load it as an image or a script.
"""

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qsl

from dcgan.core.errors import UserError

ADDRESS = "127.0.0.1"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""Headers of every answer, those of errors included."""

MAX_PARAMETERS = 10


@dataclass(frozen=True)
class Answer:
    """What a route returns.

    Args:
        content: the body.
        content_type: its MIME type.
    """

    content: bytes
    content_type: str

    @staticmethod
    def json(value: Any) -> "Answer":
        """Return an answer of a value that JSON can represent, without NaN or infinite numbers."""
        return Answer(json.dumps(value, allow_nan=False).encode("utf-8"), "application/json")


class RequestError(Exception):
    """A request that can't be answered.

    Args:
        status: HTTP status code.
        problem: what is wrong, as text for a person.
    """

    def __init__(self, status: HTTPStatus, problem: str):
        super().__init__(problem)
        self.status = status


Route = Callable[[Mapping[str, str]], Answer]
"""A function from the parameters of a request to its answer. It raises `RequestError` or `UserError`."""


class LoopbackServer(ThreadingHTTPServer):
    """Serves a fixed table of routes on 127.0.0.1.

    Args:
        port: port to listen on; 0 for a free one.
        routes: route of each path. A path is looked up as it was sent: nothing is decoded, resolved or joined.

    Raises:
        UserError: the port can't be used.
    """

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # on Windows, two programs could listen on the same port

    def __init__(self, port: int, routes: Mapping[str, Route]):
        self.routes = routes
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise UserError(
                f"--port {port} can't be used: {error.strerror or error}.", "Use another port, or leave --port out."
            ) from error

    def server_bind(self) -> None:
        """Bind without a search for the name of this machine, which may wait for a name server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, self.server_address[1]

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{ADDRESS}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report what a handler did not expect, but no connection that the browser closed."""
        if not isinstance(sys.exception(), ConnectionError):
            traceback.print_exc()


class _Handler(BaseHTTPRequestHandler):
    """Answers one request per connection: what follows in the same connection is not read."""

    server: LoopbackServer
    server_version, sys_version = "dcgan", ""
    timeout = 30  # seconds for a client to send its request

    def do_GET(self) -> None:
        """Check where a request comes from, and answer it."""
        path, _, query = self.path.partition("?")
        try:
            self._check_origin()
            route = self.server.routes.get(path)
            if route is None:
                raise RequestError(HTTPStatus.NOT_FOUND, "There is no such page.")
            answer = route(_parameters(query))
        except RequestError as error:
            self._send(error.status, _text(str(error)))
        except UserError as error:
            self._send(HTTPStatus.NOT_FOUND, _text(str(error)))
        except Exception:
            traceback.print_exc()
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, _text("This failed; the terminal shows why."))
        else:
            self._send(HTTPStatus.OK, answer)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request that the standard library's parser refuses; every method but GET is one."""
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self._send(status, _text(status.phrase))

    def log_message(self, format: str, *arguments: Any) -> None:
        """Print no line for each request."""

    def _check_origin(self) -> None:
        """Refuse requests that the page itself, or a person, would not have sent."""
        port = self.server.server_port
        names = {name if port == 80 else f"{name}:{port}" for name in (ADDRESS, "localhost")}
        hosts, origins = self.headers.get_all("Host", []), self.headers.get_all("Origin", [])
        if len(hosts) != 1 or hosts[0] not in names:
            raise RequestError(HTTPStatus.MISDIRECTED_REQUEST, "This server has another name.")
        if any(origin != f"http://{hosts[0]}" for origin in origins):
            raise RequestError(HTTPStatus.FORBIDDEN, "Another site can't read this.")
        sites = self.headers.get_all("Sec-Fetch-Site", [])
        if any(site not in ("same-origin", "none") for site in sites):
            raise RequestError(HTTPStatus.FORBIDDEN, "Another site can't read this.")

    def _send(self, status: HTTPStatus, answer: Answer) -> None:
        self.close_connection = True
        with contextlib.suppress(ConnectionError, TimeoutError):
            self.send_response(status)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.content)))
            if status == HTTPStatus.METHOD_NOT_ALLOWED:
                self.send_header("Allow", "GET")
            self.end_headers()
            self.wfile.write(answer.content)


def _text(text: str) -> Answer:
    return Answer(text.encode("utf-8"), "text/plain; charset=utf-8")


def _parameters(query: str) -> dict[str, str]:
    """Return the parameters of a query, each of which may be given once."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=MAX_PARAMETERS)
    except ValueError as error:
        raise RequestError(HTTPStatus.BAD_REQUEST, "The parameters can't be read.") from error
    if len(dict(pairs)) < len(pairs):
        raise RequestError(HTTPStatus.BAD_REQUEST, "A parameter is given twice.")
    return dict(pairs)
