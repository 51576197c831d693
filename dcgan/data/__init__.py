"""Images to learn from: every source, cut to size, as one uint8 array.

The names are imported when they are first asked for, so that a process that only decodes pictures starts quickly.
"""

import importlib

_MODULES = {"ImageDataset": "dcgan.data.image_dataset", "load": "dcgan.data.load", "prepare": "dcgan.data.load"}

__all__ = sorted(_MODULES)


def __getattr__(name: str):
    if name not in _MODULES:
        raise AttributeError(f"module 'dcgan.data' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
