"""Runs in repositories of Hugging Face: addresses, what is downloaded, what is refused, and what works without it."""

import builtins
import io
import sys
import zipfile
from pathlib import Path

import keras
import pytest

from dcgan.cli.main import main
from dcgan.config import ExportConfig, GenerateConfig, TrainConfig
from dcgan.core.errors import UserError
from dcgan.networks import build_generator
from dcgan.runs import Run, find_run
from dcgan.runs.hub import KERAS_FILES, MAX_TEXT_BYTES, Repository, parse_repository
from tests.support.small_generators import CLASSES, list_files, run_with_generator, small_generator

ADDRESS = "hf://ann/faces"


@pytest.fixture
def published(hub):
    """A hub with a conditional run."""
    run = run_with_generator(small_generator(CLASSES), Path("mine"), dataset="mnist10k")
    run.model_card_file.write_text("# Faces\n")
    hub.add("ann/faces", run.path)
    return hub


@pytest.mark.parametrize("to_address", [str, Path])
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("hf://ann/faces", Repository("ann/faces")),
        ("hf://ann/faces@v1.0", Repository("ann/faces", "v1.0")),
        ("hf://a-b/c_d.e@refs/pr/1", Repository("a-b/c_d.e", "refs/pr/1")),
        ("checkpoints/mnist", None),
        ("hf", None),
        ("hf:", None),
    ],
)
def test_an_address_is_told_from_a_path_also_where_it_has_become_one(address, expected, to_address):
    assert parse_repository(to_address(address)) == expected
    if expected:
        assert str(expected) == address


@pytest.mark.parametrize(
    "address",
    [
        "hf://",
        "hf://ann",
        "hf://ann/..",
        "hf://../etc",
        "hf://ann/../../etc",
        "hf://ann/faces/generator.keras",
        "hf://ann/faces@",
        "hf://ann/faces@../main",
        "hf://ann/faces@main@v1",
        "hf://ann/a--b",
        "hf://ann/fa ces",
        "hf://ann/%2e%2e",
        "hf://ann\\faces/x",
        "hf://-ann/faces",
        f"hf://ann/{'x' * 100}",
    ],
)
def test_an_address_with_other_characters_or_parts_is_refused_before_anything_is_requested(address, hub):
    with pytest.raises(UserError, match="is not the address of a repository") as caught:
        find_run(address)
    assert "hf://user/name" in caught.value.hint
    assert hub.requests == []


def test_options_keep_an_address_and_those_for_files_refuse_one():
    assert parse_repository(GenerateConfig(run_dir=ADDRESS).run_dir) == Repository("ann/faces")
    for refused in (lambda: ExportConfig(out=ADDRESS), lambda: TrainConfig(run_dir=Path(ADDRESS))):
        with pytest.raises(UserError, match="takes a path, not a repository: hf://ann/faces"):
            refused()


def test_the_run_of_a_repository_is_downloaded_and_writes_to_the_current_folder(published):
    run = find_run(ADDRESS)
    assert (run.name, run.description, run.output_dir) == ("ann/faces", ADDRESS, Path())
    assert run.is_pretrained()
    assert run.config().dataset == "mnist10k"
    assert run.classes() == Run(Path("mine")).classes()
    assert run.generator_file.read_bytes() == Path("mine/generator.keras").read_bytes()
    assert not any(file.is_symlink() for file in run.path.rglob("*"))


def test_only_the_files_of_a_run_are_downloaded_and_once(published):
    files = {f"mine/{name}": b"x" * 1000 for name in ("train.py", "weights.bin", "config.yaml.py")}
    for name, content in (files | {"mine/checkpoints/step-00000001.npz": b"x"}).items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(content)
    published.add("ann/faces", Path("mine"))
    run = find_run(ADDRESS)
    expected = {"README.md", "classes.json", "config.yaml", "generator.keras"}
    assert published.downloaded() == set(list_files(run.path)) == expected
    published.requests.clear()
    assert find_run(ADDRESS).path == run.path
    assert published.requests == ["GET /api/models/ann/faces"]


