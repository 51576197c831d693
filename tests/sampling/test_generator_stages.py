"""A picture's way through the generator's stages."""

from pathlib import Path

import keras
import numpy as np
import pytest

from dcgan import runs
from dcgan.config import GenerateConfig
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.networks import build_generator
from dcgan.networks.upsampling import UPSAMPLERS
from dcgan.sampling import generate, latents
from dcgan.sampling.generation import generate_batches
from dcgan.sampling.generator_stages import Stages, compare_stages, stage_images
from dcgan.visualization import read_png, read_png_text, tile


def with_variety(generator, seed=1):
    """Weights that draw something."""
    random = np.random.default_rng(seed)
    for variable in generator.variables:
        values = random.standard_normal(variable.shape)
        variable.assign(values / np.sqrt(values[..., 0].size) if values.ndim > 1 else 1 + 0.3 * np.abs(values))
    return generator


def built(size=(20, 16), channels=1, seed=1, **options):
    return with_variety(build_generator(size, channels, width=4, latent_dim=6, **options), seed)


def drawn(generator, rows):
    return np.concatenate(list(generate_batches(generator, rows)))


@pytest.mark.parametrize("way", UPSAMPLERS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_row_has_every_stage_at_the_final_size_and_ends_with_the_picture(way, channels):
    generator, rows = built((20, 16), channels, upsampling=way), latents(range(5), 6)
    stages = Stages(generator)
    assert stages.sizes == [(5, 4), (10, 8), (20, 16)]
    shown = stages.pictures(rows)
    assert (shown.shape, shown.dtype) == ((5, 3, 20, 16, channels), np.uint8)
    np.testing.assert_array_equal(shown[:, -1], drawn(generator, rows))
    for stage, times in ((0, 4), (1, 2)):
        small = shown[:, stage, ::times, ::times]
        np.testing.assert_array_equal(shown[:, stage], small.repeat(times, axis=1).repeat(times, axis=2))
        assert small.std() > 20


@pytest.mark.parametrize(
    ("size", "sides"), [(28, [7, 14, 28]), (64, [4, 8, 16, 32, 64]), (224, [7, 14, 28, 56, 112, 224])]
)
def test_the_usual_sizes_grow_as_the_size_rule_says(size, sides):
    generator = build_generator((size, size), 1, width=2, latent_dim=3)
    stages = Stages(generator)
    assert stages.sizes == [(side, side) for side in sides]
    assert stages.pictures(latents(range(2), 3)).shape == (2, len(sides), size, size, 1)


def test_a_stage_shows_its_first_principal_component():
    """By singular values of the maps, once more: and what is shown is a straight line of it."""
    generator = built()
    maps = keras.Model(generator.input, generator.get_layer("relu_1").output)(latents(range(16), 6), training=False)
    pixels = np.asarray(maps, np.float64).reshape(-1, maps.shape[3])
    _, _, directions = np.linalg.svd(pixels - pixels.mean(axis=0), full_matrices=False)
    component = (pixels - pixels.mean(axis=0)) @ directions[0]
    shown = stage_images(generator, latents(range(16), 6))[:, 1, ::2, ::2, 0].reshape(-1).astype(float)
    inner = (shown > 0) & (shown < 255)
    assert 0.9 < inner.mean() < 1
    assert abs(np.corrcoef(component[inner], shown[inner])[0, 1]) > 0.9999


def test_what_is_light_in_the_picture_is_light_in_its_stages():
    """A generator turned into its negative, whose maps are what they were, has the negatives of the stages too."""
    generator, negative = built(), built()
    last = negative.get_layer("up_1")
    last.kernel.assign(-last.kernel)
    ours, theirs = (stage_images(model, latents(range(16), 6)).astype(int) for model in (generator, negative))
    assert np.abs(ours + theirs - 255).max() <= 1
    for stage in (0, 1):
        assert np.corrcoef(ours[:, stage].reshape(-1), ours[:, -1].reshape(-1))[0, 1] > 0


def test_the_stages_of_picture_n_are_those_of_seed_n_whatever_is_drawn_beside_it():
    stages, seeds = Stages(built()), [900, 3, 77]
    together = stages.pictures(latents([*range(20), *seeds], 6))[20:]
    for one, seed in zip(together, seeds, strict=True):
        np.testing.assert_array_equal(stages.pictures(latents([seed], 6))[0], one)


def test_maps_that_never_change_are_shown_in_one_shade():
    generator = build_generator((8, 8), 3, width=2, latent_dim=3)
    generator.get_layer("norm_0").gamma.assign([0.0, 0.0])
    shown = stage_images(generator, latents(range(3), 3))
    assert np.ptp(shown[:, 0]) == 0


def test_a_model_without_stages_is_refused():
    latent = keras.Input((3,))
    image = keras.layers.Reshape((2, 2, 1))(keras.layers.Dense(4)(latent))
    with pytest.raises(UserError, match="no stages"):
        Stages(keras.Model(latent, image))


def saved(name, generator, classes=None):
    run = runs.Run(Path("checkpoints") / name)
    run.save_generator(generator)
    run.save_classes(classes)
    return run


def test_the_command_draws_a_row_a_seed_and_a_column_a_stage(capsys):
    run = saved("tiny", built())
    out = generate(GenerateConfig(stages=True))
    assert out == run.path / "generated" / "stages-0-7.png"
    expected = stage_images(run.load_generator(), latents(range(8), 6))
    np.testing.assert_array_equal(read_png(out), tile(expected.reshape(24, 20, 16, 1), columns=3))
    assert capsys.readouterr().out == f"Stages of 8 seeds (0-7): {out}\n"


def test_stages_in_a_class_are_those_of_that_classs_pictures():
    run = saved("conditional", built(classes=3), Classes(("a", "b", "c"), (0.25, 0.25, 0.5)))
    out = generate(GenerateConfig(stages=True, seeds="5,2", label="b"))
    rows = np.concatenate([latents([5, 2], 6), np.eye(3, dtype=np.float32)[[1, 1]]], axis=1)
    shown = stage_images(run.load_generator(), rows)
    np.testing.assert_array_equal(read_png(out), tile(shown.reshape(6, 20, 16, 1), columns=3))
    np.testing.assert_array_equal(shown[:, -1], drawn(run.load_generator(), rows))


@pytest.mark.parametrize(
    "options",
    [
        {"walk": 3},
        {"columns": 2},
        {"out": Path("a.npy")},
        {"out": Path("a.gif")},
        {"animate": True},
        {"arithmetic": "1 + 2"},
        {"along": "1 - 2"},
    ],
)
def test_options_that_stages_have_no_use_for_are_refused(options):
    saved("tiny", built((8, 8)))
    with pytest.raises(UserError):
        generate(GenerateConfig(stages=True, **options))


def test_runs_are_compared_row_by_row_for_each_seed():
    named = {way: saved(way, built(upsampling=way)) for way in ("transposed", "nearest")}
    sheet = compare_stages(list(named.values()), seeds=[4, 9])
    one, other = (stage_images(run.load_generator(), latents([4, 9], 6)) for run in named.values())
    rows = np.concatenate([one[0], other[0], one[1], other[1]])
    np.testing.assert_array_equal(sheet, tile(rows, columns=3))


def test_the_command_sets_other_runs_below_each_row(capsys):
    named = {way: saved(way, built(upsampling=way)) for way in ("transposed", "nearest")}
    places = [run.path for run in named.values()]
    out = generate(GenerateConfig(run_dir=places[0], stages=True, seeds="4", beside=str(places[1])))
    np.testing.assert_array_equal(read_png(out), compare_stages(list(named.values()), seeds=[4]))
    assert capsys.readouterr().out == f"Stages of 1 seed (4), of 2 runs: {out}\n"
    assert out == places[0] / "generated/stages-of-2-runs-4.png"


def test_a_sheet_of_several_runs_names_them_without_their_place():
    one, other = saved("one", built()), saved("other", built())
    out = generate(GenerateConfig(run_dir=one.path, stages=True, seeds="4", beside=str(other.path.resolve())))
    assert read_png_text(out)["Beside"] == "other"


def test_runs_are_set_beside_stages_only():
    with pytest.raises(UserError, match="--stages"):
        generate(GenerateConfig(beside="checkpoints/other"))


def test_runs_of_different_sizes_are_not_compared():
    with pytest.raises(UserError, match="one size"):
        compare_stages([saved("a", built((8, 8))), saved("b", built((20, 16)))], seeds=[0])
