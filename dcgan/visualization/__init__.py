"""From arrays to images, PNG files, animations and plots.

Images are uint8 (H, W, C) with one channel (grayscale), three (RGB) or four (premultiplied RGBA). Importing this
package loads neither TensorFlow nor matplotlib.
"""

from dcgan.visualization.animation import save_animation
from dcgan.visualization.grid import magnify, tile
from dcgan.visualization.plots import encode_bars, encode_lines, encode_progress, save_curves
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
