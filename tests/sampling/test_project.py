"""The `project` command: what it writes, and what it refuses."""

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
from tests.sampling.test_projection import tiny_generator

NAMES = ("a.png", "b.png")


def new_run(classes=0):
    """A run of a tiny generator, and two of its images, of class 1 if it is conditional."""
    run, generator = runs.Run(Path("checkpoints/tiny")), tiny_generator(classes)
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


def cells(figure, count):
    """The images in the first row of a figure of 8×8 images, magnified eight times, with a margin of 2."""
    magnified = [figure[2:66, 2 + 66 * index : 66 + 66 * index] for index in range(count)]
    for cell in magnified:
        np.testing.assert_array_equal(cell[::8, ::8].repeat(8, axis=0).repeat(8, axis=1), cell)
    return [cell[::8, ::8] for cell in magnified]


def test_the_latents_of_generated_images_are_recovered():
    _, images = new_run()
    assert project(config()) == Path("out")
    with np.load("out/latents.npz") as found:
        np.testing.assert_allclose(found["latents"], latents((3, 4), 5), atol=0.1)
        assert np.abs(found["images"].astype(int) - images).max() < 10
        assert found["errors"].shape == (301, 2)
        assert "labels" not in found


def test_the_figure_shows_each_image_the_search_and_the_result():
    _, images = new_run()
    project(config())
    first_row = cells(read_png(Path("out/projection.png")), 7)  # itself, after 0, 3, 10, 30 and 100 steps, and the end
    np.testing.assert_array_equal(first_row[0], images[0])
    with np.load("out/latents.npz") as found:
        assert np.abs(first_row[-1].astype(int) - found["images"][0]).max() <= 1
    errors = [np.abs(cell.astype(int) - images[0]).mean() for cell in first_row[1:]]
    assert errors[-1] < errors[0] / 10
    assert read_png(Path("out/errors.png")).shape[2] == 3


def test_the_walk_goes_from_one_result_to_the_next_along_a_great_circle():
    generator, _ = new_run()
    project(config(walk=5))
    with np.load("out/latents.npz") as found:
        points = slerp(*found["latents"], np.linspace(0, 1, 5))
    magnified = generate_images(generator, points).repeat(8, axis=1).repeat(8, axis=2)
    np.testing.assert_array_equal(read_png(Path("out/walk.png")), tile(magnified, 5))


def test_a_single_image_has_no_walk_and_a_second_search_writes_a_folder_of_its_own():
    new_run()
    folders = [project(config(images="a.png", out=None, steps=2)) for _ in range(2)]
    assert [folder.name for folder in folders] == ["a", "a-2"]
    assert (folders[0] / "projection.png").exists()
    assert folders[0].parent == Path("checkpoints/tiny/projected")
    assert not (folders[0] / "walk.png").exists()


def test_a_dot_in_the_name_of_an_image_is_kept_in_the_name_of_the_folder():
    new_run()
    Path("a.png").rename("a.1.png")
    folders = [project(config(images="a.1.png", out=None, steps=1)) for _ in range(2)]
    assert [folder.name for folder in folders] == ["a.1", "a.1-2"]


def test_a_conditional_run_finds_the_class_or_uses_the_given_class(capsys):
    new_run(3)
    project(config())
    with np.load("out/latents.npz") as found:
        assert found["labels"].tolist() == [1, 1]
    assert capsys.readouterr().out.count("class 'v'") == 2
    project(config(class_label="w", steps=5, overwrite=True))
    with np.load("out/latents.npz") as found:
        assert found["labels"].tolist() == [2, 2]


def test_images_of_other_sizes_are_cropped_and_resized_as_for_training():
    noise = np.random.default_rng(0).integers(0, 256, (2, 30, 41, 3), np.uint8)
    for index, pixels in enumerate(noise):
        save_png(Path(f"photos/{index}.png"), pixels)
    prepared = data.load(DataConfig("folder", Path("photos"), "16x8", channels=1, cache_dir=Path("cache")))
    read = read_images([Path("photos/0.png"), Path("photos/1.png")], CropResize((16, 8), None, 1))
    np.testing.assert_array_equal(read, prepared.images)


@pytest.mark.usefixtures("command_line")
def test_files_and_options_that_can_not_be_used_are_refused_by_name():
    new_run()
    Path("broken.png").write_bytes(Path("a.png").read_bytes()[:60])
    Path("text.png").write_text("no image")
    Path("folder").mkdir()
    for options, problem in [
        ({"images": None}, "--images is missing"),
        ({"images": "a.png,nowhere.png"}, r"no image nowhere\.png"),
        ({"images": "broken.png"}, r"broken\.png can't be read"),
        ({"images": "text.png"}, r"text\.png can't be read: it is a text, not an image"),
        ({"images": "folder"}, "folder is a folder"),
        ({"class_label": "3"}, "not conditional"),
        ({"out": Path("a.png")}, r"a\.png is a file"),
        ({"run_dir": Path("nowhere")}, "no run directory"),
    ]:
        with pytest.raises(UserError, match=problem):
            project(config(**options))
    assert not Path("out").exists()


def test_earlier_results_are_only_replaced_on_request():
    new_run()
    project(config(steps=1))
    with pytest.raises(UserError, match="exists already"):
        project(config(steps=1))
    project(config(steps=1, overwrite=True))


def test_color_images_are_converted_for_a_grayscale_generator():
    new_run()
    Image.new("RGB", (20, 20), (255, 0, 0)).save("red.png")
    assert project(config(images="red.png", steps=1)) == Path("out")


def test_the_new_folder_appears_when_it_is_complete_and_nothing_stays_of_an_interrupted_one(monkeypatch):
    new_run()
    visible = []

    def interrupted(*arguments, **options):
        visible.extend(path.name for path in Path("checkpoints/tiny/projected").glob("[!.]*"))
        raise KeyboardInterrupt

    monkeypatch.setattr("dcgan.sampling.project.encode_lines", interrupted)  # after the figure is written
    with pytest.raises(KeyboardInterrupt):
        project(config(out=None, steps=3))
    assert visible == []
    assert not list(Path("checkpoints/tiny/projected").iterdir())
