"""The files of `dcgan/web` as text, and which JavaScript modules belong to a page."""

import re
from importlib import resources

IMPORT = re.compile(r'from "\./([\w-]+\.js)"')


def read_web_file(name: str) -> str:
    """Return a file of `dcgan/web`.

    Args:
        name: its name.
    """
    return (resources.files("dcgan") / "web" / name).read_text(encoding="utf-8")


def web_modules(entry: str) -> dict[str, str]:
    """Return the code of a JavaScript module and of all modules that it imports, by their file names.

    Args:
        entry: file name of the module, for example `"page.js"`.
    """
    found, waiting = {}, [entry]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = read_web_file(name)
            waiting += IMPORT.findall(found[name])
    return found
