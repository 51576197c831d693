"""What the doctor says about images: each finding on images that have the property, and on images that don't."""

import numpy as np
import pytest
from PIL import Image

from dcgan.doctor.data import find_in_data
from dcgan.doctor.sample import choose, take_sample


@pytest.fixture
def examine(options):
    """Return facts and findings by code about the images of the folder `images`."""

    def examine(most=2000, **changed):
        config = options(**changed).training()
        facts, findings = find_in_data(config, take_sample(config, most))
        return facts, {finding.code: finding for finding in findings}

    return examine


def test_sound_images_in_color_have_no_problem_but_their_number(examine, write_images, noise):
    write_images("images", noise(40))
    facts, found = examine()
    assert set(found) == {"few_images", "flip"}
    assert facts["images"] == facts["looked_at"] == 40
    assert facts["complete"]
    assert facts["formats"] == {"PNG": 40}
    assert facts["widths"] == [16.0] * 5
    assert facts["cut_away"] == [0.0] * 5


def test_broken_images_are_named_with_their_reason(examine, write_images, noise):
    folder = write_images("images", noise(40))
    (folder / "0003.png").write_bytes(b"<!doctype html><html>quota exceeded</html>")
    facts, found = examine()
    assert found["broken_images"].level == "warning"
    assert "1 of 40" in found["broken_images"].text
    assert "0003.png (it is a web page, not an image)" in found["broken_images"].text
    assert facts["broken"] == [{"name": "0003.png", "reason": "it is a web page, not an image"}]


def test_more_than_one_broken_image_in_ten_prevents_training(examine, write_images, noise):
    folder = write_images("images", noise(40))
    for index in range(5):
        (folder / f"{index:04d}.png").write_bytes(b"")
    assert examine()[1]["broken_images"].level == "error"
    assert examine(skip_unreadable=True)[1]["broken_images"].level == "warning"


def test_images_that_are_enlarged_are_counted_and_smaller_ones_are_not(examine, write_images, noise):
    write_images("images", noise(40))
    _, found = examine(image_size="32")
    assert "40 of 40" in found["small_images"].text
    assert "median 16" in found["small_images"].text
    assert "small_images" not in examine(image_size="16")[1]


def test_what_cropping_removes_is_measured(examine, write_images, noise):
    write_images("images", noise(40, 16, 64))
    facts, found = examine()
    assert facts["cut_away"][2] == 0.75
    assert "75%" in found["much_cut_away"].text
    assert facts["aspect_ratios"][2] == 4.0
    assert "much_cut_away" not in examine(image_size="16x64")[1]
    assert "much_cut_away" not in examine(fit="pad")[1]
    assert "--crop 8" in examine(crop=8)[1]["much_cut_away"].text


def test_gray_images_in_three_channels_are_noted_if_all_are_gray(examine, write_images, noise):
    images = noise(40)
    write_images("images", images[..., :1].repeat(3, axis=3))
    assert "--channels 1" in examine(channels=3)[1]["gray_images"].text
    assert "gray_images" not in examine(channels=1)[1]
    write_images("images", images[:20])  # half of them in color
    facts, found = examine(channels=3)
    assert "gray_images" not in found
    assert facts["gray_images"] == 20
    assert "20 of 40" in found["some_gray_images"].text


def test_transparency_is_noted(examine, write_images, noise):
    images = noise(10)
    write_images("images", np.concatenate([images, images[..., :1]], axis=3))
    assert "10 of 10" in examine()[1]["transparency"].text
    assert "transparency" not in examine(channels=4)[1]


