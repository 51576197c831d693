"""Public names that are imported on first use, so that importing a package is fast."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from dcgan.core.tensorflow_import import suppress_stderr


def lazy_exporter(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` function of a package (PEP 562).

    Args:
        package: `__name__` of the package.
        modules: module of every public name.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with suppress_stderr():
            return getattr(importlib.import_module(modules[name]), name)

    return get