def test_a_revision_is_a_branch_a_tag_or_a_commit(published):
    first = published.revisions["ann/faces"]["main"]
    published.revisions["ann/faces"]["v1"] = first
    Path("mine/README.md").write_text("# Other faces\n")
    second = published.add("ann/faces", Path("mine"))
    for revision, commit in {"": second, "@v1": first, f"@{first}": first, "@main": second}.items():
        run = find_run(ADDRESS + revision)
        assert run.path.name == commit
        assert run.model_card_file.read_text() == ("# Other faces\n" if commit == second else "# Faces\n")


def test_a_new_commit_is_noticed(published):
    before = find_run(ADDRESS)
    Path("mine/classes.json").unlink()
    published.add("ann/faces", Path("mine"))
    assert not find_run(ADDRESS).classes_file.exists()
    assert before.classes_file.exists()


@pytest.mark.parametrize("fault", ["offline", "down", "unreachable"])
def test_without_the_hub_the_copy_in_the_cache_is_used_or_the_reason_is_named(published, fault, monkeypatch, capsys):
    from huggingface_hub import constants

    commit = published.revisions["ann/faces"]["main"]
    path = find_run(ADDRESS).path
    published.add("bob/cats", Path("mine"))
    reason = {"offline": "HF_HUB_OFFLINE is set", "down": "503", "unreachable": "http://127.0.0.1:9"}[fault]
    if fault == "offline":
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    elif fault == "down":
        published.down = True
    else:
        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert find_run(ADDRESS).path == path
    printed = capsys.readouterr().err
    assert reason in printed
    assert f"Using the copy of {ADDRESS} of commit {commit[:12]}." in printed
    with pytest.raises(UserError, match="hf://bob/cats can't be downloaded, and there is no complete copy") as caught:
        find_run("hf://bob/cats")
    assert reason in caught.value.problem
    assert ("HF_HUB_OFFLINE" if fault == "offline" else "try again") in caught.value.hint


def test_a_download_that_was_cut_off_leaves_nothing_and_is_repeated(published):
    published.cut.add("generator.keras")
    with pytest.raises(UserError, match="can't be downloaded, and there is no complete copy"):
        find_run(ADDRESS)
    assert list(Path("cache").rglob("generator.keras")) == []
    published.cut.clear()
    assert find_run(ADDRESS).generator_file.read_bytes() == Path("mine/generator.keras").read_bytes()


def test_a_private_repository_takes_a_token(published, monkeypatch):
    published.private.add("ann/faces")
    with pytest.raises(UserError, match="no repository hf://ann/faces, or it is private") as caught:
        find_run(ADDRESS)
    assert "hf auth login" in caught.value.hint
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert find_run(ADDRESS).classes() is not None


def test_what_the_hub_does_not_have_is_named(published):
    with pytest.raises(UserError, match="no repository hf://ann/face, or it is private"):
        find_run("hf://ann/face")
    with pytest.raises(UserError, match=r"hf://ann/faces has no revision v9\.") as caught:
        find_run(f"{ADDRESS}@v9")
    assert "a tag" in caught.value.hint
    published.gated.add("ann/faces")
    with pytest.raises(UserError, match="accepted its conditions") as caught:
        find_run(ADDRESS)
    assert caught.value.hint.endswith("/ann/faces")


def test_a_repository_without_a_generator_is_refused_before_a_download(hub):
    hub.add("ann/text", {"README.md": b"# x", "config.json": b"{}", "model.safetensors": b"x"})
    with pytest.raises(UserError, match=r"hf://ann/text has no generator\.keras"):
        find_run("hf://ann/text")
    assert hub.downloaded() == set()


def test_a_file_of_an_implausible_size_is_refused_before_a_download(published):
    published.claimed_sizes["log.jsonl"] = MAX_TEXT_BYTES + 1
    Path("mine/log.jsonl").write_text("")
    published.add("ann/faces", Path("mine"))
    with pytest.raises(UserError, match=r"log\.jsonl of hf://ann/faces has 16,777,217 bytes, more than the limit"):
        find_run(ADDRESS)
    assert published.downloaded() == set()


