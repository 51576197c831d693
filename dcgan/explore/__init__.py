"""The `explore` command: a page about a run, served on this machine alone.

Importing this package does not load TensorFlow; the first request that needs it does.
"""

from dcgan.explore.explore import explore

__all__ = ["explore"]
