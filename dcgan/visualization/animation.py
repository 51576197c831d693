"""Animations from frames: GIF with Pillow, MP4 with ffmpeg."""

import contextlib
import itertools
import subprocess
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from dcgan.core.atomic_io import atomic_write
from dcgan.core.errors import UserError
from dcgan.core.sizes import format_shape
from dcgan.core.transparency import on_white
from dcgan.visualization.png import to_pillow

EXTENSIONS = (".gif", ".mp4")

MAX_GIF_FPS = 50.0
"""Maximum frames per second of a GIF: browsers slow down delays under 2/100 s to 10 frames per second."""


def save_animation(path: Path, frames: Iterable[np.ndarray], fps: float = 12.0) -> int:
    """Write frames as an animation atomically.

    A `.gif` loops forever and lasts frames / `fps` seconds to within 1/200 s, although its delays are integer
    hundredths. Grayscale frames keep every value; RGB frames have a palette of 256 colors each. It is composed in
    memory, one byte per pixel. An `.mp4` is H.264 with 4:2:0 chroma subsampling, which browsers play; an odd side is
    extended by one row or column, and only one frame is in memory at a time.

    Args:
        path: file to write, `.gif` or `.mp4`.
        frames: uint8 arrays of shape (H, W, C), all of one shape; taken one at a time. Those with transparency,
            premultiplied RGBA, are blended with white.
        fps: frames per second.

    Returns:
        The number of frames.

    Raises:
        UserError: the file has another extension, there are no frames, their shapes differ, a GIF is faster than
            browsers show it, or the file cannot be written.
    """
    extension = path.suffix.lower()
    if extension not in EXTENSIONS:
        raise UserError(f"{path} is not an animation.", "Use a name that ends in .gif or .mp4.")
    if extension == ".gif" and fps > MAX_GIF_FPS:
        raise UserError(
            f"Browsers cannot show a GIF at {fps:g} frames per second.", "Use --fps 50 or less, or an .mp4."
        )
    frames = map(on_white, _check_shapes(frames, path))
    with atomic_write(path) as temporary:
        return _write_gif(temporary, frames, fps) if extension == ".gif" else _write_mp4(temporary, frames, fps)


def _check_shapes(frames: Iterable[np.ndarray], path: Path) -> Iterator[np.ndarray]:
    """Yield the frames; raise at the first of another shape, or if there are none."""
    shape = None
    for number, frame in enumerate(frames, 1):
        if shape is not None and frame.shape != shape:
            sizes = f"{format_shape(frame.shape)} instead of {format_shape(shape)}"
            raise UserError(f"{path}: frame {number} has another size than those before: {sizes}.")
        shape = frame.shape
        yield frame
    if shape is None:
        raise UserError(f"{path}: there are no frames.")


def _write_gif(path: Path, frames: Iterator[np.ndarray], fps: float) -> int:
    """Write a GIF; Pillow merges equal consecutive frames into one longer frame."""
    written = itertools.count()
    timed = (_gif_frame(frame, next(written), fps) for frame in frames)
    next(timed).save(path, "GIF", save_all=True, append_images=timed, loop=0)
    return next(written)


def _gif_frame(frame: np.ndarray, number: int, fps: float) -> Image.Image:
    """One frame with its own palette and its delay in milliseconds.

    A delay is the difference of two rounded points in time, so that rounding errors do not add up.
    """
    image = to_pillow(frame)
    image = image if image.mode == "L" else image.quantize(256, Image.Quantize.MEDIANCUT)
    hundredths = round(100 * (number + 1) / fps) - round(100 * number / fps)
    image.info["duration"] = 10 * hundredths
    return image


def _write_mp4(path: Path, frames: Iterator[np.ndarray], fps: float) -> int:
    """Pipe the frames to ffmpeg one by one.

    `imageio_ffmpeg.write_frames` ignores the exit code of ffmpeg, so that a full disk would go unnoticed; therefore
    ffmpeg is run here.
    """
    first = _pad_to_even(next(frames))
    command = _ffmpeg_command(path, first.shape, fps)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        if process.stdin is None or process.stderr is None:
            raise AssertionError("both are pipes")
        count = _pipe(process.stdin, itertools.chain([first], map(_pad_to_even, frames)))
        output = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        reason = output.splitlines()[-1] if output else f"exit code {process.returncode}"
        raise UserError(f"ffmpeg could not write the animation: {reason}", "Free some disk space, or use a .gif.")
    return count


def _ffmpeg_command(path: Path, shape: tuple[int, ...], fps: float) -> list[str]:
    """The command that encodes raw frames of `shape` from standard input as H.264."""
    import imageio_ffmpeg

    height, width, channels = shape
    raw = ["-f", "rawvideo", "-pix_fmt", "gray" if channels == 1 else "rgb24", "-s", f"{width}x{height}"]
    # For small images: at a rate factor of 15, chroma subsampling blurs more than the compression does.
    h264 = ["-c:v", "libx264", "-crf", "15", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "fatal"]
    return [*program, *raw, "-r", str(Fraction(fps).limit_denominator()), "-i", "-", *h264, str(path)]


def _pipe(pipe: IO[bytes], frames: Iterator[np.ndarray]) -> int:
    """Write the frames to a pipe and close it; if the reader has ended, its exit code tells why."""
    count = 0
    with contextlib.suppress(BrokenPipeError), pipe:
        for frame in frames:
            pipe.write(np.ascontiguousarray(frame).data)
            count += 1
    return count


def _pad_to_even(frame: np.ndarray) -> np.ndarray:
    """Repeat the last row or column where a side is odd: 4:2:0 halves both sides."""
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
