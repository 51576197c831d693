"""Reading and writing PNG files, with text chunks about their content."""

import contextlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from dcgan.core.atomic_io import atomic_write
from dcgan.core.errors import UserError
from dcgan.core.transparency import on_white, to_premultiplied, to_straight


def encode_png(image: np.ndarray, text: Mapping[str, object] | None = None) -> bytes:
    """Encode an image as PNG.

    Args:
        image: uint8 (H, W, C); C = 1 gives a grayscale file, C = 3 an RGB file, and C = 4, premultiplied RGBA, an RGBA
            file.
        text: text chunks (tEXt) by keyword, such as `{"Seeds": "0-63"}`.

    Returns:
        The bytes of the file, equal for equal arguments.
    """
    chunks = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        chunks.add_text(key, str(value))
    buffer = io.BytesIO()
    to_pillow(image).save(buffer, "PNG", pnginfo=chunks)
    return buffer.getvalue()


def save_png(path: Path, image: np.ndarray, text: Mapping[str, object] | None = None) -> None:
    """Write an image to a PNG file atomically.

    Args:
        path: file to write.
        image: as for `encode_png`.
        text: as for `encode_png`.

    Raises:
        UserError: the file cannot be written.
    """
    with atomic_write(path) as temporary:
        temporary.write_bytes(encode_png(image, text))


def read_png(path: Path) -> np.ndarray:
    """Read an image file.

    Args:
        path: file to read.

    Returns:
        uint8 array of shape (H, W, 1) for a grayscale file, otherwise (H, W, 3); an RGBA file is blended with white.

    Raises:
        UserError: there is no such file, or it is not a complete image.
    """
    with _open(path) as image:
        mode = "L" if image.mode in ("1", "L", "LA") else "RGBA" if image.mode == "RGBA" else "RGB"
        pixels = np.asarray(image.convert(mode))
    return on_white(to_premultiplied(pixels.reshape(*pixels.shape[:2], -1)))


def read_png_text(path: Path) -> dict[str, str]:
    """Read the text chunks of a PNG file by keyword.

    Args:
        path: file to read.

    Returns:
        The text chunks as given to `save_png`.

    Raises:
        UserError: there is no such file, or it is not a complete image.
    """
    with _open(path) as image:
        return dict(getattr(image, "text", {}))


def to_pillow(image: np.ndarray) -> Image.Image:
    """Convert uint8 (H, W, 1) to a Pillow image of mode L, (H, W, 3) to mode RGB, or premultiplied (H, W, 4) to RGBA.

    Args:
        image: the image.

    Returns:
        An image with the same pixels; those of mode RGBA are not premultiplied.
    """
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else to_straight(image))


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    """Open and decode a file, with errors for the user."""
    with contextlib.ExitStack() as stack:
        try:
            image = stack.enter_context(Image.open(path))
            image.load()
        except FileNotFoundError as error:
            raise UserError(f"There is no file {path}.") from error
        except Exception as error:  # Pillow's decoders raise many types
            raise UserError(f"{path} is not a complete image file.", "Write it again, or remove it.") from error
        yield image
