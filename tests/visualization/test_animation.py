"""GIF and MP4 files, decoded by Pillow and by ffmpeg."""

import re
import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageSequence

from dcgan.core.errors import UserError
from dcgan.visualization import save_animation


def moving_gradient(count, height=16, width=20, channels=3):
    """Yield frames of a moving color gradient."""
    y, x = np.mgrid[:height, :width]
    for step in range(count):
        planes = [np.sin((x + y * k + step) / 7.0) for k in range(channels)]
        yield (127.5 * (1 + np.stack(planes, -1))).astype(np.uint8)


def read_gif(path):
    with Image.open(path) as gif:
        frames = [(np.asarray(frame.convert("RGB")), frame.info["duration"]) for frame in ImageSequence.Iterator(gif)]
        return gif.info, frames


def read_mp4(path):
    """Return the properties that ffmpeg reports, and the frames."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    stream = re.search(r"Video: (\w+).*?, (\w+)[(,].*? (\d+)x(\d+)[ ,].*?([\d.]+) fps", done.stderr.decode())
    codec, pixel_format, width, height, fps = stream.groups()
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, int(height), int(width), 3)
    return {"codec": codec, "pixels": pixel_format, "fps": float(fps)}, frames


def test_a_gif_has_every_frame_in_order_and_loops_forever(tmp_path):
    assert save_animation(tmp_path / "a.gif", moving_gradient(9)) == 9
    info, frames = read_gif(tmp_path / "a.gif")
    assert info["loop"] == 0
    assert len(frames) == 9
    for (decoded, _), frame in zip(frames, moving_gradient(9), strict=True):
        assert np.abs(decoded.astype(int) - frame).mean() < 3  # of 255: a palette of 256 colours


def test_grayscale_frames_of_a_gif_keep_every_value(tmp_path):
    save_animation(tmp_path / "a.gif", moving_gradient(4, channels=1))
    for (decoded, _), frame in zip(read_gif(tmp_path / "a.gif")[1], moving_gradient(4, channels=1), strict=True):
        np.testing.assert_array_equal(decoded[..., :1], frame)


@pytest.mark.parametrize("fps", [0.5, 7.0, 12.0, 24.0, 30.0, 50.0])
def test_a_gif_has_the_duration_of_its_frames_although_delays_are_integer_hundredths(tmp_path, fps):
    save_animation(tmp_path / "a.gif", moving_gradient(30), fps)
    delays = [delay for _, delay in read_gif(tmp_path / "a.gif")[1]]
    assert sum(delays) == pytest.approx(1000 * 30 / fps, abs=5)
    assert max(delays) - min(delays) <= 10


def test_equal_consecutive_frames_of_a_gif_are_shown_for_their_total_time(tmp_path):
    first, second = moving_gradient(2)
    assert save_animation(tmp_path / "a.gif", [first, first, first, second], fps=10) == 4
    assert [delay for _, delay in read_gif(tmp_path / "a.gif")[1]] == [300, 100]


@pytest.mark.parametrize("channels", [1, 3])
def test_an_mp4_has_every_frame_in_a_format_that_browsers_play(tmp_path, channels):
    assert save_animation(tmp_path / "a.mp4", moving_gradient(15, 32, 48, channels), fps=12) == 15
    properties, frames = read_mp4(tmp_path / "a.mp4")
    assert properties == {"codec": "h264", "pixels": "yuv420p", "fps": 12}
    assert len(frames) == 15
    for decoded, frame in zip(frames, moving_gradient(15, 32, 48, channels), strict=True):
        assert np.abs(decoded.astype(int) - frame).mean() < 8


def test_the_index_of_an_mp4_precedes_its_frames_so_that_it_plays_while_it_loads(tmp_path):
    save_animation(tmp_path / "a.mp4", moving_gradient(5))
    content = (tmp_path / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_an_odd_side_of_an_mp4_is_made_even_by_repeating_the_edge(tmp_path):
    save_animation(tmp_path / "a.mp4", moving_gradient(3, 33, 41))
    _, frames = read_mp4(tmp_path / "a.mp4")
    assert frames.shape == (3, 34, 42, 3)
    assert np.abs(frames[0][:33, :41].astype(int) - next(moving_gradient(1, 33, 41))).mean() < 8


@pytest.mark.parametrize("extension", ["gif", "mp4"])
class TestBothFormats:
    def test_frames_are_taken_one_at_a_time(self, tmp_path, extension):
        frames = moving_gradient(5)
        assert save_animation(tmp_path / f"a.{extension}", frames) == 5
        assert next(frames, None) is None

    def test_frames_of_another_size_are_rejected_and_no_file_is_left(self, tmp_path, extension):
        frames = [*moving_gradient(2), *moving_gradient(1, 18, 20)]
        with pytest.raises(UserError, match="frame 3 has another size than those before: 18x20x3 instead of 16x20x3"):
            save_animation(tmp_path / f"a.{extension}", frames)
        assert list(tmp_path.iterdir()) == []

    def test_an_animation_without_frames_is_rejected(self, tmp_path, extension):
        with pytest.raises(UserError, match="no frames"):
            save_animation(tmp_path / f"a.{extension}", [])
        assert list(tmp_path.iterdir()) == []


def test_a_gif_faster_than_browsers_show_is_rejected(tmp_path):
    with pytest.raises(UserError, match="60 frames per second"):
        save_animation(tmp_path / "a.gif", moving_gradient(2), fps=60)


def test_another_extension_is_rejected(tmp_path):
    with pytest.raises(UserError, match=r"ends in \.gif or \.mp4"):
        save_animation(tmp_path / "a.webp", moving_gradient(2))


@pytest.mark.parametrize("frames", [2, 2000])
def test_a_failure_of_ffmpeg_is_an_error(tmp_path, monkeypatch, frames):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/bin/false")
    with pytest.raises(UserError, match="ffmpeg could not write the animation: exit code 1"):
        save_animation(tmp_path / "a.mp4", moving_gradient(frames))
    assert list(tmp_path.iterdir()) == []
