"""The command that draws."""

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
from dcgan.sampling.output_path import reserve_output_path
from dcgan.sampling.seeds import parse_seeds
from dcgan.sampling.selection import Selection
from dcgan.visualization import read_png, read_png_text, save_png, tile


def weights_with_variety(generator, seed):
    random = np.random.default_rng(seed)
    for variable in generator.variables:
        values = random.standard_normal(variable.shape)
        variable.assign(np.abs(values) if "variance" in variable.path else values)
    return generator


@pytest.fixture(scope="module")
def model():
    return weights_with_variety(build_generator((10, 8), 1, width=3, latent_dim=6), seed=1)


@pytest.fixture
def run(model):
    """A run of a tiny generator, below the folder the test stands in."""
    made = runs.Run(Path("checkpoints/tiny"))
    made.save_generator(model)
    return made


@pytest.fixture
def pictures(model):
    """What the seeds 0 to 99 have to look like."""
    return np.concatenate(list(generate_batches(model, latents(range(100), 6))))


def files(folder="."):
    return sorted(str(path) for path in Path(folder).rglob("*") if path.is_file() and "checkpoints" not in path.parts)


def test_with_no_options_the_newest_run_draws_a_grid_of_64_into_its_own_directory(run, model, pictures, capsys):
    older = runs.Run(Path("checkpoints/older"))
    older.save_generator(model)
    os.utime(older.generator_file, (1, 1))
    out = generate(GenerateConfig())
    assert out == run.path / "generated" / "seeds-0-63.png"
    np.testing.assert_array_equal(read_png(out), tile(pictures[:64]))
    assert capsys.readouterr().out == f"Grid of 64 seeds (0-63): {out}\n"


def test_a_second_grid_gets_the_next_free_name_unless_it_may_overwrite(run):
    names = [generate(GenerateConfig(num=2)).name for _ in range(3)]
    assert names == ["seeds-0-1.png", "seeds-0-1-2.png", "seeds-0-1-3.png"]
    assert generate(GenerateConfig(num=2, overwrite=True)).name == "seeds-0-1.png"


def test_a_grid_says_which_seeds_of_which_run_it_shows(run):
    text = read_png_text(generate(GenerateConfig(seeds="5,3")))
    assert text == {"Software": "dcgan", "Run": "tiny", "Seeds": "5,3", "Weights": "ema"}


def test_columns_lay_out_the_grid(run, pictures):
    out = generate(GenerateConfig(num=6, columns=2, out=Path("a.png")))
    np.testing.assert_array_equal(read_png(out), tile(pictures[:6], columns=2))


@pytest.mark.parametrize("options", [{"seeds": "70,3,3,9-12"}, {"num": 70}])
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_arrays_hold_the_seeds_pictures_in_the_order_of_the_seeds(run, pictures, options, ending):
    seeds = list(range(70)) if "num" in options else [70, 3, 3, 9, 10, 11, 12]
    out = generate(GenerateConfig(out=Path(f"new/a.{ending}"), **options))
    content = np.load(out)
    np.testing.assert_array_equal(content if ending == "npy" else content["images"], pictures[seeds])
    if ending == "npz":
        np.testing.assert_array_equal(content["seeds"], seeds)
        content.close()


def test_picture_n_is_the_same_in_a_grid_an_array_and_a_folder(run, pictures):
    generate(GenerateConfig(seeds="90,7", out=Path("a.png"), columns=1))
    generate(GenerateConfig(seeds="7", out=Path("a.npy")))
    generate(GenerateConfig(seeds="3-70", out=Path("a")))
    np.testing.assert_array_equal(read_png(Path("a.png"))[14:24, 2:10], pictures[7])
    np.testing.assert_array_equal(np.load("a.npy")[0], pictures[7])
    np.testing.assert_array_equal(read_png(Path("a/seed-000007.png")), pictures[7])


def test_a_folder_has_one_named_picture_a_seed(run):
    generate(GenerateConfig(seeds="5,1234567,5", out=Path("a")))
    assert files() == ["a/seed-000005.png", "a/seed-1234567.png"]
    assert read_png_text(Path("a/seed-000005.png"))["Seed"] == "5"


def test_a_folder_can_be_filled_in_parts_yet_no_picture_is_replaced(run):
    generate(GenerateConfig(seeds="0-2", out=Path("a")))
    generate(GenerateConfig(seeds="3-4", out=Path("a")))
    with pytest.raises(UserError, match=r"seed-000004\.png exists already"):
        generate(GenerateConfig(seeds="4-9", out=Path("a")))
    assert len(files()) == 5
    generate(GenerateConfig(seeds="4-9", out=Path("a"), overwrite=True))
    assert len(files()) == 10


