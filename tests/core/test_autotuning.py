"""The choices of kernels that XLA makes on a GPU, kept in a file."""

import os

import pytest

from dcgan.core import autotuning


def result(operation, algorithm, device="NVIDIA H200"):
    lines = [f'  device: "{device}"', f'  hlo: "{{\\n  {operation}\\n}}"', "  result {", "    gemm {"]
    lines += [f"      algorithm: {algorithm}", "    }", "  }", "  version: 22"]
    return "\n".join(["results {", *lines, "}", ""])


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The file of this process and the one of all; nothing is set in the environment."""
    monkeypatch.setattr(autotuning, "_own_file", lambda: tmp_path / "own.pbtxt")
    monkeypatch.setattr(autotuning, "_known_file", lambda: tmp_path / "cache" / "known.pbtxt")
    for name in ("XLA_FLAGS", "TF_CUDNN_DETERMINISTIC", "TF_CUDNN_USE_AUTOTUNE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "own.pbtxt", tmp_path / "cache" / "known.pbtxt"


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
