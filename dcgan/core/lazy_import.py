"""Public names that are imported when they are first asked for, so that a package itself stays light."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from dcgan.core.tensorflow_import import suppress_stderr


def lazy_exporter(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package (PEP 562).

    Args:
        package: its `__name__`.
        homes: by public name, the module that has it.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with suppress_stderr():
            return getattr(importlib.import_module(homes[name]), name)

    return get
