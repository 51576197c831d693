"""Errors name options as they are typed on a command line, and the arguments of the config classes in Python."""

import ast
import pickle
import re
from pathlib import Path

import pytest

import dcgan
from dcgan import config
from dcgan.cli.commands import COMMANDS
from dcgan.cli.main import main
from dcgan.config.messages import flag, option_types
from dcgan.core.argument_names import as_arguments, options_are_typed
from dcgan.core.errors import UserError

OPTIONS = {flag(name) for config_class, _ in COMMANDS.values() for name in option_types(config_class)}
PACKAGE = Path(dcgan.__file__).parent


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("--batch-size 64 is too large.", "`batch_size=64` is too large."),
        ("Use --batch-size 12, or add images.", "Use `batch_size=12`, or add images."),
        ("--generator-lr 1e-4 is low", "`generator_lr=1e-4` is low"),
        ("Check --data-dir.", "Check `data_dir`."),
        ("--data-dir C:\\faces\\new is empty", '`data_dir="C:\\\\faces\\\\new"` is empty'),
        ("--data-dir must be a folder", "`data_dir` must be a folder"),
        ("Choose another --out, or add --overwrite.", "Choose another `out`, or add `overwrite=True`."),
        ("or use --no-conditional.", "or use `conditional=False`."),
        ("(--class each)", '(`class_label="each"`)'),
        ("--strategy multi_worker needs", '`strategy="multi_worker"` needs'),
        ("Use --compile auto, or", 'Use `compile="auto"`, or'),
        ("--features: fid", "`features`: fid"),
        ("--image-size 96x64 and --image-size 64", '`image_size="96x64"` and `image_size=64`'),
        ("Use `--clusters 0`.", "Use `clusters=0`."),
        ("--config=x --help `dcgan train --steps 5`", "--config=x --help `dcgan train --steps 5`"),
        ("pip install --force-reinstall tensorflow", "pip install --force-reinstall tensorflow"),
        ("XLA_FLAGS=--xla_gpu_autotune=false, a--steps", "XLA_FLAGS=--xla_gpu_autotune=false, a--steps"),
    ],
)
def test_an_option_and_its_value_become_an_argument(typed, expected):
    assert as_arguments(typed) == expected
    assert str(UserError(typed, typed)) == f"{expected}\n{expected}"
    with options_are_typed():
        assert str(UserError(typed)) == typed


def test_no_message_of_the_package_names_an_option_that_python_does_not_know():
    texts = [text for file in PACKAGE.rglob("*.py") for text in literals(file) if re.search(r"--[a-z]", text)]
    assert len(texts) > 150
    for text in texts:
        outside_code = re.sub(r"`[^`]*`", "", as_arguments(text))
        assert not OPTIONS & set(re.findall(r"--[a-z][a-z-]*", outside_code)), text


def literals(file: Path) -> list[str]:
    """Return the texts of a module, a placeholder for every value; without docstrings and the text of help pages."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    formatted = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in formatted for part in ast.walk(node) if part is not node}
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and id(node) not in parts:
            texts.append("".join(str(v.value) if isinstance(v, ast.Constant) else "7" for v in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts | statements:
            texts.append(node.value)
    return [text for text in texts if "\nusage: " not in f"\n{text}"]


def test_the_same_mistake_names_the_option_on_the_command_line_and_the_argument_in_python(capsys):
    with pytest.raises(UserError, match=r'^`dataset="folder"` needs `data_dir`\.'):
        dcgan.load(config.DataConfig(dataset="folder"))
    assert main(["prepare", "--dataset", "folder"]) == 2
    assert capsys.readouterr().err.startswith("error: --dataset folder needs --data-dir.\n")
    with pytest.raises(UserError, match=r"^`device` takes"):
        config.TrainConfig(device="tpu")
    assert main(["train", "--device", "tpu"]) == 2
    assert capsys.readouterr().err.startswith("error: --device takes auto")


def test_an_error_keeps_its_hint_on_its_way_from_another_process():
    error = pickle.loads(pickle.dumps(UserError("--steps 1", "Use --steps 2.")))
    assert str(error) == "`steps=1`\nUse `steps=2`."
