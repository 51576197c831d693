"""The command that projects pictures: what it leaves, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dcgan import data, runs
from dcgan.config import DataConfig, ProjectConfig
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.data.transforms import CropResize
from dcgan.sampling.generation import generate_images
from dcgan.sampling.latents import latents, slerp
from dcgan.sampling.project import project, read_images
from dcgan.visualization import read_png, save_png, tile
from tests.sampling.test_projection import generator_of

NAMES = ("a.png", "b.png")


def made(classes=0):
    """A run of a tiny generator, and two pictures that it drew, in the class 1 where there are classes."""
    run, generator = runs.Run(Path("checkpoints/tiny")), generator_of(classes)
    run.save_generator(generator)
    rows = latents((3, 4), 5)
    if classes:
        run.save_classes(Classes(tuple("uvw"[:classes]), (1 / classes,) * classes))
        rows = np.concatenate([rows, np.eye(classes, dtype=np.float32)[[1, 1]]], axis=1)
    images = generate_images(generator, rows)
    for name, image in zip(NAMES, images, strict=True):
        save_png(Path(name), image)
    return generator, images


def config(**options):
    return ProjectConfig(**{"images": ",".join(NAMES), "out": Path("out"), "steps": 300, **options})


def cells(picture, count):
    """The images of a row of a sheet of 8×8 pictures, on which a pixel is 8×8 and the margin 2."""
    enlarged = [picture[2:66, 2 + 66 * index : 66 + 66 * index] for index in range(count)]
    for cell in enlarged:
        np.testing.assert_array_equal(cell[::8, ::8].repeat(8, axis=0).repeat(8, axis=1), cell)
    return [cell[::8, ::8] for cell in enlarged]


def test_pictures_the_generator_drew_are_found_with_their_latents():
    _, images = made()
    assert project(config()) == Path("out")
    with np.load("out/latents.npz") as found:
        np.testing.assert_allclose(found["latents"], latents((3, 4), 5), atol=0.1)
        assert np.abs(found["images"].astype(int) - images).max() < 10
        assert found["errors"].shape == (301, 2)
        assert "labels" not in found


def test_the_sheet_shows_each_picture_the_search_and_the_result():
    _, images = made()
    project(config())
    first_row = cells(read_png(Path("out/sheet.png")), 7)  # itself, after 0, 3, 10, 30 and 100 steps, and the end
    np.testing.assert_array_equal(first_row[0], images[0])
    with np.load("out/latents.npz") as found:
        assert np.abs(first_row[-1].astype(int) - found["images"][0]).max() <= 1
    away = [np.abs(cell.astype(int) - images[0]).mean() for cell in first_row[1:]]
    assert away[-1] < away[0] / 10
    assert read_png(Path("out/errors.png")).shape[2] == 3


def test_the_walk_goes_from_one_found_picture_to_the_next_along_a_great_circle():
    generator, _ = made()
    project(config(walk=5))
    with np.load("out/latents.npz") as found:
        points = slerp(*found["latents"], np.linspace(0, 1, 5))
    large = generate_images(generator, points).repeat(8, axis=1).repeat(8, axis=2)
    np.testing.assert_array_equal(read_png(Path("out/walk.png")), tile(large, 5))


def test_one_picture_leaves_no_walk_and_a_second_search_a_folder_of_its_own():
    made()
    folders = [project(config(images="a.png", out=None, steps=2)) for _ in range(2)]
    assert [folder.name for folder in folders] == ["a", "a-2"]
    assert folders[0].parent == Path("checkpoints/tiny/projected")
    assert not (folders[0] / "walk.png").exists()


def test_a_dot_in_a_pictures_name_is_part_of_its_folders():
    made()
    Path("a.png").rename("a.1.png")
    folders = [project(config(images="a.1.png", out=None, steps=1)) for _ in range(2)]
    assert [folder.name for folder in folders] == ["a.1", "a.1-2"]


def test_a_conditional_run_finds_the_class_or_keeps_to_the_one_that_is_named(capsys):
    made(3)
    project(config())
    with np.load("out/latents.npz") as found:
        assert found["labels"].tolist() == [1, 1]
    assert capsys.readouterr().out.count("as 'v'") == 2
    project(config(label="w", steps=5, overwrite=True))
    with np.load("out/latents.npz") as found:
        assert found["labels"].tolist() == [2, 2]


def test_pictures_of_other_sizes_are_cut_as_prepared_ones_are():
    noise = np.random.default_rng(0).integers(0, 256, (2, 30, 41, 3), np.uint8)
    for index, pixels in enumerate(noise):
        save_png(Path(f"photos/{index}.png"), pixels)
    prepared = data.load(DataConfig("folder", Path("photos"), "16x8", channels=1, cache_dir=Path("store")))
    read = read_images([Path("photos/0.png"), Path("photos/1.png")], CropResize((16, 8), None, 1))
    np.testing.assert_array_equal(read, prepared.images)


def test_what_can_not_be_projected_is_refused_by_name():
    made()
    Path("broken.png").write_bytes(Path("a.png").read_bytes()[:60])
    Path("text.png").write_text("no picture")
    Path("folder").mkdir()
    for options, problem in [
        ({"images": None}, "--images is missing"),
        ({"images": "a.png,nowhere.png"}, r"no picture nowhere\.png"),
        ({"images": "broken.png"}, r"broken\.png can't be read"),
        ({"images": "text.png"}, r"text\.png can't be read: it is no picture"),
        ({"images": "folder"}, "folder is a folder"),
        ({"label": "3"}, "not conditional"),
        ({"out": Path("a.png")}, r"a\.png is a file"),
        ({"run_dir": Path("nowhere")}, "no run directory"),
    ]:
        with pytest.raises(UserError, match=problem):
            project(config(**options))
    assert not Path("out").exists()


def test_what_was_found_before_is_only_replaced_when_asked_to():
    made()
    project(config(steps=1))
    with pytest.raises(UserError, match="exists already"):
        project(config(steps=1))
    project(config(steps=1, overwrite=True))


def test_colour_pictures_become_grey_where_the_generator_draws_grey():
    made()
    Image.new("RGB", (20, 20), (255, 0, 0)).save("red.png")
    assert project(config(images="red.png", steps=1)) == Path("out")


def test_a_folder_of_its_own_is_not_left_behind_when_writing_is_broken_off(monkeypatch):
    made()

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("dcgan.sampling.project.encode_lines", interrupted)  # the sheet is written by then
    with pytest.raises(KeyboardInterrupt):
        project(config(out=None, steps=3))
    assert not list(Path("checkpoints/tiny/projected").iterdir())
