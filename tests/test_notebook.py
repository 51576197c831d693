"""What notebooks show: pictures, a training as it runs, sliders; tried in a real kernel."""

import base64
import contextlib
import io
import os
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from dcgan.notebook import PRETRAINED, history, run_sampler, train_briefly
from dcgan.runs import Run
from dcgan.visualization import save_png

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of jupyter_client and zmq

ROOT = Path(__file__).parent.parent

PATH = "import sys; sys.path.append('..')"

PLAY = """
import numpy as np
from dcgan.notebook import play, show

show(np.zeros((6, 28, 28, 1), np.uint8), columns=3)
play(lambda grey, name: np.full((1, 28, 28, 1), grey + len(name), np.uint8), grey=(0, 200, 50), name=["ab", "abcd"])
"""

SHOW = """
import numpy as np
from dcgan.notebook import film, show

show(np.zeros((30, 60, 1), np.uint8))
show(np.zeros((3, 28, 28, 1), np.uint8), columns=3, names=["one", "two", "three"])
film((np.full((28, 28, 1), grey, np.uint8) for grey in (0, 100, 200)), fps=4)
"""

MOVE = """
import gc, ipywidgets
slider, = (found for found in gc.get_objects() if isinstance(found, ipywidgets.IntSlider))
slider.value = 200
"""

WATCH = """
from pathlib import Path
import numpy as np
from dcgan.notebook import Live
from dcgan.visualization import save_png
from dcgan.runs import Run

run, live = Run(Path("run")), Live()
run.path.mkdir()
live(run)
run.log_file.write_text('{"step": 50, "d_loss": 1, "g_loss": 1, "d_real": 0.6, "d_fake": 0.4, "images_per_second": 9, '
                        '"seconds": 3}\\n')
save_png(run.sample_file(50), np.zeros((30, 60, 1), np.uint8))
live(run)
"""


def executed(*sources):
    """The outputs of cells, run in a kernel of this environment, in a notebook that lies where the notebooks do."""
    from nbclient import NotebookClient

    Path("notebooks").mkdir()
    Path("dcgan").symlink_to(ROOT / "dcgan")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (PATH, *sources)])
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    place = {"metadata": {"path": "notebooks"}}
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", resources=place)
    client.execute(env=environment | {"JUPYTER_PREFER_ENV_PATH": "1"})
    return [cell.outputs for cell in notebook.cells[1:]]


def pictures(outputs):
    return [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))))
        for output in outputs
        if "image/png" in output.get("data", {})
    ]


def test_pictures_are_enlarged_and_stay_in_the_file_also_those_that_follow_sliders():
    grid, played = pictures(executed(PLAY)[0])
    assert grid.shape == (2 * 58 + 2, 3 * 58 + 2)
    assert played[30, 30] == 102  # the middle of the slider, and the first name


def test_a_single_picture_is_shown_as_it_is_and_names_stand_above_pictures():
    single, named = pictures(executed(SHOW)[0])
    assert single.shape == (2 * 30 + 2 * 2, 2 * 60 + 2 * 2)
    assert named.shape == (14 + 56 + 2 * 8, 3 * (56 + 8) + 8)
    assert (named[8:22, 8:64] < 100).any()  # letters
    assert not named[22:78, 8:64].any()


def test_a_film_is_in_the_file_and_leaves_none():
    films = [output.data["image/gif"] for output in executed(SHOW)[0] if "image/gif" in output.data]
    assert [Image.open(io.BytesIO(base64.b64decode(film))).n_frames for film in films] == [3]
    assert not list(Path("notebooks").iterdir())


def test_who_runs_nothing_reads_that_there_are_sliders():
    sliders = executed(PLAY)[0][1]["data"]
    assert sliders["text/plain"] == "Sliders (grey, name): run the notebook to move them."
    assert "application/vnd.jupyter.widget-view+json" in sliders


def test_a_slider_that_moves_changes_its_picture_in_place():
    (played,) = pictures(executed(PLAY, MOVE)[0])[1:]
    assert played[30, 30] == 202


def test_a_training_is_watched_in_one_picture_that_is_drawn_anew():
    (live,) = pictures(executed(WATCH)[0])
    assert live.shape[:2] == (400, 880)


def test_a_history_is_the_first_the_last_and_what_is_evenly_between(tmp_path):
    run = Run(tmp_path)
    for step in range(1, 8):
        save_png(run.sample_file(step), np.full((10, 10, 1), step, np.uint8))
    (sheet,) = history(run)
    assert [sheet[10, column, 0] for column in (10, 28, 46)] == [1, 4, 7]


def test_a_history_of_few_grids_shows_each_once(tmp_path):
    run = Run(tmp_path)
    save_png(run.sample_file(3), np.full((10, 10, 1), 3, np.uint8))
    assert history(run).shape == (1, 26, 26, 1)


def test_the_generator_in_the_box_is_found_from_anywhere():
    assert Run(PRETRAINED).generator_file.is_file()
    assert PRETRAINED.is_absolute()


def test_what_is_drawn_of_a_run_are_seeds_in_a_row_in_one_class_or_in_each():
    draw = run_sampler(Run(PRETRAINED), count=3)
    each = draw(5)
    assert each.shape == (30, 28, 28, 1)
    np.testing.assert_array_equal(draw(5, label="7"), each[21:24])
    np.testing.assert_array_equal(draw(6, 7)[0], each[22])


def test_a_brief_training_prints_nothing_and_draws_without_classes():
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        run = train_briefly(Path("runs/brief"), 2, generator_width=4, discriminator_width=2)
    assert not printed.getvalue()
    assert run.config().generator_width == 4
    assert run.log_records()[-1]["step"] == 2
    assert run_sampler(run)(0).shape == (8, 28, 28, 1)
