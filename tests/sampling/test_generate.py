"""The command `generate`, in every mode."""

import itertools
import os
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from dcgan import runs
from dcgan.config import GenerateConfig
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.networks import build_generator
from dcgan.sampling import animate, generate, latents, slerp
from dcgan.sampling.generation import generate_batches
from dcgan.sampling.output import write_output
from dcgan.sampling.sample_spec import resolve_spec
from dcgan.visualization import read_png, read_png_text, save_png, tile


def randomize_weights(generator, seed):
    random = np.random.default_rng(seed)
    for variable in generator.variables:
        values = random.standard_normal(variable.shape)
        variable.assign(np.abs(values) if "variance" in variable.path else values)
    return generator


@pytest.fixture(scope="module")
def model():
    return randomize_weights(build_generator((10, 8), 1, width=3, latent_dim=6), seed=1)


@pytest.fixture
def run(model):
    """A run with a tiny generator, below the current folder."""
    run = runs.Run(Path("checkpoints/tiny"))
    run.save_generator(model)
    return run


@pytest.fixture
def images(model):
    """The images of the seeds 0 to 99."""
    return np.concatenate(list(generate_batches(model, latents(range(100), 6))))


def files(folder="."):
    return sorted(str(path) for path in Path(folder).rglob("*") if path.is_file() and "checkpoints" not in path.parts)


def test_without_options_the_newest_run_generates_a_grid_of_64_images_in_its_directory(run, model, images, capsys):
    older = runs.Run(Path("checkpoints/older"))
    older.save_generator(model)
    os.utime(older.generator_file, (1, 1))
    out = generate(GenerateConfig())
    assert out == run.path / "generated" / "seeds-0-63.png"
    np.testing.assert_array_equal(read_png(out), tile(images[:64]))
    assert capsys.readouterr().out == f"Grid of 64 seeds (0-63): {out}\n"


def test_a_second_grid_has_the_next_free_name_without_overwrite(run):
    names = [generate(GenerateConfig(num=2)).name for _ in range(3)]
    assert names == ["seeds-0-1.png", "seeds-0-1-2.png", "seeds-0-1-3.png"]
    assert generate(GenerateConfig(num=2, overwrite=True)).name == "seeds-0-1.png"


def test_a_grid_has_text_chunks_with_its_run_and_seeds(run):
    text = read_png_text(generate(GenerateConfig(seeds="5,3")))
    assert text == {"Software": "dcgan", "Run": "tiny", "Seeds": "5,3", "Weights": "ema"}


def test_the_grid_has_the_given_number_of_columns(run, images):
    out = generate(GenerateConfig(num=6, columns=2, out=Path("a.png")))
    np.testing.assert_array_equal(read_png(out), tile(images[:6], columns=2))


@pytest.mark.parametrize("options", [{"seeds": "70,3,3,9-12"}, {"num": 70}])
@pytest.mark.parametrize("extension", ["npy", "npz"])
def test_arrays_contain_the_images_in_the_order_of_the_seeds(run, images, options, extension):
    seeds = list(range(70)) if "num" in options else [70, 3, 3, 9, 10, 11, 12]
    out = generate(GenerateConfig(out=Path(f"new/a.{extension}"), **options))
    content = np.load(out)
    np.testing.assert_array_equal(content if extension == "npy" else content["images"], images[seeds])
    if extension == "npz":
        np.testing.assert_array_equal(content["seeds"], seeds)
        content.close()


def test_image_n_is_the_same_in_a_grid_an_array_and_a_folder(run, images):
    generate(GenerateConfig(seeds="90,7", out=Path("a.png"), columns=1))
    generate(GenerateConfig(seeds="7", out=Path("a.npy")))
    generate(GenerateConfig(seeds="3-70", out=Path("a")))
    np.testing.assert_array_equal(read_png(Path("a.png"))[14:24, 2:10], images[7])
    np.testing.assert_array_equal(np.load("a.npy")[0], images[7])
    np.testing.assert_array_equal(read_png(Path("a/seed-000007.png")), images[7])


def test_a_folder_has_one_file_per_seed_named_after_it(run):
    generate(GenerateConfig(seeds="5,1234567,5", out=Path("a")))
    assert files() == ["a/seed-000005.png", "a/seed-1234567.png"]
    assert read_png_text(Path("a/seed-000005.png"))["Seed"] == "5"


