"""The commands that turn pictures and drop what draws a thing, in a world where brightness is all there is."""

from pathlib import Path

import keras
import numpy as np
import pytest

from dcgan import runs
from dcgan.config import DropConfig, EditConfig, TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.evaluation import label_predictor
from dcgan.evaluation.ablate import drop
from dcgan.evaluation.edit import edit
from dcgan.sampling import latents
from dcgan.sampling.generation import generate_images
from dcgan.visualization import read_png, read_png_text, save_png

SIDE, DIM = 8, 4


def made_generator(classes=0, ground=-0.7):
    """Two maps: the first one is bright where the first number of the latent is above zero, the second one always."""
    latent = keras.Input((DIM,), name="latent")
    project = keras.layers.Dense(SIDE * SIDE * 2)
    maps = keras.layers.ReLU(name="maps")(keras.layers.Reshape((SIDE, SIDE, 2))(project(latent)))
    inputs = latent
    if classes:
        kind = keras.Input((classes,), name="class")
        inputs = [latent, kind]
        maps = keras.layers.Add()([maps, 0.0 * keras.layers.Reshape((1, 1, 1))(keras.layers.Dense(1)(kind))])
    image = keras.layers.Conv2DTranspose(1, 1, activation="tanh")
    model = keras.Model(inputs, image(maps))
    weights = np.zeros((DIM, SIDE, SIDE, 2), np.float32)
    weights[0, ..., 0] = 1.0
    project.set_weights([weights.reshape(DIM, -1), np.tile([0.0, 0.4], SIDE * SIDE)])
    image.set_weights([np.array([0.8, 0.5]).reshape(1, 1, 1, 2), np.array([ground])])
    return model


def a_run(classes=0, ground=-0.7):
    """A run of that generator, which learnt from a folder of dark and bright pictures."""
    run, random = runs.Run(Path("checkpoints/made")), np.random.default_rng(0)
    for name, shade in (("bright", 170), ("dark", 30)):
        for index in range(70):
            pixels = shade + random.integers(-25, 26, (SIDE, SIDE, 1))
            save_png(Path(f"pictures/{name}/{index}.png"), pixels.astype(np.uint8))
    config = TrainConfig(dataset="folder", data_dir=Path("pictures"), image_size=SIDE, channels=1, cache_dir=Path("s"))
    run.path.mkdir(parents=True)
    run.config_file.write_text(to_yaml(config))
    run.save_generator(made_generator(classes, ground))
    if classes:
        run.save_classes(Classes(("a", "b"), (0.5, 0.5)))
    return run


def rows_of(path, columns):
    """The mean brightness of every picture of a sheet, row by row."""
    sheet = read_png(path)[2:, 2:, 0].astype(float)
    cells = sheet.reshape(-1, SIDE + 2, columns, SIDE + 2)[:, :SIDE, :, :SIDE]
    return cells.mean(axis=(1, 3))