def test_sixteen_bits_are_noted(examine, tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for index in range(6):
        Image.fromarray(random.integers(0, 65536, (16, 16), np.uint16)).save(tmp_path / "images" / f"{index}.png")
    facts, found = examine()
    assert "6 of 6" in found["16_bits"].text
    assert facts["with_16_bits"] == 6
    assert facts["channels"] == 1


def test_files_and_images_that_repeat_are_counted_apart(examine, write_images, noise):
    images = noise(40)
    folder = write_images("images", images)
    (folder / "copy.png").write_bytes((folder / "0007.png").read_bytes())
    Image.fromarray(images[8]).save(folder / "same.png", compress_level=0)  # other bytes, the same pixels
    facts, found = examine()
    assert facts["equal_files"] == [["0007.png", "copy.png"]]
    assert facts["equal_images"] == 2
    assert "1 of 42 files" in found["equal_files"].text
    assert "2 of 42 images" in found["equal_images"].text


def test_files_that_can_not_be_used_are_broken_and_not_repeated(examine, write_images, noise):
    folder = write_images("images", noise(60))
    for name in ("a.png", "b.png"):
        (folder / name).write_text("<!DOCTYPE html><title>Not found</title>")
    facts, found = examine()
    assert "0060" not in found["broken_images"].text
    assert "a.png and 1 more" in found["broken_images"].text
    assert facts["equal_files"] == []
    assert "equal_files" not in found


def test_nearly_equal_images_are_found_and_images_that_are_alike_in_kind_only_are_not(examine, write_images):
    random = np.random.default_rng(0)
    smooth = [
        np.asarray(Image.fromarray(random.integers(0, 256, (4, 4, 3), np.uint8)).resize((32, 32), 3)) for _ in range(40)
    ]
    write_images("images", np.array(smooth))
    assert "near_duplicates" not in examine(image_size="32")[1]
    noisy = np.clip(np.array(smooth[:5]) + random.integers(-2, 3, (5, 32, 32, 3)), 0, 255).astype(np.uint8)
    write_images("images/more", noisy)
    facts, found = examine(image_size="32", labels="none")
    assert facts["near_duplicates"] == 5
    assert facts["equal_images"] == 0
    assert "5 of 45" in found["near_duplicates"].text


def test_blank_images_are_counted_and_not_compared(examine, write_images, noise):
    images = noise(40)
    images[:6] = np.arange(6, dtype=np.uint8)[:, None, None, None] + 100
    write_images("images", images)
    facts, found = examine()
    assert facts["blank_images"] == 6
    assert facts["near_duplicates"] == 0
    assert "6 of 40" in found["blank_images"].text


def test_uneven_classes_are_named_and_even_ones_are_not(examine, write_images, noise):
    write_images("images/cats", noise(60))
    write_images("images/dogs", noise(60, seed=1))
    facts, found = examine()
    assert {"uneven_classes", "small_classes"}.isdisjoint(found)
    assert facts["classes"] == {"cats": 60, "dogs": 60}
    for file in sorted((write_images("images/dogs", noise(0))).iterdir())[5:]:
        file.unlink()
    found = examine()[1]
    assert "cats has 60 images, dogs 5" in found["uneven_classes"].text
    assert "1 of 2 classes have fewer than 50 images (dogs 5)" in found["small_classes"].text
    assert {"uneven_classes", "small_classes"}.isdisjoint(examine(conditional=False)[1])


def test_a_sample_is_random_repeatable_and_has_every_class():
    labels = np.zeros(10_000, np.int64)
    labels[9_999] = 1
    chosen = choose(10_000, 100, 0, labels)
    assert len(set(chosen.tolist())) == 100
    assert chosen[-1] == 9_999
    assert np.array_equal(chosen, choose(10_000, 100, 0, labels))
    assert not np.array_equal(chosen, choose(10_000, 100, 1, labels))
    assert 2_000 < chosen.mean() < 8_000
    assert np.array_equal(choose(5, 100, 0), np.arange(5))


def test_of_many_files_a_sample_is_decoded_and_all_bytes_are_compared(examine, write_images, noise):
    folder = write_images("images", noise(60))
    (folder / "zz.png").write_bytes((folder / "0000.png").read_bytes())
    facts, _ = examine(most=10)
    assert facts["looked_at"] == facts["tried"] == 10
    assert facts["images"] == 61
    assert not facts["complete"]
    assert facts["equal_files"] == [["0000.png", "zz.png"]]
