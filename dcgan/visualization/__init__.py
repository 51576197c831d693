"""From arrays to files people look at: grids, PNG, animations, curves.

Images are uint8, height × width × channels, with one channel (grey) or three (RGB). Importing this package loads
neither TensorFlow nor matplotlib.
"""

from dcgan.visualization.animation import save_animation
from dcgan.visualization.curves import save_curves
from dcgan.visualization.grid import magnify, tile
from dcgan.visualization.plots import encode_bars, encode_lines, encode_progress
from dcgan.visualization.png import encode_png, read_png, read_png_text, save_png

__all__ = [
    "encode_bars",
    "encode_lines",
    "encode_png",
    "encode_progress",
    "magnify",
    "read_png",
    "read_png_text",
    "save_animation",
    "save_curves",
    "save_png",
    "tile",
]
