"""Output of notebooks, executed in a real kernel: images, sliders, animations, the progress of training."""

import base64
import contextlib
import io
import os
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from dcgan.notebook import PRETRAINED, run_sampler, sample_history, train_briefly
from dcgan.runs import Run
from dcgan.visualization import save_png

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of jupyter_client and zmq

ROOT = Path(__file__).parent.parent

PATH = "import sys; sys.path.append('..')"

INTERACTIVE = """
import numpy as np
from dcgan.notebook import show, show_interactive

show(np.zeros((6, 28, 28, 1), np.uint8), columns=3)
show_interactive(
    lambda gray, name: np.full((1, 28, 28, 1), gray + len(name), np.uint8), gray=(0, 200, 50), name=["ab", "abcd"]
)
"""

SHOW = """
import numpy as np
from dcgan.notebook import show, show_animation

show(np.zeros((30, 60, 1), np.uint8))
show(np.zeros((3, 28, 28, 1), np.uint8), columns=3, names=["one", "two", "three"])
show_animation((np.full((28, 28, 1), gray, np.uint8) for gray in (0, 100, 200)), fps=4)
"""

MOVE_SLIDER = """
import gc, ipywidgets
slider, = (value for value in gc.get_objects() if isinstance(value, ipywidgets.IntSlider))
slider.value = 200
"""

PROGRESS = """
from pathlib import Path
import numpy as np
from dcgan.notebook import LiveProgress
from dcgan.visualization import save_png
from dcgan.runs import Run

run, progress = Run(Path("run")), LiveProgress()
run.path.mkdir()
progress(run)
run.log_file.write_text('{"step": 50, "d_loss": 1, "g_loss": 1, "d_real": 0.6, "d_fake": 0.4, "images_per_second": 9, '
                        '"seconds": 3}\\n')
save_png(run.sample_file(50), np.zeros((30, 60, 1), np.uint8))
progress(run)
"""


def executed(*sources):
    """Return the outputs of cells executed in a kernel of this environment, in a notebook in the folder `notebooks`."""
    from nbclient import NotebookClient

    Path("notebooks").mkdir()
    Path("dcgan").symlink_to(ROOT / "dcgan")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (PATH, *sources)])
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    resources = {"metadata": {"path": "notebooks"}}
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources)
    client.execute(env=environment | {"JUPYTER_PREFER_ENV_PATH": "1"})
    return [cell.outputs for cell in notebook.cells[1:]]


def shown_images(outputs):
    return [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))))
        for output in outputs
        if "image/png" in output.get("data", {})
    ]


def test_images_and_those_that_follow_sliders_are_magnified_and_stored_in_the_notebook():
    grid, interactive = shown_images(executed(INTERACTIVE)[0])
    assert grid.shape == (2 * 58 + 2, 3 * 58 + 2)
    assert interactive[30, 30] == 102  # the middle of the slider, and the first name


def test_a_single_image_has_no_grid_and_names_are_captions_above_images():
    single, named = shown_images(executed(SHOW)[0])
    assert single.shape == (2 * 30 + 2 * 2, 2 * 60 + 2 * 2)
    assert named.shape == (14 + 56 + 2 * 8, 3 * (56 + 8) + 8)
    assert (named[8:22, 8:64] < 100).any()  # letters
    assert not named[22:78, 8:64].any()


def test_an_animation_is_stored_in_the_notebook_and_leaves_no_file():
    animations = [output.data["image/gif"] for output in executed(SHOW)[0] if "image/gif" in output.data]
    assert [Image.open(io.BytesIO(base64.b64decode(data))).n_frames for data in animations] == [3]
    assert not list(Path("notebooks").iterdir())


def test_a_notebook_that_is_not_running_has_a_text_about_its_sliders():
    sliders = executed(INTERACTIVE)[0][1]["data"]
    assert sliders["text/plain"] == "Sliders (gray, name): run the notebook to move them."
    assert "application/vnd.jupyter.widget-view+json" in sliders


def test_moving_a_slider_updates_its_image_in_place():
    (interactive,) = shown_images(executed(INTERACTIVE, MOVE_SLIDER)[0])[1:]
    assert interactive[30, 30] == 202


def test_the_progress_of_training_is_one_image_that_is_updated_in_place():
    (progress,) = shown_images(executed(PROGRESS)[0])
    assert progress.shape[:2] == (400, 880)


def test_a_sample_history_has_the_first_the_last_and_evenly_spaced_grids(tmp_path):
    run = Run(tmp_path)
    for step in range(1, 8):
        save_png(run.sample_file(step), np.full((10, 10, 1), step, np.uint8))
    (grid,) = sample_history(run)
    assert [grid[10, column, 0] for column in (10, 28, 46)] == [1, 4, 7]


def test_a_sample_history_of_few_grids_shows_each_once(tmp_path):
    run = Run(tmp_path)
    save_png(run.sample_file(3), np.full((10, 10, 1), 3, np.uint8))
    assert sample_history(run).shape == (1, 26, 26, 1)


def test_the_pretrained_generator_is_found_from_any_folder():
    assert Run(PRETRAINED).generator_file.is_file()
    assert PRETRAINED.is_absolute()


def test_the_sampler_of_a_run_returns_consecutive_seeds_in_one_class_or_in_each():
    sampler = run_sampler(Run(PRETRAINED), count=3)
    each = sampler(5)
    assert each.shape == (30, 28, 28, 1)
    np.testing.assert_array_equal(sampler(5, label="7"), each[21:24])
    np.testing.assert_array_equal(sampler(6, 7)[0], each[22])


def test_a_brief_training_prints_nothing_and_is_unconditional():
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        run = train_briefly(Path("runs/brief"), 2, generator_width=4, discriminator_width=2)
    assert not printed.getvalue()
    assert run.config().generator_width == 4
    assert run.log_records()[-1]["step"] == 2
    assert run_sampler(run)(0).shape == (8, 28, 28, 1)
