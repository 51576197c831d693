"""Frames in, a moving picture out: GIF through Pillow, MP4 through ffmpeg."""

import contextlib
import itertools
import subprocess
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from dcgan.core.atomic_io import atomic_write
from dcgan.core.errors import UserError
from dcgan.visualization.png import to_pillow

ENDINGS = (".gif", ".mp4")

FASTEST_GIF = 50.0
"""Frames a second; browsers slow a GIF with a delay under 2/100 s down to 10 frames a second."""


def save_animation(path: Path, frames: Iterable[np.ndarray], fps: float = 12.0) -> int:
    """Write frames as an animation that its ending names, whole or not at all.

    A `.gif` loops for ever and lasts frames / `fps` seconds to within 1/200 s, although its delays are whole
    hundredths; grey frames keep every value, RGB frames get a palette of 256 colours each. It is put together in
    memory, one byte a pixel. An `.mp4` is H.264 with 4:2:0 colours, which browsers play; an odd side gets one more
    row or column, and only one frame is in memory at a time.

    Args:
        path: file that ends in `.gif` or `.mp4`.
        frames: uint8 (H, W, C) images, all of one shape; an iterator will do.
        fps: frames a second.

    Returns:
        How many frames were written.

    Raises:
        UserError: another ending, no frame, frames of several shapes, a GIF faster than browsers show it, or a file
            that can't be written.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UserError(f"{path} is no animation.", "An animation's name ends in .gif or .mp4.")
    if ending == ".gif" and fps > FASTEST_GIF:
        raise UserError(f"No browser shows a GIF at {fps:g} pictures a second.", "Take 50 at most, or an .mp4.")
    frames = _same_shape(frames, path)
    with atomic_write(path) as temporary:
        return _write_gif(temporary, frames, fps) if ending == ".gif" else _write_mp4(temporary, frames, fps)


def _same_shape(frames: Iterable[np.ndarray], path: Path) -> Iterator[np.ndarray]:
    """Pass the frames on; stop at the first that differs in shape, or when there is none."""
    shape = None
    for number, frame in enumerate(frames, 1):
        if frame.shape != (shape or frame.shape):
            sizes = " and ".join("x".join(map(str, each)) for each in (shape, frame.shape))
            raise UserError(f"{path}: picture {number} has another size than those before: {sizes}.")
        shape = frame.shape
        yield frame
    if shape is None:
        raise UserError(f"{path}: there is no picture to show.")


def _write_gif(path: Path, frames: Iterator[np.ndarray], fps: float) -> int:
    """Write a GIF; Pillow merges equal neighbours into one longer frame."""
    written = itertools.count()
    timed = (_gif_frame(frame, next(written), fps) for frame in frames)
    next(timed).save(path, "GIF", save_all=True, append_images=timed, loop=0)
    return next(written)


def _gif_frame(frame: np.ndarray, number: int, fps: float) -> Image.Image:
    """One frame with its own palette and its delay in milliseconds.

    A delay is the difference of two rounded points in time, so that the rounding doesn't add up over the frames.
    """
    picture = to_pillow(frame)
    picture = picture if picture.mode == "L" else picture.quantize(256, Image.Quantize.MEDIANCUT)
    hundredths = round(100 * (number + 1) / fps) - round(100 * number / fps)
    picture.info["duration"] = 10 * hundredths
    return picture


def _write_mp4(path: Path, frames: Iterator[np.ndarray], fps: float) -> int:
    """Hand the frames to ffmpeg one by one.

    ffmpeg is run here, and not through `imageio_ffmpeg.write_frames`, which leaves its exit code unseen: a full disk
    would pass for a whole film.
    """
    first = _even(next(frames))
    command = _ffmpeg(path, first.shape, fps)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        count = _feed(process.stdin, itertools.chain([first], map(_even, frames)))
        complaint = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        reason = complaint.splitlines()[-1] if complaint else f"exit code {process.returncode}"
        raise UserError(f"ffmpeg could not write the animation: {reason}", "Free some space, or choose a .gif.")
    return count


def _ffmpeg(path: Path, shape: tuple[int, int, int], fps: float) -> list[str]:
    """The command that makes H.264 of raw frames of `shape` on its standard input."""
    import imageio_ffmpeg

    height, width, channels = shape
    raw = ["-f", "rawvideo", "-pix_fmt", "gray" if channels == 1 else "rgb24", "-s", f"{width}x{height}"]
    # Small pictures: at a rate factor of 15, the 4:2:0 colours blur more than the compression does.
    film = ["-c:v", "libx264", "-crf", "15", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "fatal"]
    return [*program, *raw, "-r", str(Fraction(fps).limit_denominator()), "-i", "-", *film, str(path)]


def _feed(pipe: BinaryIO, frames: Iterator[np.ndarray]) -> int:
    """Write the frames to `pipe` and close it; a reader that is gone has its reasons, and gives them elsewhere."""
    count = 0
    with contextlib.suppress(BrokenPipeError), pipe:
        for frame in frames:
            pipe.write(np.ascontiguousarray(frame))
            count += 1
    return count


def _even(frame: np.ndarray) -> np.ndarray:
    """Repeat the last row or column where a side is odd: 4:2:0 halves both sides."""
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
