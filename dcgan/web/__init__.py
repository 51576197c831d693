"""Pages for a browser: plain ES modules without a build step, and how a page is made of them as one file."""

import base64
import json
import posixpath
import re
from importlib import resources
from typing import Any

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' data:; style-src 'unsafe-inline'; img-src blob:"
)
"""Content security policy of a page in one file: it can load nothing from anywhere."""

_IMPORT = re.compile(r'(?<=from ")(\.{1,2}/[\w./-]+\.js)(?=")')


def read_web_file(name: str) -> str:
    """Return the text of a file of this package.

    Args:
        name: its path in the package, with slashes.
    """
    return resources.files("dcgan.web").joinpath(name).read_text(encoding="utf-8")


def web_modules(entry: str) -> dict[str, str]:
    """Return a module and all that it imports.

    Args:
        entry: path of the module in the package.

    Returns:
        The code of each by its path.
    """
    modules, missing = {}, [entry]
    while missing:
        name = missing.pop()
        if name not in modules:
            modules[name] = read_web_file(name)
            missing += [_resolve(name, imported) for imported in _IMPORT.findall(modules[name])]
    return modules


def build_page(template: str, entry: str, values: dict[str, str]) -> str:
    """Return a page as one file.

    Args:
        template: path of an HTML file in the package. `{name}` stands for a value; `{policy}` and `{import_map}` are
            known.
        entry: path of the module that the page imports, as `dcgan/PATH`.
        values: the other values, as HTML.
    """
    known = {"policy": POLICY, "import_map": json_in_html({"imports": _import_map(entry)}), **values}
    return re.sub(r"\{(\w+)\}", lambda match: known[match[1]], read_web_file(template))


def json_in_html(value: Any) -> str:
    """Return JSON that can stand in a `script` element: no text in it can end the element.

    Args:
        value: what JSON can represent.
    """
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _import_map(entry: str) -> dict[str, str]:
    """The modules by the names under which they import each other, as `data:` URLs."""
    modules = {}
    for name, code in sorted(web_modules(entry).items()):
        code = _IMPORT.sub(lambda match, name=name: f"dcgan/{_resolve(name, match[1])}", code)
        encoded = base64.b64encode(code.encode("utf-8")).decode("ascii")
        modules[f"dcgan/{name}"] = f"data:text/javascript;base64,{encoded}"
    return modules


def _resolve(module: str, imported: str) -> str:
    """The path of a module that another one imports."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(module), imported))