def test_pictures_become_bolder_along_boldness_and_their_own_is_in_the_middle(capsys):
    run = a_run()
    out = edit(EditConfig(toward="boldness", num=300, rows=5, walk=5))
    assert out == run.path / "turned" / "boldness-means.png"
    brightness = rows_of(out, 5)
    assert np.all(np.diff(brightness, axis=1) >= 0)
    own = generate_images(made_generator(), latents(range(300, 305), DIM)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(brightness[:, 2], own, atol=0.51)
    printed = capsys.readouterr().out
    assert "Tried on 200 other pictures, moved by 2 times the way that was found:\n" in printed
    assert "  their mean boldness rises by " in printed
    assert read_png_text(out)["Toward"] == "boldness"


def test_on_bright_ground_bolder_is_darker():
    a_run(ground=0.4)
    assert np.all(np.diff(rows_of(edit(EditConfig(toward="boldness", num=100, rows=5, walk=5)), 5), axis=1) <= 0)


@pytest.mark.parametrize(
    ("command", "config", "hint"),
    [
        (edit, EditConfig(toward="brihgt"), "no class 'brihgt'; did you mean bright"),
        (edit, EditConfig(toward="bright", start="drak"), "no class 'drak'; did you mean dark"),
        (edit, EditConfig(toward="slnt"), "no class 'slnt'; did you mean slant"),
        (drop, DropConfig(thing="Brightz"), "no class 'Brightz'; did you mean bright"),
    ],
)
def test_a_misspelt_class_is_told_before_anything_is_drawn_or_learnt(command, config, hint, monkeypatch):
    a_run()
    monkeypatch.setattr(label_predictor, "load_classifier", None)  # it must not be called
    monkeypatch.setattr(label_predictor, "draw_all", None)
    with pytest.raises(UserError, match=hint):
        command(config)


def test_a_misspelt_style_of_a_conditional_run_is_told():
    a_run(classes=2)
    with pytest.raises(UserError, match=r"told the class.*\n.*did you mean slant"):
        edit(EditConfig(toward="slnt"))


def test_a_conditional_run_is_turned_within_its_classes_and_not_from_class_to_class():
    a_run(classes=2)
    assert edit(EditConfig(toward="boldness", num=100, rows=2, method="plane")).exists()
    with pytest.raises(UserError, match="told the class"):
        edit(EditConfig(toward="bright"))


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (EditConfig(), "--toward is missing"),
        (EditConfig(toward="slant", start="dark"), "--start is for a class"),
        (EditConfig(toward="slant", out=Path("a.gif")), "no picture"),
        (EditConfig(toward="slant", run_dir=Path("nowhere")), "no run directory"),
    ],
)
def test_a_turn_that_makes_no_sense_is_refused(config, problem):
    a_run()
    with pytest.raises(UserError, match=problem):
        edit(config)


def test_a_data_set_of_other_classes_can_not_say_what_a_conditional_run_draws():
    a_run(classes=2)
    with pytest.raises(UserError, match="other classes"):
        drop(DropConfig(thing="bright"))


@pytest.mark.parametrize(
    ("command", "config"), [(edit, EditConfig(toward="a", num=4)), (drop, DropConfig(thing="a", num=4))]
)
def test_without_labels_no_class_can_be_read_and_it_is_said_where_they_come_from(command, config):
    run = a_run()
    for index, picture in enumerate(Path("pictures").glob("*/*.png")):
        picture.rename(f"pictures/{index}.png")
    with pytest.raises(UserError, match=r"no labels by which.*\n.*first-level folders"):
        command(config)
    assert not (run.path / "turned").exists()


def test_what_is_to_be_dropped_has_to_be_named():
    with pytest.raises(UserError, match="--thing is missing"):
        drop(DropConfig())


@pytest.mark.slow  # trains a classifier of dark and bright pictures
def test_classes_are_told_apart_turned_and_dropped(capsys):
    run = a_run()
    out = edit(EditConfig(toward="bright", start="dark", num=300, rows=4, walk=3))
    assert out.name == "dark-to-bright-means.png"
    assert np.all(np.diff(rows_of(out, 3), axis=1) > 0)
    assert "100% are read as 'bright', where 0% were" in capsys.readouterr().out
    with pytest.raises(UserError, match="no class 'green'"):
        edit(EditConfig(toward="green"))
    with pytest.raises(UserError, match="to itself"):
        edit(EditConfig(toward="dark", start="dark"))

    sheet = drop(DropConfig(thing="bright", num=300))
    assert sheet == run.path / "dropped" / "bright.png"
    as_they_are, without, _ = rows_of(sheet, 20)
    assert as_they_are[:10].min() > as_they_are[10:].max()
    np.testing.assert_allclose(without, without[0], atol=0.51)  # what is left is the same in all of them
    assert "1 of 2 maps speak for 'bright'" in capsys.readouterr().out