def members(model):
    with zipfile.ZipFile(model) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_model_that_keras_has_saved_on_the_hub_is_read(hub):
    small_generator().save("layout", zipped=False)
    files = {path.name: path.read_bytes() for path in Path("layout").iterdir() if path.is_file()}
    assert files.keys() == KERAS_FILES.keys()
    hub.add("ann/keras", files | {"README.md": b"---\nlibrary_name: keras\n---\n"})
    generator = find_run("hf://ann/keras").load_generator()
    for ours, theirs in zip(generator.get_weights(), small_generator().get_weights(), strict=True):
        assert (ours == theirs).all()


def lambda_model():
    """A model whose layer runs code where it is loaded without safe mode, or with Keras' own reader of it."""
    inputs = keras.Input((5,))
    images = keras.layers.Reshape((1, 5, 1))(keras.layers.Lambda(lambda x: x)(inputs))
    buffer = io.BytesIO()
    path = Path("lambda.keras")
    keras.Model(inputs, images).save(path)
    buffer.write(path.read_bytes())
    return buffer.getvalue()


@pytest.mark.parametrize("layout", ["archive", "folder"])
def test_a_hostile_model_is_refused(hub, layout):
    content = lambda_model()
    hub.add("eve/faces", {"generator.keras": content} if layout == "archive" else members(io.BytesIO(content)))
    run = find_run("hf://eve/faces")
    with pytest.raises(UserError, match="Lambda, which is not known to be harmless"):
        run.load_generator()


def test_hostile_names_and_options_reach_no_other_folder(hub, tmp_path, capsys):
    files = {"../../outside.txt": b"x", "config.yaml": b"run_dir: !!python/object/apply:os.system ['touch pwned']\n"}
    run = run_with_generator(small_generator(), Path("mine"))
    hub.add("eve/faces", files | {"generator.keras": run.generator_file.read_bytes()})
    assert main(["export", "--run-dir", "hf://eve/faces", "--format", "npz", "--out", "x.npz"]) == 2
    assert "can't be read as a config" in capsys.readouterr().err
    assert not list(tmp_path.rglob("outside.txt"))
    assert not Path("pwned").exists()


def test_without_the_package_the_command_that_installs_it_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "huggingface_hub"]:
        monkeypatch.delitem(sys.modules, name)
    imported = builtins.__import__

    def missing(name, *arguments, **options):
        if name.split(".")[0] == "huggingface_hub":
            raise ModuleNotFoundError(name)
        return imported(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UserError, match="the package huggingface_hub is not installed") as caught:
        find_run(ADDRESS)
    assert "pip install 'dcgan[hub]'" in caught.value.hint


def test_generate_and_evaluate_read_a_repository_and_write_into_the_current_folder(hub, capsys):
    run = Run(Path("mine"))
    run.save_generator(build_generator((28, 28), 1, width=2, latent_dim=3, seed=0))
    hub.add("ann/digits", run.path)
    assert main(["generate", "--run-dir", "hf://ann/digits", "--num", "4"]) == 0
    assert main(["generate", "--run-dir", "hf://ann/digits", "--num", "4", "--out", "a.npy"]) == 0
    assert main(["generate", "--run-dir", "mine", "--num", "4", "--out", "b.npy"]) == 0
    assert Path("a.npy").read_bytes() == Path("b.npy").read_bytes()
    assert len(list(Path("generated").iterdir())) == 1
    before = list_files("huggingface")
    arguments = ["--num", "8", "--metrics", "checkerboard", "--dataset", "mnist10k"]
    assert main(["evaluate", "--run-dir", "hf://ann/digits", *arguments]) == 0
    assert "hf://ann/digits (ema weights)" in Path("evaluation.json").read_text()
    assert list_files("huggingface") == before