def test_a_folder_can_be_filled_in_parts_but_no_image_is_replaced(run):
    generate(GenerateConfig(seeds="0-2", out=Path("a")))
    generate(GenerateConfig(seeds="3-4", out=Path("a")))
    with pytest.raises(UserError, match=r"seed-000004\.png exists already"):
        generate(GenerateConfig(seeds="4-9", out=Path("a")))
    assert len(files()) == 5
    generate(GenerateConfig(seeds="4-9", out=Path("a"), overwrite=True))
    assert len(files()) == 10


@pytest.mark.parametrize("extension", ["png", "npy", "npz", "gif", "mp4"])
def test_an_existing_file_is_overwritten_only_with_overwrite(run, extension):
    out = Path(f"a.{extension}")
    out.write_text("precious")
    with pytest.raises(UserError, match="exists already"):
        generate(GenerateConfig(seeds="0-1", out=out))
    assert out.read_text() == "precious"
    generate(GenerateConfig(seeds="0-1", out=out, overwrite=True))
    assert out.read_bytes() != b"precious"


def test_a_walk_in_a_grid_has_one_row_per_pair_of_seeds(run, model):
    out = generate(GenerateConfig(seeds="4,9,2", walk=5))
    assert out.name == "walk-4,9,2.png"
    ends = [latents([4, 9], 6), latents([9, 2], 6)]
    points = np.concatenate([slerp(a, b, np.linspace(0, 1, 5)) for a, b in ends])
    np.testing.assert_array_equal(read_png(out), tile(np.concatenate(list(generate_batches(model, points))), columns=5))


def test_a_walk_without_seeds_visits_the_first_eight(run):
    assert generate(GenerateConfig(walk=2)).name == "walk-0-7.png"


@pytest.mark.parametrize(("walk", "frames"), [(None, 36), (4, 12)])
def test_a_gif_is_a_magnified_loop_through_the_seeds(run, images, walk, frames):
    out = generate(GenerateConfig(seeds="0-2", walk=walk, out=Path("a.gif"), fps=10))
    with Image.open(out) as gif:
        assert (gif.n_frames, gif.size, gif.info["duration"], gif.info["loop"]) == (frames, (256, 320), 100, 0)
        gif.seek(frames // 3)  # the second seed
        shown = np.asarray(gif.convert("L"))
    np.testing.assert_array_equal(shown[::32, ::32], images[1, ..., 0])


def save_sample_grids(run, steps):
    for step in steps:
        save_png(run.sample_file(step), np.full((12, 16, 1), step % 256, np.uint8))
    save_png(run.samples_dir / "real.png", np.zeros((9, 9, 3), np.uint8))


def test_the_sample_grids_of_a_run_are_animated_in_the_order_of_the_steps(run, capsys):
    save_sample_grids(run, [200, 50, 100])
    out = generate(GenerateConfig(animate=True))
    assert out == run.path / "history.gif"
    with Image.open(out) as gif:
        shown = [np.asarray(gif.convert("L"))[0, 0] for gif.frame in range(3) if gif.seek(gif.frame) is None]
    assert shown == [50, 100, 200]
    assert capsys.readouterr().out == f"Training animation of 3 sample grids: {out}\n"


def test_a_training_animation_can_be_an_mp4_and_needs_no_generator():
    run = runs.Run(Path("checkpoints/young"))
    save_sample_grids(run, [50, 100])
    assert generate(GenerateConfig(run_dir=run.path, animate=True, out=Path("a.mp4"))).stat().st_size > 0


def test_a_training_animation_without_sample_grids_is_rejected(run):
    with pytest.raises(UserError, match="no sample grids yet"):
        animate(run, Path("a.gif"))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"seeds": "0-3", "num": 4}, "--seeds cannot be combined with --num"),
        ({"animate": True, "num": 4}, "--animate cannot be combined with --num"),
        ({"animate": True, "out": Path("a.png")}, r"--animate cannot be written to a\.png"),
        ({"walk": 5, "out": Path("a.npy")}, r"--walk cannot be written to a\.npy"),
        ({"walk": 5, "out": Path("a")}, "--walk cannot be written to a"),
        ({"walk": 1}, "cannot show both ends"),
        ({"walk": 5, "seeds": "3"}, "at least two seeds"),
        ({"columns": 5, "out": Path("a.gif")}, r"--columns cannot be written to a\.gif"),
        ({"columns": 5, "walk": 5}, "--walk cannot be combined with --columns"),
        ({"out": Path("a.jpg")}, r"unknown extension \.jpg"),
        ({"out": Path("a.webp")}, r"unknown extension \.webp"),
        ({"seeds": "nonsense"}, "neither a seed nor a range"),
        ({"num": 10**7}, "too many for one grid"),
        ({"num": 10**15, "out": Path("a.npy")}, "are free"),
        ({"run_dir": Path("nowhere")}, "no run directory"),
        ({"out": Path("checkpoints/tiny/generator.keras")}, r"unknown extension \.keras"),
        ({"out": Path("a.gif"), "fps": 100.0}, "100 frames per second"),
    ],
)
@pytest.mark.usefixtures("command_line")
def test_invalid_options_are_rejected_and_no_file_is_written(run, options, problem):
    with pytest.raises(UserError, match=problem):
        generate(GenerateConfig(**options))
    assert files() == []
    assert not (run.path / "generated").exists()