@pytest.mark.parametrize("ending", ["png", "npy", "npz", "gif", "mp4"])
def test_a_file_that_exists_is_only_overwritten_when_asked_to(run, ending):
    out = Path(f"a.{ending}")
    out.write_text("dear to me")
    with pytest.raises(UserError, match="exists already"):
        generate(GenerateConfig(seeds="0-1", out=out))
    assert out.read_text() == "dear to me"
    generate(GenerateConfig(seeds="0-1", out=out, overwrite=True))
    assert out.read_bytes() != b"dear to me"


def test_a_walk_in_a_grid_has_one_row_a_pair(run, model):
    out = generate(GenerateConfig(seeds="4,9,2", walk=5))
    assert out.name == "walk-4,9,2.png"
    ends = [latents([4, 9], 6), latents([9, 2], 6)]
    points = np.concatenate([slerp(a, b, np.linspace(0, 1, 5)) for a, b in ends])
    np.testing.assert_array_equal(read_png(out), tile(np.concatenate(list(generate_batches(model, points))), columns=5))


def test_a_walk_without_seeds_goes_along_the_first_eight(run):
    assert generate(GenerateConfig(walk=2)).name == "walk-0-7.png"


@pytest.mark.parametrize(("walk", "frames"), [(None, 36), (4, 12)])
def test_a_gif_is_a_loop_through_the_seeds_large_enough_to_look_at(run, pictures, walk, frames):
    out = generate(GenerateConfig(seeds="0-2", walk=walk, out=Path("a.gif"), fps=10))
    with Image.open(out) as gif:
        assert (gif.n_frames, gif.size, gif.info["duration"], gif.info["loop"]) == (frames, (256, 320), 100, 0)
        gif.seek(frames // 3)  # the second seed
        shown = np.asarray(gif.convert("L"))
    np.testing.assert_array_equal(shown[::32, ::32], pictures[1, ..., 0])


def history(run, steps):
    for step in steps:
        save_png(run.sample_file(step), np.full((12, 16, 1), step % 256, np.uint8))
    save_png(run.samples_dir / "real.png", np.zeros((9, 9, 3), np.uint8))


def test_the_runs_history_becomes_an_animation_in_the_order_of_the_steps(run, capsys):
    history(run, [200, 50, 100])
    out = generate(GenerateConfig(animate=True))
    assert out == run.path / "history.gif"
    with Image.open(out) as gif:
        shown = [np.asarray(gif.convert("L"))[0, 0] for gif.frame in range(3) if gif.seek(gif.frame) is None]
    assert shown == [50, 100, 200]
    assert capsys.readouterr().out == f"3 grids of the run's history: {out}\n"


def test_the_history_can_be_an_mp4_and_needs_no_generator():
    run = runs.Run(Path("checkpoints/young"))
    history(run, [50, 100])
    assert generate(GenerateConfig(run_dir=run.path, animate=True, out=Path("a.mp4"))).stat().st_size > 0


def test_a_history_that_is_empty_is_refused(run):
    with pytest.raises(UserError, match="no sample grids yet"):
        animate(run, Path("a.gif"))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"seeds": "0-3", "num": 4}, "--seeds and --num both"),
        ({"animate": True, "num": 4}, "--animate shows the run's history"),
        ({"animate": True, "out": Path("a.png")}, "--animate shows the run's history"),
        ({"walk": 5, "out": Path("a.npy")}, r"A walk can't be written to a\.npy"),
        ({"walk": 5, "out": Path("a")}, "A walk can't be written to a"),
        ({"walk": 1}, "no room for both of its ends"),
        ({"walk": 5, "seeds": "3"}, "at least two seeds"),
        ({"columns": 5, "out": Path("a.gif")}, "--columns is for a grid"),
        ({"columns": 5, "walk": 5}, "--columns is for a grid"),
        ({"out": Path("a.jpg")}, r"ends in \.jpg, which can't be written"),
        ({"out": Path("a.webp")}, r"ends in \.webp"),
        ({"seeds": "nonsense"}, "neither a seed nor a range"),
        ({"num": 10**7}, "too many for one grid"),
        ({"num": 10**15, "out": Path("a.npy")}, "are free"),
        ({"run_dir": Path("nowhere")}, "no run directory"),
        ({"out": Path("checkpoints/tiny/generator.keras")}, r"ends in \.keras"),
        ({"out": Path("a.gif"), "fps": 100.0}, "100 pictures a second"),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_nothing_behind(run, options, problem):
    with pytest.raises(UserError, match=problem):
        generate(GenerateConfig(**options))
    assert files() == []
    assert not (run.path / "generated").exists()


def test_a_folder_is_not_taken_for_a_file_nor_a_file_for_a_folder(run):
    Path("a.png").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        generate(GenerateConfig(out=Path("a.png"), overwrite=True))
    Path("b").write_text("")
    with pytest.raises(UserError, match="is a file"):
        generate(GenerateConfig(out=Path("b"), overwrite=True))


