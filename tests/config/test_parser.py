"""The command line, the help and the YAML files are derived from the config dataclasses."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dcgan import config
from dcgan.cli.commands import COMMANDS
from dcgan.config.messages import expected_values, flag, option_types
from dcgan.config.parser import parse, parser_for, read_yaml, to_arguments, to_yaml
from dcgan.core.errors import UserError

pytestmark = pytest.mark.usefixtures("command_line")

CONFIGS = [config_class for config_class, _ in COMMANDS.values()]
CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize("config_class", CONFIGS)
def test_without_arguments_every_option_has_its_default(config_class):
    assert parse(config_class, [], "train.py") == config_class()


@pytest.mark.parametrize("config_class", CONFIGS)
def test_every_field_is_an_option_and_every_option_has_a_help_text(config_class):
    text = parser_for(config_class, "x").format_help()
    assert all(flag(name) in text for name in option_types(config_class))
    actions = parser_for(config_class, "x")._actions
    assert all(action.help and len(action.help) > 10 for action in actions)


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        (["--batch-size", "16"], "batch_size", 16),
        (["--data-dir", "some/folder"], "data_dir", Path("some/folder")),
        (["--image-size", "96x64"], "image_size", "96x64"),
        (["--image-size", "64"], "image_size", "64"),
        (["--image-size", "64x64"], "image_size", "64"),
        (["--minutes", "0.5"], "minutes", 0.5),
        (["--dataset=cifar10"], "dataset", "cifar10"),
        (["--no-tensorboard"], "tensorboard", False),
        (["--animate"], "animate", True),
    ],
)
def test_options_are_converted_to_the_types_of_their_fields(arguments, field, value):
    assert getattr(parse(config.TrainConfig, arguments, "train.py"), field) == value


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--batchsize", "3"], "no option --batchsize; did you mean --batch-size?"),
        (["--batchsize=3"], "no option --batchsize; did you mean --batch-size?"),
        (["--qqq"], "There is no option --qqq."),
        (["--batch-size", "0"], "--batch-size takes an integer of at least 1, not 0."),
        (["--batch-size", "many"], "--batch-size takes an integer of at least 1, not many."),
        (["--steps", "many"], "--steps takes an integer of at least 1, not many."),
        (["--steps", "1.5"], "--steps takes an integer of at least 1, not 1.5."),
        (["--seed", "-1"], "--seed takes an integer of at least 0, not -1."),
        (["--dataset", "foldre"], "celeba or folder, not foldre; did you mean folder?"),
        (["--channels", "2"], "--channels takes 1, 3 or 4, not 2."),
        (["--generator-lr", "-1"], "--generator-lr takes a number above 0, not -1."),
        (["--generator-lr", "nan"], "--generator-lr takes a number above 0"),
        (["--kernel", "1"], "--kernel takes an integer of at least 2, not 1."),
        (["--epochs", "inf"], "--epochs takes a number above 0, not inf."),
        (["--generator-lr", "inf"], "--generator-lr takes a number above 0"),
        (["--beta-1", "1.0"], "--beta-1 takes a number of at least 0 and below 1, not 1.0."),
        (["--ema-decay", "2"], "--ema-decay takes a number from 0 to 1, not 2."),
        (["--steps", "9223372036854775808"], "--steps takes"),
        (["--cache-dir", "a\0b"], "--cache-dir contains a null character"),
        (["--config", "missing.yaml"], "missing.yaml"),
        (["--precision"], "--precision"),
        (["--run-dir", ""], "--run-dir is empty."),
        (["--run-dir="], "--run-dir is empty."),
        (["--run-dir", "~"], "--run-dir ~ would be read as no value; "),
        (["--run-dir=#1"], "--run-dir #1 would be read as no value; "),
        (["--run-dir=&a"], "--run-dir &a would be read as no value; "),
        (["--config", ""], "--config is empty."),
        (["--config="], "--config is empty."),
        (["--zyx", "3"], "There is no option --zyx."),
        (["--Batch-Size", "3"], "no option --Batch-Size; did you mean --batch-size?"),
        (["stray"], "Unexpected argument 'stray'."),
    ],
)
def test_a_wrong_value_is_a_one_line_error_with_the_option_and_what_it_takes(arguments, named):
    with pytest.raises(UserError, match=re.escape(named)) as caught:
        parse(config.TrainConfig, arguments, "train.py")
    assert "\n" not in caught.value.problem
    assert "--help" in caught.value.hint


@pytest.mark.parametrize("config_class", CONFIGS)
def test_the_values_of_every_option_have_a_description(config_class):
    for name, hint in option_types(config_class).items():
        if hint not in (bool, bool | None):
            assert re.fullmatch(r"(an integer|a number|a path|text).*|.+ or .+", expected_values(hint)), name


def test_the_command_line_overrides_the_config_file(tmp_path):
    file = tmp_path / "options.yaml"
    file.write_text("batch_size: 8\nsteps: 7\n")
    options = parse(config.TrainConfig, ["--config", str(file), "--steps", "9"], "train.py")
    assert (options.batch_size, options.steps) == (8, 9)


@pytest.mark.parametrize(
    "content",
    [
        b"batchsize: 8\n",
        b"batch_size: many\n",
        b"seed: null\n",
        b"\x00\xff{",
        b"- a\n- b\n",
        b"a: b: c",
        b"batch_size: [\n",
    ],
)
def test_a_config_file_with_an_unknown_or_no_key_is_refused(tmp_path, content):
    file = tmp_path / "options.yaml"
    file.write_bytes(content)
    with pytest.raises(UserError):
        parse(config.TrainConfig, ["--config", str(file)], "train.py")
    with pytest.raises(UserError):
        read_yaml(config.TrainConfig, file)


INVALID_FILES = {
    b"batchsize: 8\n": "no option --batchsize; did you mean --batch-size?",
    b"steps: many\n": "--steps takes an integer of at least 1, not many.",
    b"seed: null\n": "--seed takes an integer of at least 0; it can't be empty",
    b"conditional: maybe\n": "An option that is on or off takes true or false, not maybe.",
    b"image_size: abc\n": "'abc' is neither N nor HxW.",
    b"augment: blur\n": "--augment takes color",
    b"augment: none\nadaptive_augment: true\n": "--adaptive-augment needs --augment: color, translation, cutout",
    b"data_dir: ''\n": "data_dir is empty.",
    b"steps: 3\na: b: c\n": "it is not valid YAML: mapping values are not allowed here, in line 2.",
    b"batch_size: [\n": "it is not valid YAML",
    b"\x89PNG\r\n\x1a\n\0\xff": "it is not a text file.",
    b"steps: 3\0": "it is not a text file.",
    b"": "it contains no options.",
    b"- a\n- b\n": "it contains no options.",
    b"hello": "it contains no options.",
}


@pytest.mark.parametrize("content", INVALID_FILES)
@pytest.mark.parametrize("form", ["separate", "joined"])
def test_an_invalid_config_file_is_a_one_line_error_that_names_it(tmp_path, content, form):
    file = tmp_path / "options.yaml"
    file.write_bytes(content)
    given = ["--config", str(file)] if form == "separate" else [f"--config={file}"]
    with pytest.raises(UserError, match=re.escape(INVALID_FILES[content])) as caught:
        parse(config.TrainConfig, [*given, "--no-tensorboard"], "train.py")
    assert caught.value.problem.startswith(f"{file} can't be read as a config: ")
    assert "\n" not in caught.value.problem


@pytest.mark.parametrize(("name", "problem"), [("nowhere.yaml", "No such file"), (".", "Is a directory")])
def test_a_config_file_that_is_not_readable_is_named(name, problem):
    with pytest.raises(UserError, match=f"^{re.escape(name)} can't be read as a config: {problem}"):
        parse(config.TrainConfig, ["--config", name], "train.py")


def test_a_valid_config_file_is_not_blamed_for_errors_on_the_command_line(tmp_path):
    (tmp_path / "options.yaml").write_text("steps: 7\n")
    with pytest.raises(UserError, match=r"^--steps takes"):
        parse(config.TrainConfig, ["--config", str(tmp_path / "options.yaml"), "--steps", "many"], "train.py")


@pytest.mark.parametrize("config_class", CONFIGS)
def test_every_text_option_refuses_an_empty_value_and_one_that_is_not_utf_8(config_class):
    for name, hint in option_types(config_class).items():
        if hint in (Path | None, Path, str | None, str):
            option = flag(name)
            with pytest.raises(UserError, match=f"^{option} is empty"):
                parse(config_class, [option, ""], "x")
            with pytest.raises(UserError, match=r"^b'caf\\xe9' is not UTF-8"):
                parse(config_class, [option, "caf\udce9"], "x")


@pytest.mark.parametrize("config_class", CONFIGS)
def test_a_config_is_equal_after_writing_and_reading_it(config_class, tmp_path):
    options = config_class()
    if config_class is config.TrainConfig:
        options = replace(options, run_dir=Path("a b/ö"), image_size="64", minutes=1.5, animate=True, generator_lr=1e-5)
    (tmp_path / "config.yaml").write_text(to_yaml(options), encoding="utf-8")
    assert read_yaml(config_class, tmp_path / "config.yaml") == options


def test_options_missing_in_a_file_can_have_other_defaults_than_the_class(tmp_path):
    (tmp_path / "old.yaml").write_text("seed: 3\n")
    (tmp_path / "new.yaml").write_text("discriminator_hidden: 7\n")
    old, new = (
        read_yaml(config.TrainConfig, tmp_path / f"{age}.yaml", {"discriminator_hidden": 0, "seed": 5})
        for age in ("old", "new")
    )
    assert (old.discriminator_hidden, old.seed) == (0, 3)
    assert (new.discriminator_hidden, new.seed) == (7, 5)


@pytest.mark.parametrize("config_class", CONFIGS)
def test_help_shows_no_python_types(config_class):
    text = parser_for(config_class, "x").format_help()
    assert text.startswith("usage: x [options]\n")
    assert "type:" not in text
    assert "null" not in text


def test_an_option_can_have_another_name_than_its_field(tmp_path):
    assert parse(config.GenerateConfig, ["--class", "7"], "x").class_label == "7"
    (tmp_path / "options.yaml").write_text(to_yaml(config.GenerateConfig(class_label="7")))
    assert "\nclass: '7'\n" in (tmp_path / "options.yaml").read_text()
    assert read_yaml(config.GenerateConfig, tmp_path / "options.yaml").class_label == "7"
    with pytest.raises(UserError, match="did you mean --class"):
        parse(config.GenerateConfig, ["--klass", "7"], "x")


def test_help_shows_choices_and_defaults():
    shown = " ".join(parser_for(config.TrainConfig, "x").format_help().split())
    assert "--channels {1,3,4}" in shown
    assert "stop after this many passes over the dataset" in shown
    assert "(on by default)" in shown


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"conditional": False, "health_checks": False, "flip": True, "augment": None, "tensorboard": False},
        {"run_dir": "it's mine/a b", "data_dir": "#images", "cache_dir": "-x", "init_from": "&a", "freeze_d": 2},
        {"dataset": "folder", "data_dir": "123", "init_from": "1e3", "init_weights": "raw", "image_size": "96x64"},
        {"generator_lr": 1e-5, "minutes": 0.1, "attribute": "Smiling", "seed": 2**40, "upsampling": "nearest"},
    ],
)
def test_arguments_are_read_as_the_options_that_they_were_made_of(options):
    given = config.TrainConfig(**options)
    arguments = to_arguments(given)
    assert parse(config.TrainConfig, arguments, "train.py") == given
    assert len([word for word in arguments if word.startswith("--")]) == len(options)


def test_a_pattern_for_a_folder_is_answered_with_the_folder(tmp_path):
    folder = tmp_path / "my images"
    folder.mkdir()
    files = [str(folder / name) for name in ("1.png", "2.png", "3.png")]
    for file in files:
        Path(file).touch()
    line = ["--dataset", "folder", "--data-dir"]
    for given in ([str(folder / "*.png")], files):
        with pytest.raises(UserError) as caught:
            parse(config.PrepareConfig, [*line, *given], "x")
        assert f"ame the folder: --data-dir '{folder}'" in f"{caught.value.problem}\n{caught.value.hint}"
    with pytest.raises(UserError, match=r"--images takes one value; several are separated by commas\."):
        parse(config.ProjectConfig, ["--images", *files], "x")
    (folder / "[1].png").touch()  # the name of a file
    for free in ("[1].png", "none*.gif"):
        assert parse(config.PrepareConfig, ["--data-dir", str(folder / free)], "x").data_dir == folder / free
    with pytest.raises(UserError, match=r"Unexpected argument 'other'\."):
        parse(config.PrepareConfig, [*line, files[0], "other"], "x")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_config_file_in_utf_16_is_answered_with_how_to_write_it(tmp_path, encoding):
    (tmp_path / "c.yaml").write_bytes("\ufeffsteps: 5\n".encode(encoding))  # as `>` of Windows PowerShell writes it
    with pytest.raises(UserError, match=r"c\.yaml can't be read as a config: it is in UTF-16\.\nSave it as UTF-8"):
        parse(config.TrainConfig, ["--config", str(tmp_path / "c.yaml")], "x")
    (tmp_path / "c.yaml").write_text("steps: 5\n", encoding="utf-8-sig")
    assert parse(config.TrainConfig, ["--config", str(tmp_path / "c.yaml")], "x").steps == 5


def test_a_name_beyond_the_encoding_of_the_locale_is_answered_with_how_to_change_that():
    code = "import sys; from dcgan.cli.main import main; sys.exit(main(['prepare', '--cache-dir', sys.argv[1]]))"
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run([sys.executable, "-c", code, "ü"], env=environment, capture_output=True)
    assert done.returncode == 2
    assert b"PYTHONUTF8=1" in done.stderr
