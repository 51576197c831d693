"""The `edit` command, with a generator whose only attribute is brightness."""

from pathlib import Path

import keras
import numpy as np
import pytest

from dcgan import runs
from dcgan.config import EditConfig, TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.core.classes import Classes, write_classes
from dcgan.core.errors import UserError
from dcgan.evaluation import label_predictor
from dcgan.evaluation.edit import edit
from dcgan.runs.directions import load_directions
from dcgan.sampling import latents
from dcgan.sampling.generation import generate_images
from dcgan.visualization import read_png, read_png_text, save_png

SIDE, DIM = 8, 4


def brightness_generator(classes=0, ground=-0.7):
    """Two feature maps: the first is bright where the first latent number is above zero, the second always."""
    latent = keras.Input((DIM,), name="latent")
    project = keras.layers.Dense(SIDE * SIDE * 2)
    maps = keras.layers.ReLU(name="maps")(keras.layers.Reshape((SIDE, SIDE, 2))(project(latent)))
    inputs = latent
    if classes:
        one_hot = keras.Input((classes,), name="class")
        inputs = [latent, one_hot]
        maps = keras.layers.Add()([maps, 0.0 * keras.layers.Reshape((1, 1, 1))(keras.layers.Dense(1)(one_hot))])
    image = keras.layers.Conv2DTranspose(1, 1, activation="tanh")
    model = keras.Model(inputs, image(maps))
    weights = np.zeros((DIM, SIDE, SIDE, 2), np.float32)
    weights[0, ..., 0] = 1.0
    project.set_weights([weights.reshape(DIM, -1), np.tile([0.0, 0.4], SIDE * SIDE)])
    image.set_weights([np.array([0.8, 0.5]).reshape(1, 1, 1, 2), np.array([ground])])
    return model


def new_run(classes=0, ground=-0.7):
    """A run of that generator, trained on a folder of dark and bright images."""
    run, random = runs.Run(Path("checkpoints/brightness")), np.random.default_rng(0)
    for name, shade in (("bright", 170), ("dark", 30)):
        for index in range(70):
            pixels = shade + random.integers(-25, 26, (SIDE, SIDE, 1))
            save_png(Path(f"images/{name}/{index}.png"), pixels.astype(np.uint8))
    config = TrainConfig(dataset="folder", data_dir=Path("images"), image_size=SIDE, channels=1, cache_dir=Path("s"))
    run.path.mkdir(parents=True)
    run.config_file.write_text(to_yaml(config))
    run.save_generator(brightness_generator(classes, ground))
    if classes:
        run.save_classes(Classes(("a", "b"), (0.5, 0.5)))
    return run


def figure_brightness(path, columns):
    """The mean brightness of every image of a figure, row by row."""
    figure = read_png(path)[2:, 2:, 0].astype(float)
    cells = figure.reshape(-1, SIDE + 2, columns, SIDE + 2)[:, :SIDE, :, :SIDE]
    return cells.mean(axis=(1, 3))


def brightness_of_seeds(count):
    """The mean brightness of the images of the first seeds."""
    return generate_images(brightness_generator(), latents(range(count), DIM)).mean(axis=(1, 2, 3))