def test_a_folder_that_cannot_be_made_is_named(run):
    Path("b").write_text("")
    with pytest.raises(UserError, match="b/c can't be written"):
        generate(GenerateConfig(out=Path("b/c")))


def test_raw_weights_are_those_that_training_left_and_their_grid_says_so(run, model):
    raw = weights_with_variety(keras.models.clone_model(model), seed=2)
    state = {f"generator/{v.path.removeprefix('generator/')}": np.asarray(v) for v in raw.variables}
    run.checkpoints.save(1, state, keep=1)
    out = generate(GenerateConfig(weights="raw"))
    assert out.name == "seeds-0-63-raw.png"
    np.testing.assert_array_equal(
        read_png(out), tile(np.concatenate(list(generate_batches(raw, latents(range(64), 6)))))
    )


def test_a_long_list_of_seeds_makes_a_short_name(run):
    seeds = ",".join(map(str, itertools.islice(itertools.count(1, 2), 30)))
    assert generate(GenerateConfig(seeds=seeds)).name == "seeds-30-chosen.png"


@pytest.fixture
def conditional(model):
    """A run of a tiny conditional generator of three classes."""
    made = runs.Run(Path("checkpoints/conditional"))
    generator = weights_with_variety(build_generator((10, 8), 1, width=3, latent_dim=6, classes=3), seed=2)
    made.save_generator(generator)
    made.save_classes(Classes(("a", "b", "c"), (0.25, 0.25, 0.5)))
    return made


def drawn_as(run, seeds, label):
    rows = np.concatenate([latents(seeds, 6), np.eye(3, dtype=np.float32)[[label] * len(seeds)]], axis=1)
    return np.concatenate(list(generate_batches(run.load_generator(), rows)))


def test_a_conditional_run_draws_a_row_of_each_class(conditional):
    out = generate(GenerateConfig())
    assert out.name == "seeds-0-7-each-class.png"
    expected = np.concatenate([drawn_as(conditional, range(8), label) for label in range(3)])
    np.testing.assert_array_equal(read_png(out), tile(expected, columns=8))


@pytest.mark.parametrize("label", ["b", "1"])
def test_a_class_is_drawn_on_demand(conditional, label):
    generate(GenerateConfig(num=70, label=label, out=Path("a.npz")))
    with np.load("a.npz") as archive:
        np.testing.assert_array_equal(archive["images"], drawn_as(conditional, range(70), 1))
        assert archive["labels"].tolist() == [1] * 70
        assert archive["seeds"].tolist() == list(range(70))


def test_a_picture_of_the_seeds_own_class_is_the_one_that_was_asked_for_by_name(conditional):
    generate(GenerateConfig(num=20, out=Path("a.npz")))
    with np.load("a.npz") as archive:
        for image, seed, label in zip(archive["images"], archive["seeds"], archive["labels"], strict=True):
            np.testing.assert_array_equal(image, drawn_as(conditional, [int(seed)], int(label))[0])
        np.testing.assert_allclose(np.bincount(archive["labels"]), [5, 5, 10], atol=1)


def test_a_folder_of_a_conditional_run_has_class_folders(conditional):
    generate(GenerateConfig(seeds="0-1", label="each", out=Path("pictures")))
    assert files("pictures") == [f"pictures/{name}/seed-00000{seed}.png" for name in "abc" for seed in (0, 1)]
    with pytest.raises(UserError, match=r"a/seed-000001\.png exists already"):
        generate(GenerateConfig(seeds="1-2", label="a", out=Path("pictures")))
    generate(GenerateConfig(seeds="2", label="a", out=Path("pictures")))
    assert len(files("pictures")) == 7


def test_a_class_walk_and_an_animation_of_one_class_are_drawn(conditional):
    assert generate(GenerateConfig(walk=4, label="c")).name == "walk-0-7-class-2.png"
    generate(GenerateConfig(out=Path("a.gif"), seeds="0-1"))
    with Image.open("a.gif") as picture:
        assert picture.n_frames > 1


def test_a_label_of_a_run_without_classes_or_beside_an_animation_of_its_history_is_refused(run):
    with pytest.raises(UserError, match="not conditional"):
        generate(GenerateConfig(label="3"))
    with pytest.raises(UserError, match="--label"):
        generate(GenerateConfig(animate=True, label="3"))


def test_two_processes_that_choose_a_name_at_once_choose_two(run):
    asked = Selection(parse_seeds("0-1"))
    with (
        reserve_output_path(GenerateConfig(), run, asked) as one,
        reserve_output_path(GenerateConfig(), run, asked) as other,
    ):
        assert [one.name, other.name] == ["seeds-0-1.png", "seeds-0-1-2.png"]


def test_a_name_that_nothing_came_of_is_given_up(run):
    def fail():
        with reserve_output_path(GenerateConfig(), run, Selection(parse_seeds("0-1"))):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not (run.path / "generated").exists()
