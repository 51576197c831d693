"""The choices of kernels that XLA makes on a GPU, kept in a file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dcgan.core import autotuning

CHECKOUT = Path(__file__).parents[2]


def result(operation, algorithm, device="NVIDIA H200"):
    lines = [f'  device: "{device}"', f'  hlo: "{{\\n  {operation}\\n}}"', "  result {", "    gemm {"]
    lines += [f"      algorithm: {algorithm}", "    }", "  }", "  version: 22"]
    return "\n".join(["results {", *lines, "}", ""])


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The file of this process and the one of all; nothing is set in the environment."""
    monkeypatch.setattr(autotuning, "_own_file", lambda: tmp_path / "dcgan-autotuning-1.pbtxt")
    monkeypatch.setattr(autotuning, "_known_file", lambda: tmp_path / "cache" / "known.pbtxt")
    for name in ("XLA_FLAGS", "TF_CUDNN_DETERMINISTIC", "TF_CUDNN_USE_AUTOTUNE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "dcgan-autotuning-1.pbtxt", tmp_path / "cache" / "known.pbtxt"


def test_a_known_choice_is_kept_and_a_new_one_is_added():
    known = "version: 3\n" + result("dot a", 1)
    measured = "version: 3\n" + result("dot b", 2) + result("dot a", 3) + result("dot a", 4, "NVIDIA A100")
    merged = autotuning.merge_results(known, measured)
    assert merged == "version: 3\n" + result("dot a", 4, "NVIDIA A100") + result("dot a", 1) + result("dot b", 2)
    assert autotuning.merge_results(merged, measured) == merged
    assert autotuning.merge_results("", known) == known


def test_a_process_stores_its_choices_and_the_next_one_begins_with_them(files):
    own, known = files
    autotuning.keep_autotuning_results()
    assert os.environ["XLA_FLAGS"] == f"--xla_gpu_dump_autotune_results_to={own}"
    autotuning.store_autotuning_results()  # on a CPU XLA writes nothing
    assert not known.exists()
    own.write_text("version: 3\n" + result("dot a", 1))
    autotuning.store_autotuning_results()
    assert known.read_text() == own.read_text()
    del os.environ["XLA_FLAGS"]
    autotuning.keep_autotuning_results()
    assert os.environ["XLA_FLAGS"].endswith(f"--xla_gpu_load_autotune_results_from={known}")


def test_what_the_user_has_set_is_kept(files, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_gpu_dump_autotune_results_to=mine.pbtxt")
    monkeypatch.setenv("TF_CUDNN_USE_AUTOTUNE", "1")
    autotuning.keep_autotuning_results()
    assert os.environ["XLA_FLAGS"] == "--xla_gpu_dump_autotune_results_to=mine.pbtxt"
    assert (os.environ["TF_CUDNN_USE_AUTOTUNE"], os.environ["TF_CUDNN_DETERMINISTIC"]) == ("1", "1")
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=false")
    autotuning.keep_autotuning_results()
    assert os.environ["XLA_FLAGS"].startswith("--xla_cpu_enable_fast_math=false --xla_gpu_dump")


def test_a_child_process_writes_a_file_of_its_own(files, monkeypatch):
    own, known = files
    of_parent = "--xla_gpu_dump_autotune_results_to=/tmp/dcgan-autotuning-2.pbtxt"
    monkeypatch.setenv("XLA_FLAGS", f"--a=1 {of_parent} --xla_gpu_load_autotune_results_from={known}")
    autotuning.keep_autotuning_results()
    assert os.environ["XLA_FLAGS"] == f"--a=1 --xla_gpu_dump_autotune_results_to={own}"


@pytest.mark.parametrize("driver", [False, True])
def test_the_choices_are_kept_from_the_import_on_where_there_is_a_driver(driver, tmp_path):
    """TensorFlow may read its environment as soon as it looks for GPUs."""
    code = f"""
import os, sys
exists = os.path.exists
os.path.exists = lambda path: {driver} if path == "/dev/nvidiactl" else exists(path)
import dcgan
print("tensorflow" in sys.modules, os.environ.get("XLA_FLAGS", ""))
"""
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    environment |= {"XDG_CACHE_HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=True
    )
    imported, _, flags = printed.stdout.strip().partition(" ")
    assert imported == "False"
    assert flags.startswith("--xla_gpu_dump_autotune_results_to=") == driver
    assert list(tmp_path.iterdir()) == []


def test_a_cache_folder_that_cannot_be_written_is_no_error(files):
    own, known = files
    own.write_text("version: 3\n" + result("dot a", 1))
    known.parent.write_text("a file where the folder should be")
    autotuning.store_autotuning_results()


@pytest.mark.parametrize("content", [b"", b"version: 3\nresults {\n  device", b"\xff\xfe", b"something else\n"])
def test_a_damaged_file_is_replaced(files, content):
    own, known = files
    known.parent.mkdir()
    known.write_bytes(content)
    autotuning.keep_autotuning_results()
    assert "load" not in os.environ["XLA_FLAGS"]
    own.write_text("version: 3\n" + result("dot a", 1))
    autotuning.store_autotuning_results()
    assert known.read_text() == own.read_text()
