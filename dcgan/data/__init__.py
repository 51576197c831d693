"""Images to learn from: every source, cut to size, as one uint8 array."""

from dcgan.data.imageset import ImageSet
from dcgan.data.loading import load, prepare

__all__ = ["ImageSet", "load", "prepare"]
