"""A stand-in for the HTTP interface of Hugging Face on this machine: downloads and uploads, also by Git LFS."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

LFS = (".keras", ".h5")
"""Files that the hub stores elsewhere and redirects to; it asks for an upload by Git LFS."""


@dataclass
class Hub:
    """Repositories and faults of the stand-in.

    Args:
        url: its address.
        repositories: by `user/name`, then by commit: content by file name.
        revisions: by `user/name`: the commit of each branch and tag.
        private: repositories that only the token `secret` opens.
        gated: repositories whose conditions nobody has accepted.
        cut: files whose transfer ends in the middle.
        claimed_sizes: sizes of files as the listing states them, where they are not the true ones.
        down: whether every request fails, as while the hub is down.
        stored: content that was uploaded by Git LFS, by its SHA-256.
        requests: what was requested: method and path.
    """

    url: str = ""
    repositories: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    revisions: dict[str, dict[str, str]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    gated: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    claimed_sizes: dict[str, int] = field(default_factory=dict)
    down: bool = False
    stored: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def add(self, name: str, files: dict[str, bytes] | Path, branch: str = "main") -> str:
        """Commit files to a branch of a repository.

        Args:
            name: `user/name`.
            files: content by file name, or a folder.
            branch: the branch.

        Returns:
            The number of the commit.
        """
        if isinstance(files, Path):
            paths = [path for path in files.rglob("*") if path.is_file()]
            files = {path.relative_to(files).as_posix(): path.read_bytes() for path in paths}
        commit = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.repositories.setdefault(name, {})[commit] = files
        self.revisions.setdefault(name, {})[branch] = commit
        return commit

    def downloaded(self) -> set[str]:
        """Names of the files whose content was requested."""
        paths = [request.split()[1] for request in self.requests if request.startswith("GET ")]
        return {path.split("/")[5] for path in paths if "/resolve/" in path} | {
            path.split("/")[-1] for path in paths if path.startswith("/cdn/")
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format, *args):
        """Keep the tests' output free of requests."""

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        if self.hub.down:
            return self._error(503)
        if match := re.fullmatch(r"/cdn/(\w+)/([\w.-]+)", path):
            blobs = (files[match[2]] for files in self._all_files() if match[2] in files)
            return self._content(match[2], next(blob for blob in blobs if _sha256(blob) == match[1]))
        api = re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+?)(?:/(revision|tree)/(.+))?", path)
        resolve = re.fullmatch(r"/([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)", path)
        match = api or resolve
        if match is None:
            return self._error(404)
        name, revision = match[1], (match[3] if api else match[2]) or "main"
        if not self._may_read(name):
            return self._error(401, "RepoNotFound")
        if name in self.hub.gated:
            return self._error(403, "GatedRepo")
        commit = self.hub.revisions[name].get(revision, revision)
        if commit not in self.hub.repositories[name]:
            return self._error(404, "RevisionNotFound")
        files = self.hub.repositories[name][commit]
        if api is None:
            return self._resolve(commit, match[3], files)
        listing = [self._entry(file, content) for file, content in files.items()]
        if api[2] == "tree":
            return self._json(listing)
        siblings = [{"rfilename": entry["path"], "size": entry["size"], "blobId": entry["oid"]} for entry in listing]
        return self._json({"id": name, "modelId": name, "sha": commit, "private": False, "siblings": siblings})

    do_HEAD = do_GET

    def do_POST(self):
        path = unquote(urlsplit(self.path).path)
        body = self._read_body()
        self.hub.requests.append(f"{self.command} {path}")
        if self.headers["Authorization"] != "Bearer secret":
            return self._error(401)
        if path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.hub.repositories.setdefault(name, {})
            return self._json({"url": f"{self.hub.url}/{name}", "name": name})
        if path.endswith(".git/info/lfs/objects/batch"):
            return self._json({"transfer": "basic", "objects": [self._upload(o) for o in json.loads(body)["objects"]]})
        name, action = re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)/(preupload|commit)/main", path).groups()
        if action == "preupload":
            files = [file["path"] for file in json.loads(body)["files"]]
            modes = {f: "lfs" if f.endswith(LFS) else "regular" for f in files}
            return self._json({"files": [{"path": f, "uploadMode": modes[f], "shouldIgnore": False} for f in files]})
        entries = [json.loads(line) for line in body.splitlines()]
        added = {}
        for kind, value in ((entry["key"], entry["value"]) for entry in entries):
            if kind == "file":
                added[value["path"]] = base64.b64decode(value["content"])
            elif kind == "lfsFile":
                added[value["path"]] = self.hub.stored[value["oid"]]  # what was not uploaded can't be committed
        commit = self.hub.add(name, added)
        return self._json({"commitOid": commit, "commitUrl": f"{self.hub.url}/{name}/commit/{commit}"})

    def do_PUT(self):
        self.hub.requests.append(f"{self.command} {self.path}")
        body, expected = self._read_body(), self.path.rsplit("/", 1)[1]
        if _sha256(body) != expected:
            return self._error(400)
        self.hub.stored[expected] = body
        return self._send(200, b"", {})

    def _upload(self, asked: dict) -> dict:
        """Return where the content of a file is to be uploaded to; nowhere if it is there."""
        actions = {"upload": {"href": f"{self.hub.url}/lfs/{asked['oid']}"}}
        return asked | ({} if asked["oid"] in self.hub.stored else {"actions": actions})

    def _read_body(self) -> bytes:
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _all_files(self):
        return (files for commits in self.hub.repositories.values() for files in commits.values())

    def _may_read(self, name: str) -> bool:
        allowed = name not in self.hub.private or self.headers["Authorization"] == "Bearer secret"
        return name in self.hub.repositories and allowed

    def _entry(self, name: str, content: bytes) -> dict:
        size = self.hub.claimed_sizes.get(name, len(content))
        entry = {"type": "file", "path": name, "size": size, "oid": hashlib.sha1(content).hexdigest()}
        if name.endswith(LFS):
            entry["lfs"] = {"oid": _sha256(content), "size": size, "pointerSize": 130}
        return entry

    def _resolve(self, commit: str, name: str, files: dict[str, bytes]):
        if name not in files:
            return self._error(404, "EntryNotFound")
        content, headers = files[name], {"X-Repo-Commit": commit}
        if not name.endswith(LFS):
            return self._content(name, content, headers)
        headers |= {"X-Linked-Etag": f'"{_sha256(content)}"', "X-Linked-Size": str(len(content))}
        elsewhere = self.hub.url.replace("127.0.0.1", "localhost")  # as the hub's storage, another host
        return self._send(302, b"", headers | {"Location": f"{elsewhere}/cdn/{_sha256(content)}/{name}"})

    def _content(self, name: str, content: bytes, headers: dict[str, str] | None = None):
        headers = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', **(headers or {})}
        self._send(200, content, headers, cut=name in self.hub.cut and self.command == "GET")

    def _json(self, value):
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _error(self, status: int, code: str = ""):
        self._send(status, b"", {"X-Error-Code": code} if code else {})

    def _send(self, status: int, content: bytes, headers: dict[str, str], cut: bool = False):
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = cut


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def serve_hub() -> Iterator[Hub]:
    """Serve an empty hub on 127.0.0.1 in a thread."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
