"""Datasets: every source, cropped and resized, as one uint8 array."""

from dcgan.data.image_dataset import ImageDataset
from dcgan.data.load import load, prepare

__all__ = ["ImageDataset", "load", "prepare"]
