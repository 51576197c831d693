"""Every notebook runs from top to bottom on the embedded data, and stores its images."""

import ast
import shutil
from collections import Counter
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def code_of(file):
    """The code cells of a notebook, as one text."""
    cells = nbformat.read(file, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "code")


@pytest.fixture
def checkout(tmp_path):
    """A copy of the notebooks, with the package and the checkpoints beside them as in the repository."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns("checkpoints", "data"))
    for name in ("dcgan", "checkpoints"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of jupyter_client and zmq
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_runs_from_top_to_bottom(file, checkout, monkeypatch):
    from nbclient import NotebookClient

    monkeypatch.delenv("PYTHONPATH", raising=False)  # the notebook has to find the package itself
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")  # the kernel of this environment, not the user's
    folder = checkout / "notebooks"
    before = {path.name for path in folder.iterdir()}
    notebook = nbformat.read(folder / file.name, as_version=4)
    NotebookClient(notebook, timeout=180, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert {path.name for path in folder.iterdir()} - before <= {"checkpoints", "data"}  # ignored by git


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_starts_with_a_title_and_stays_small(file):
    notebook = nbformat.read(file, as_version=4)
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert file.stat().st_size < 1_000_000


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_defines_no_model_and_no_training_loop(file):
    code = code_of(file)
    assert "import dcgan" in code or "from dcgan" in code
    assert "GradientTape" not in code
    assert "keras.layers" not in code


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_shows_images_with_the_package(file):
    code = code_of(file)
    assert "from dcgan.notebook import" in code
    assert "encode_png" not in code
    assert "Image(" not in code


def test_no_function_is_defined_in_two_notebooks():
    defined = Counter(
        node.name for file in NOTEBOOKS for node in ast.parse(code_of(file)).body if isinstance(node, ast.FunctionDef)
    )
    assert [name for name, count in defined.items() if count > 1] == []
