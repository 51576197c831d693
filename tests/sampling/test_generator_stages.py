"""The stages of a generator as images, and the command that shows them."""

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
from dcgan.sampling.generation import generate_images
from dcgan.sampling.generator_stages import Stages, compare_stages, stage_images
from dcgan.visualization import read_png, read_png_text, tile
from tests.support.network_oracle import randomize


def build(size=(20, 16), channels=1, seed=1, **options):
    return randomize(build_generator(size, channels, width=4, latent_dim=6, **options), seed)


@pytest.mark.parametrize("upsampling", UPSAMPLERS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_row_has_every_stage_at_the_final_size_and_ends_with_the_image(upsampling, channels):
    generator, rows = build((20, 16), channels, upsampling=upsampling), latents(range(5), 6)
    stages = Stages(generator)
    assert stages.sizes == [(5, 4), (10, 8), (20, 16)]
    shown = stages.images(rows)
    assert (shown.shape, shown.dtype) == ((5, 3, 20, 16, channels), np.uint8)
    np.testing.assert_array_equal(shown[:, -1], generate_images(generator, rows))
    for stage, factor in ((0, 4), (1, 2)):
        small = shown[:, stage, ::factor, ::factor]
        np.testing.assert_array_equal(shown[:, stage], small.repeat(factor, axis=1).repeat(factor, axis=2))
        assert small.std() > 20


@pytest.mark.parametrize(
    ("size", "sides"), [(28, [7, 14, 28]), (64, [4, 8, 16, 32, 64]), (224, [7, 14, 28, 56, 112, 224])]
)
def test_the_stages_of_common_sizes_follow_the_size_rule(size, sides):
    generator = build_generator((size, size), 1, width=2, latent_dim=3)
    stages = Stages(generator)
    assert stages.sizes == [(side, side) for side in sides]
    assert stages.images(latents(range(2), 3)).shape == (2, len(sides), size, size, 1)


def test_a_stage_shows_its_first_principal_component():
    """Computed independently, by singular values; the stage must be a linear function of it."""
    generator = build()
    maps = keras.Model(generator.input, generator.get_layer("relu_1").output)(latents(range(16), 6), training=False)
    pixels = np.asarray(maps, np.float64).reshape(-1, maps.shape[3])
    _, _, directions = np.linalg.svd(pixels - pixels.mean(axis=0), full_matrices=False)
    component = (pixels - pixels.mean(axis=0)) @ directions[0]
    shown = stage_images(generator, latents(range(16), 6))[:, 1, ::2, ::2, 0].reshape(-1).astype(float)
    inner = (shown > 0) & (shown < 255)
    assert 0.9 < inner.mean() < 1
    assert abs(np.corrcoef(component[inner], shown[inner])[0, 1]) > 0.9999


def test_bright_regions_of_the_image_are_bright_in_its_stages():
    """A generator of the negatives with the same feature maps has the negatives of the stages."""
    generator, negative = build(), build()
    last = negative.get_layer("up_1")
    last.kernel.assign(-last.kernel)
    ours, theirs = (stage_images(model, latents(range(16), 6)).astype(int) for model in (generator, negative))
    assert np.abs(ours + theirs - 255).max() <= 1
    for stage in (0, 1):
        assert np.corrcoef(ours[:, stage].reshape(-1), ours[:, -1].reshape(-1))[0, 1] > 0


def test_the_stages_of_image_n_are_those_of_seed_n_whatever_the_other_images_are():
    stages, seeds = Stages(build()), [900, 3, 77]
    together = stages.images(latents([*range(20), *seeds], 6))[20:]
    for one, seed in zip(together, seeds, strict=True):
        np.testing.assert_array_equal(stages.images(latents([seed], 6))[0], one)


def test_constant_maps_are_shown_in_one_gray_level():
    generator = build_generator((8, 8), 3, width=2, latent_dim=3)
    generator.get_layer("norm_0").gamma.assign([0.0, 0.0])
    shown = stage_images(generator, latents(range(3), 3))
    assert np.ptp(shown[:, 0]) == 0


def test_a_model_without_stages_is_rejected():
    latent = keras.Input((3,))
    image = keras.layers.Reshape((2, 2, 1))(keras.layers.Dense(4)(latent))
    with pytest.raises(UserError, match="no stages"):
        Stages(keras.Model(latent, image))


def save_run(name, generator, classes=None):
    run = runs.Run(Path("checkpoints") / name)
    run.save_generator(generator)
    run.save_classes(classes)
    return run


def test_the_command_writes_one_row_per_seed_and_one_column_per_stage(capsys):
    run = save_run("tiny", build())
    out = generate(GenerateConfig(stages=True))
    assert out == run.path / "generated" / "stages-0-7.png"
    expected = stage_images(run.load_generator(), latents(range(8), 6))
    np.testing.assert_array_equal(read_png(out), tile(expected.reshape(24, 20, 16, 1), columns=3))
    assert capsys.readouterr().out == f"Stages of 8 seeds (0-7): {out}\n"


def test_stages_in_a_class_are_those_of_the_images_of_that_class():
    run = save_run("conditional", build(classes=3), Classes(("a", "b", "c"), (0.25, 0.25, 0.5)))
    out = generate(GenerateConfig(stages=True, seeds="5,2", class_label="b"))
    rows = np.concatenate([latents([5, 2], 6), np.eye(3, dtype=np.float32)[[1, 1]]], axis=1)
    shown = stage_images(run.load_generator(), rows)
    np.testing.assert_array_equal(read_png(out), tile(shown.reshape(6, 20, 16, 1), columns=3))
    np.testing.assert_array_equal(shown[:, -1], generate_images(run.load_generator(), rows))


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
def test_options_without_effect_on_stages_are_rejected(options):
    save_run("tiny", build((8, 8)))
    with pytest.raises(UserError):
        generate(GenerateConfig(stages=True, **options))


def test_runs_are_compared_row_by_row_for_each_seed():
    named = {name: save_run(name, build(upsampling=name)) for name in ("transposed", "nearest")}
    grid = compare_stages(list(named.values()), seeds=[4, 9])
    one, other = (stage_images(run.load_generator(), latents([4, 9], 6)) for run in named.values())
    rows = np.concatenate([one[0], other[0], one[1], other[1]])
    np.testing.assert_array_equal(grid, tile(rows, columns=3))


def test_the_command_shows_other_runs_below_each_row(capsys):
    named = {name: save_run(name, build(upsampling=name)) for name in ("transposed", "nearest")}
    paths = [run.path for run in named.values()]
    out = generate(GenerateConfig(run_dir=paths[0], stages=True, seeds="4", compare_runs=str(paths[1])))
    np.testing.assert_array_equal(read_png(out), compare_stages(list(named.values()), seeds=[4]))
    assert capsys.readouterr().out == f"Stages of 1 seed (4) in 2 runs: {out}\n"
    assert out == paths[0] / "generated/stages-of-2-runs-4.png"


def test_a_comparison_of_runs_has_their_names_without_their_folders():
    one, other = save_run("one", build()), save_run("other", build())
    out = generate(GenerateConfig(run_dir=one.path, stages=True, seeds="4", compare_runs=str(other.path.resolve())))
    assert read_png_text(out)["Compared runs"] == "other"


def test_runs_can_be_compared_only_with_stages():
    with pytest.raises(UserError, match="`stages=True`"):
        generate(GenerateConfig(compare_runs="checkpoints/other"))


def test_runs_of_different_image_sizes_are_not_compared():
    with pytest.raises(UserError, match="same image size"):
        compare_stages([save_run("a", build((8, 8))), save_run("b", build((20, 16)))], seeds=[0])
