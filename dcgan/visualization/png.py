"""PNG files in and out, with notes about what they show."""

import contextlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from dcgan.core.atomic_io import atomic_write
from dcgan.core.errors import UserError


def encode_png(image: np.ndarray, text: Mapping[str, object] | None = None) -> bytes:
    """Write an image as the bytes of a PNG file.

    Args:
        image: uint8 (H, W, C); with C = 1 the file is grey, with C = 3 RGB.
        text: notes kept in the file, one tEXt chunk each, such as `{"Seeds": "0-63"}`.

    Returns:
        The file's bytes; equal for equal arguments.
    """
    notes = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        notes.add_text(key, str(value))
    buffer = io.BytesIO()
    to_pillow(image).save(buffer, "PNG", pnginfo=notes)
    return buffer.getvalue()


def save_png(path: Path, image: np.ndarray, text: Mapping[str, object] | None = None) -> None:
    """Write an image to a PNG file, whole or not at all; arguments as for `encode_png`.

    Raises:
        UserError: the file can't be written.
    """
    with atomic_write(path) as temporary:
        temporary.write_bytes(encode_png(image, text))


def read_png(path: Path) -> np.ndarray:
    """Read an image file.

    Returns:
        uint8 (H, W, 1) for a grey file, otherwise (H, W, 3).

    Raises:
        UserError: there is no such file, or no whole image in it.
    """
    with _opened(path) as picture:
        pixels = np.asarray(picture.convert("L" if picture.mode in ("1", "L", "LA") else "RGB"))
    return pixels.reshape(*pixels.shape[:2], -1)


def read_png_text(path: Path) -> dict[str, str]:
    """Read the notes of a PNG file, as they were given to `save_png`.

    Raises:
        UserError: there is no such file, or no whole image in it.
    """
    with _opened(path) as picture:
        return dict(getattr(picture, "text", {}))


def to_pillow(image: np.ndarray) -> Image.Image:
    """The same image for Pillow: mode L for (H, W, 1), RGB for (H, W, 3)."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open and decode a file, or say to the user what is wrong with it."""
    try:
        with Image.open(path) as picture:
            picture.load()
            yield picture
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}.") from error
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:  # Pillow calls a bad PNG chunk a SyntaxError
        raise UserError(f"{path} is not a whole image file.", "Write it again, or remove it.") from error