def test_a_folder_is_not_replaced_by_a_file_nor_a_file_by_a_folder(run):
    Path("a.png").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        generate(GenerateConfig(out=Path("a.png"), overwrite=True))
    Path("b").write_text("")
    with pytest.raises(UserError, match="is a file"):
        generate(GenerateConfig(out=Path("b"), overwrite=True))


def test_a_folder_that_cannot_be_created_is_named(run):
    Path("b").write_text("")
    with pytest.raises(UserError, match="b/c can't be written"):
        generate(GenerateConfig(out=Path("b/c")))


def test_raw_weights_come_from_the_checkpoint_and_are_in_the_name_of_the_grid(run, model):
    raw = randomize_weights(keras.models.clone_model(model), seed=2)
    checkpoint = {f"generator/{v.path.removeprefix('generator/')}": np.asarray(v) for v in raw.variables}
    run.checkpoints.save(1, checkpoint, keep=1)
    out = generate(GenerateConfig(weights="raw"))
    assert out.name == "seeds-0-63-raw.png"
    np.testing.assert_array_equal(
        read_png(out), tile(np.concatenate(list(generate_batches(raw, latents(range(64), 6)))))
    )


def test_a_long_list_of_seeds_has_a_short_name(run):
    seeds = ",".join(map(str, itertools.islice(itertools.count(1, 2), 30)))
    assert generate(GenerateConfig(seeds=seeds)).name == "seeds-30-chosen.png"


@pytest.fixture
def conditional(model):
    """A run with a tiny conditional generator of three classes."""
    run = runs.Run(Path("checkpoints/conditional"))
    generator = randomize_weights(build_generator((10, 8), 1, width=3, latent_dim=6, classes=3), seed=2)
    run.save_generator(generator)
    run.save_classes(Classes(("a", "b", "c"), (0.25, 0.25, 0.5)))
    return run


def images_of_class(run, seeds, label):
    rows = np.concatenate([latents(seeds, 6), np.eye(3, dtype=np.float32)[[label] * len(seeds)]], axis=1)
    return np.concatenate(list(generate_batches(run.load_generator(), rows)))


def test_a_conditional_run_generates_one_row_per_class(conditional):
    out = generate(GenerateConfig())
    assert out.name == "seeds-0-7-each-class.png"
    expected = np.concatenate([images_of_class(conditional, range(8), label) for label in range(3)])
    np.testing.assert_array_equal(read_png(out), tile(expected, columns=8))


MODES = {
    "a.png": {"num": 4},
    "a.npy": {"num": 4},
    "a.npz": {"num": 4},
    "folder": {"num": 4},
    "a.gif": {"seeds": "0-2", "walk": 3},
    "walk.png": {"seeds": "0-2", "walk": 3},
    "sum.png": {"arithmetic": "0 - 1 + 2"},
    "along.png": {"seeds": "0-1", "along": "0 - 1"},
}


