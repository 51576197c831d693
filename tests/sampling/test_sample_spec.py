"""Options of `generate` and the spec they resolve to."""

import subprocess
import sys
from pathlib import Path

import pytest

import dcgan
from dcgan import runs
from dcgan.config import GenerateConfig
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.sampling.generate import WRITERS
from dcgan.sampling.sample_spec import Mode, resolve_spec

ARITHMETIC = "0,1 - 2 + 3"


@pytest.fixture
def run():
    """A conditional run that contains everything except a generator."""
    run = runs.Run(Path("checkpoints/a"))
    run.samples_dir.mkdir(parents=True)
    run.save_classes(Classes(("x", "y"), (0.5, 0.5)))
    return run


def spec_of(run, **options):
    return resolve_spec(GenerateConfig(run_dir=run.path, **options))


@pytest.mark.parametrize(
    ("options", "mode", "name"),
    [
        ({}, "grid", "generated/seeds-0-7-each-class.png"),
        ({"walk": 4}, "walk grid", "generated/walk-0-7.png"),
        ({"along": ARITHMETIC}, "direction", "generated/along-0,1-2+3-0-7.png"),
        ({"stages": True}, "stages", "generated/stages-0-7.png"),
        ({"arithmetic": ARITHMETIC}, "arithmetic figure", "generated/arithmetic-0,1-2+3-each-class.png"),
        ({"arithmetic": ARITHMETIC, "out": Path("a.npy")}, "arithmetic array", None),
        ({"out": Path("a.NPY")}, "array", None),
        ({"out": Path("a.npz")}, "archive", None),
        ({"out": Path("a")}, "folder", None),
        ({"out": Path("a.gif"), "walk": 4}, "walk animation", None),
        ({"animate": True}, "training animation", "history.gif"),
        ({"animate": True, "out": Path("a.mp4")}, "training animation", None),
    ],
)
def test_the_options_select_a_mode_and_the_name_of_the_output(run, options, mode, name):
    spec = spec_of(run, **options)
    assert spec.mode == mode
    assert (spec.out, spec.numbered) == ((options["out"], False) if name is None else (run.path / name, True))


def test_every_mode_has_a_writer():
    assert set(WRITERS) == set(Mode.__args__)


@pytest.mark.parametrize(
    ("options", "steps", "columns"),
    [
        ({}, 0, 8),
        ({"num": 6}, 0, None),
        ({"num": 6, "columns": 3}, 0, 3),
        ({"walk": 4}, 4, 4),
        ({"along": "0 - 1"}, 9, 9),
        ({"along": "0 - 1", "walk": 5}, 5, 5),
        ({"out": Path("a.gif")}, 12, 12),
    ],
)
def test_steps_and_columns_have_their_defaults(run, options, steps, columns):
    spec = spec_of(run, **options)
    assert (spec.images_per_pair, spec.columns) == (steps, columns)


@pytest.mark.parametrize(
    ("options", "pairs"),
    [
        ({"num": 2, "class_label": "y"}, [(0, 1), (1, 1)]),
        ({"seeds": "5,3", "class_label": "each"}, [(5, 0), (3, 0), (5, 1), (3, 1)]),
        ({"seeds": "0-1"}, [(0, 0), (1, 1)]),
    ],
)
def test_seeds_and_class_select_the_images(run, options, pairs):
    assert list(spec_of(run, **options).selection.pairs()) == pairs


def test_runs_are_compared_with_the_same_seeds_and_class(run):
    other = runs.Run(Path("checkpoints/b"))
    other.samples_dir.mkdir(parents=True)
    other.save_classes(Classes(("y", "z"), (0.5, 0.5)))
    ((compared, selection),) = spec_of(
        run, stages=True, seeds="4", class_label="y", compare_runs=str(other.path)
    ).compared
    assert compared.path == other.path
    assert list(selection.pairs()) == [(4, 0)]


def test_a_conflict_names_every_option_and_the_reason(run):
    with pytest.raises(UserError, match="`arithmetic` cannot be combined with `seeds` and `walk`: it names its own"):
        spec_of(run, arithmetic=ARITHMETIC, seeds="1", walk=3)
    with pytest.raises(UserError, match="`animate=True` cannot be combined with `class_label`"):
        spec_of(run, animate=True, class_label="x")


def test_the_hint_names_the_formats_that_can_be_written(run):
    with pytest.raises(UserError) as caught:
        spec_of(run, arithmetic=ARITHMETIC, out=Path("a.gif"))
    assert caught.value.hint == "Use --out NAME.png or NAME.npy."


def test_a_folder_has_no_list_of_seeds_among_its_notes(run):
    assert "Seeds" not in spec_of(run, seeds="1", out=Path("a")).notes
    assert spec_of(run, seeds="1", class_label="x").notes["Class"] == "x"


def test_options_are_resolved_without_tensorflow(run):
    code = (
        "import sys; from dcgan.config import GenerateConfig; from dcgan.sampling.sample_spec import resolve_spec\n"
        f"resolve_spec(GenerateConfig(run_dir={str(run.path)!r}, stages=True))\n"
        "print([name for name in ('tensorflow', 'keras', 'matplotlib') if name in sys.modules])"
    )
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {str(Path(dcgan.__file__).parents[1])!r})\n{code}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