def test_images_become_bolder_along_boldness_with_the_original_in_the_middle(capsys):
    run = new_run()
    out = edit(EditConfig(toward="boldness", num=300, rows=5, walk=5))
    assert out == run.path / "edited" / "boldness-means.png"
    brightness = figure_brightness(out, 5)
    assert np.all(np.diff(brightness, axis=1) >= 0)
    original = generate_images(brightness_generator(), latents(range(300, 305), DIM)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(brightness[:, 2], original, atol=0.51)
    ((label, direction),) = load_directions(run, DIM).items()
    assert label == "boldness"
    moved = latents(range(5), DIM) + 2 * direction.astype(np.float32)
    assert np.all(generate_images(brightness_generator(), moved).mean(axis=(1, 2, 3)) >= brightness_of_seeds(5))
    printed = capsys.readouterr().out
    assert "Tested on 200 other images, moved by 2 times the direction:\n" in printed
    assert "  mean boldness rises by " in printed
    assert read_png_text(out)["Toward"] == "boldness"


def test_bolder_is_darker_on_bright_ground():
    new_run(ground=0.4)
    out = edit(EditConfig(toward="boldness", num=100, rows=5, walk=5))
    assert np.all(np.diff(figure_brightness(out, 5), axis=1) <= 0)


@pytest.mark.parametrize(
    ("config", "hint"),
    [
        (EditConfig(toward="brihgt"), "no class 'brihgt'; did you mean bright"),
        (EditConfig(toward="bright", from_class="drak"), "no class 'drak'; did you mean dark"),
        (EditConfig(toward="slnt"), "no class 'slnt'; did you mean slant"),
        (EditConfig(ablate="Brightz"), "no class 'Brightz'; did you mean bright"),
    ],
)
def test_a_misspelled_class_is_refused_before_any_image_is_generated(config, hint, monkeypatch):
    new_run()
    monkeypatch.setattr(label_predictor, "load_classifier", None)  # must not be called
    monkeypatch.setattr(label_predictor, "generate_images", None)
    with pytest.raises(UserError, match=hint):
        edit(config)


def test_a_misspelled_feature_of_a_conditional_run_is_corrected():
    new_run(classes=2)
    with pytest.raises(UserError, match=r"conditioned on classes.*\n.*--class.*did you mean slant"):
        edit(EditConfig(toward="slnt"))


def test_a_conditional_run_is_edited_within_its_classes_and_not_from_class_to_class():
    new_run(classes=2)
    assert edit(EditConfig(toward="boldness", num=100, rows=2, method="plane")).exists()
    with pytest.raises(UserError, match="conditioned on classes"):
        edit(EditConfig(toward="bright"))


def test_a_run_with_clusters_but_no_labels_has_no_class_to_edit_toward_or_to_generate():
    run = new_run(classes=2)
    write_classes(Classes(("all",), (1.0,), ((0.5, 0.5),)), run.classes_file)
    with pytest.raises(UserError, match=r"conditioned on clusters(?s:.)*`clusters=0`") as caught:
        edit(EditConfig(toward="bright"))
    assert "--class" not in caught.value.hint


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (EditConfig(), "--toward or --ablate is missing"),
        (EditConfig(toward="slant", ablate="dark"), "--toward and --ablate exclude each other"),
        (EditConfig(toward="slant", layer="maps"), r"--layer is an option of --ablate.\nLeave it out with --toward"),
        (EditConfig(toward="slant", seed=3), "--seed is an option of --ablate"),
        (EditConfig(ablate="dark", from_class="dark"), r"--from-class is an option of --toward.\nLeave it out with"),
        (EditConfig(ablate="dark", method="plane"), "--method is an option of --toward"),
        (EditConfig(ablate="dark", rows=3), "--rows is an option of --toward"),
        (EditConfig(ablate="dark", walk=3), "--walk is an option of --toward"),
        (EditConfig(toward="slant", from_class="dark"), "--from-class needs a class"),
        (EditConfig(toward="slant", out=Path("a.gif")), r"a\.gif"),
        (EditConfig(toward="slant", run_dir=Path("nowhere")), "no run directory"),
    ],
)
@pytest.mark.usefixtures("command_line")
def test_an_invalid_edit_is_refused(config, problem):
    new_run()
    with pytest.raises(UserError, match=problem):
        edit(config)
    assert not Path("checkpoints/brightness/edited").exists()


def test_a_dataset_with_other_classes_can_not_label_the_images_of_a_conditional_run():
    new_run(classes=2)
    with pytest.raises(UserError, match="other classes"):
        edit(EditConfig(ablate="bright"))


@pytest.mark.parametrize("config", [EditConfig(toward="a", num=4), EditConfig(ablate="a", num=4)])
def test_without_labels_no_class_can_be_predicted_and_the_message_names_their_source(config):
    run = new_run()
    for index, image in enumerate(Path("images").glob("*/*.png")):
        image.rename(f"images/{index}.png")
    with pytest.raises(UserError, match=r"no labels to predict classes from.*\n.*first-level folders"):
        edit(config)
    assert not (run.path / "edited").exists()


@pytest.mark.slow  # trains a classifier of dark and bright images
def test_images_are_moved_from_class_to_class_and_a_class_is_ablated(capsys):
    run = new_run()
    out = edit(EditConfig(toward="bright", from_class="dark", num=300, rows=4, walk=3))
    assert out.name == "dark-to-bright-means.png"
    assert np.all(np.diff(figure_brightness(out, 3), axis=1) > 0)
    assert "100% are classified as 'bright', 0% before" in capsys.readouterr().out
    with pytest.raises(UserError, match="no class 'green'"):
        edit(EditConfig(toward="green"))
    with pytest.raises(UserError, match="is the target class itself"):
        edit(EditConfig(toward="dark", from_class="dark"))

    figure = edit(EditConfig(ablate="bright", num=300))
    assert figure == run.path / "edited" / "without-bright.png"
    all_maps, ablated, _ = figure_brightness(figure, 20)
    assert all_maps[:10].min() > all_maps[10:].max()
    np.testing.assert_allclose(ablated, ablated[0], atol=0.51)  # without the map, all images are the same
    assert "1 of 2 maps predict 'bright'" in capsys.readouterr().out