@pytest.mark.parametrize("out", MODES)
def test_a_run_with_clusters_and_without_labels_generates_in_every_mode(out):
    run = runs.Run(Path("checkpoints/clusters"))
    run.save_generator(randomize_weights(build_generator((10, 8), 1, width=3, latent_dim=6, classes=2), seed=1))
    run.save_classes(Classes(("all",), (1.0,), ((0.5, 0.5),)))
    assert generate(GenerateConfig(out=Path(out), **MODES[out])).exists()


@pytest.mark.parametrize("label", ["b", "1"])
def test_a_class_is_selected_by_name_or_number(conditional, label):
    generate(GenerateConfig(num=70, class_label=label, out=Path("a.npz")))
    with np.load("a.npz") as archive:
        np.testing.assert_array_equal(archive["images"], images_of_class(conditional, range(70), 1))
        assert archive["labels"].tolist() == [1] * 70
        assert archive["seeds"].tolist() == list(range(70))


def test_an_image_with_the_default_label_of_its_seed_equals_the_one_of_that_class(conditional):
    generate(GenerateConfig(num=20, out=Path("a.npz")))
    with np.load("a.npz") as archive:
        for image, seed, label in zip(archive["images"], archive["seeds"], archive["labels"], strict=True):
            np.testing.assert_array_equal(image, images_of_class(conditional, [int(seed)], int(label))[0])
        np.testing.assert_allclose(np.bincount(archive["labels"]), [5, 5, 10], atol=1)


def test_a_folder_of_a_conditional_run_has_a_subfolder_per_class(conditional):
    generate(GenerateConfig(seeds="0-1", class_label="each", out=Path("images")))
    assert files("images") == [f"images/{name}/seed-00000{seed}.png" for name in "abc" for seed in (0, 1)]
    with pytest.raises(UserError, match=r"a/seed-000001\.png exists already"):
        generate(GenerateConfig(seeds="1-2", class_label="a", out=Path("images")))
    generate(GenerateConfig(seeds="2", class_label="a", out=Path("images")))
    assert len(files("images")) == 7


def test_a_walk_in_one_class_and_an_animation_through_several_are_generated(conditional):
    assert generate(GenerateConfig(walk=4, class_label="c")).name == "walk-0-7-class-2.png"
    generate(GenerateConfig(out=Path("a.gif"), seeds="0-1"))
    with Image.open("a.gif") as animation:
        assert animation.n_frames > 1


def test_a_class_of_an_unconditional_run_or_of_a_training_animation_is_rejected(run):
    with pytest.raises(UserError, match="not conditional"):
        generate(GenerateConfig(class_label="3"))
    with pytest.raises(UserError, match="`animate=True` cannot be combined with `class_label`"):
        generate(GenerateConfig(animate=True, class_label="3"))


def test_two_processes_that_choose_a_name_at_the_same_time_choose_different_names(run):
    spec = resolve_spec(GenerateConfig(seeds="0-1"))
    others = []

    def write(path):
        if not others:
            others.append(None)
            others[0] = write_output(spec, write)[0].name
        path.write_text("complete")
        return ""

    path, _ = write_output(spec, write)
    assert [*others, path.name] == ["seeds-0-1.png", "seeds-0-1-2.png"]
    assert {file.name: file.read_text() for file in path.parent.iterdir()} == dict.fromkeys(
        ["seeds-0-1.png", "seeds-0-1-2.png"], "complete"
    )


@pytest.mark.parametrize("links", [True, False])
def test_there_is_no_file_before_it_is_complete(run, links, monkeypatch):
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", lambda *_: os.link("missing/a", "missing/b"))
    seen = []

    def write(path):
        path.write_text("complete")
        seen.extend(file.name for file in path.parent.parent.iterdir() if file.is_file())
        return ""

    path, _ = write_output(resolve_spec(GenerateConfig(seeds="0-1")), write)
    assert not seen
    assert [file.name for file in path.parent.iterdir()] == ["seeds-0-1.png"]
    assert path.read_text() == "complete"


def test_nothing_is_left_of_a_failure(run):
    def fail(path):
        path.write_text("incomplete")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_output(resolve_spec(GenerateConfig(seeds="0-1")), fail)
    assert not (run.path / "generated").exists()
