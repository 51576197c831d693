"""The command line, the help and the YAML files are derived from the config dataclasses."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import NoneType
from typing import get_args, get_type_hints

import pytest

from dcgan import config
from dcgan.cli.commands import COMMANDS
from dcgan.config.messages import expected_values, flag, option_types
from dcgan.config.parser import parse, parser_for, read_yaml, to_yaml
from dcgan.core.errors import UserError

CONFIGS = [kind for kind, _ in COMMANDS.values()]
CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", CONFIGS)
def test_without_arguments_the_options_are_the_defaults(kind):
    assert parse(kind, [], "train.py") == kind()


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_field_is_an_option_and_every_option_explains_itself(kind):
    text = parser_for(kind, "x").format_help()
    assert all(flag(name) in text for name in option_types(kind))
    actions = parser_for(kind, "x")._actions
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
def test_options_are_read_as_their_types(arguments, field, value):
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
        (["--channels", "2"], "--channels takes 1 or 3, not 2."),
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
        (["--config", ""], "--config is empty."),
        (["--config="], "--config is empty."),
        (["--foldre", "3"], "There is no option --foldre."),
        (["--Batch-Size", "3"], "no option --Batch-Size; did you mean --batch-size?"),
        (["stray"], "Unexpected argument 'stray'."),
    ],
)
def test_a_wrong_option_is_named_in_one_line_that_says_what_it_takes(arguments, named):
    with pytest.raises(UserError, match=re.escape(named)) as caught:
        parse(config.TrainConfig, arguments, "train.py")
    assert "\n" not in caught.value.problem
    assert "--help" in caught.value.hint


@pytest.mark.parametrize("kind", CONFIGS)
def test_what_every_option_takes_can_be_told_in_words(kind):
    for name, hint in option_types(kind).items():
        if hint not in (bool, bool | None):
            assert re.fullmatch(r"(an integer|a number|a path|text).*|.+ or .+", expected_values(hint)), name


def test_a_config_file_gives_options_and_the_command_line_has_the_last_word(tmp_path):
    file = tmp_path / "recipe.yaml"
    file.write_text("batch_size: 8\nsteps: 7\n")
    options = parse(config.TrainConfig, ["--config", str(file), "--steps", "9"], "train.py")
    assert (options.batch_size, options.steps) == (8, 9)


@pytest.mark.parametrize(
    "content",
    [
        b"batchsize: 8\n",
        b"batch_size: many\n",
        b"steps: null\n",
        b"\x00\xff{",
        b"- a\n- b\n",
        b"a: b: c",
        b"batch_size: [\n",
    ],
)
def test_a_config_file_with_an_unknown_key_or_none_at_all_is_refused(tmp_path, content):
    file = tmp_path / "recipe.yaml"
    file.write_bytes(content)
    with pytest.raises(UserError):
        parse(config.TrainConfig, ["--config", str(file)], "train.py")
    with pytest.raises(UserError):
        read_yaml(config.TrainConfig, file)


NO_CONFIGS = {
    b"batchsize: 8\n": "no option --batchsize; did you mean --batch-size?",
    b"steps: many\n": "--steps takes an integer of at least 1, not many.",
    b"steps: null\n": "--steps takes an integer of at least 1; it can't be empty",
    b"conditional: maybe\n": "An option that is on or off takes true or false, not maybe.",
    b"image_size: abc\n": "'abc' is neither N nor HxW.",
    b"augment: blur\n": "augment takes color",
    b"data_dir: ''\n": "data_dir is empty.",
    b"steps: 3\na: b: c\n": "it is not valid YAML: mapping values are not allowed here, in line 2.",
    b"batch_size: [\n": "it is not valid YAML",
    b"\x89PNG\r\n\x1a\n\0\xff": "it is not a text file.",
    b"steps: 3\0": "it is not a text file.",
    b"": "it contains no options.",
    b"- a\n- b\n": "it contains no options.",
    b"hello": "it contains no options.",
}


@pytest.mark.parametrize("content", NO_CONFIGS)
@pytest.mark.parametrize("how", ["apart", "joined"])
def test_what_is_wrong_with_a_config_file_is_one_line_that_names_it(tmp_path, content, how):
    file = tmp_path / "recipe.yaml"
    file.write_bytes(content)
    given = ["--config", str(file)] if how == "apart" else [f"--config={file}"]
    with pytest.raises(UserError, match=re.escape(NO_CONFIGS[content])) as caught:
        parse(config.TrainConfig, [*given, "--no-tensorboard"], "train.py")
    assert caught.value.problem.startswith(f"{file} can't be read as a config: ")
    assert "\n" not in caught.value.problem


@pytest.mark.parametrize(("name", "problem"), [("nowhere.yaml", "No such file"), (".", "Is a directory")])
def test_a_config_file_that_can_not_be_opened_is_named(name, problem):
    with pytest.raises(UserError, match=f"^{re.escape(name)} can't be read as a config: {problem}"):
        parse(config.TrainConfig, ["--config", name], "train.py")


def test_a_config_file_that_is_right_is_not_blamed_for_the_rest_of_the_line(tmp_path):
    (tmp_path / "recipe.yaml").write_text("steps: 7\n")
    with pytest.raises(UserError, match=r"^--steps takes"):
        parse(config.TrainConfig, ["--config", str(tmp_path / "recipe.yaml"), "--steps", "many"], "train.py")


@pytest.mark.parametrize("kind", CONFIGS)
def test_an_empty_or_unwritable_value_is_refused_whatever_the_option(kind):
    for name, hint in option_types(kind).items():
        if hint in (Path | None, Path, str | None, str):
            option = flag(name)
            with pytest.raises(UserError, match=f"^{option} is empty"):
                parse(kind, [option, ""], "x")
            with pytest.raises(UserError, match=r"^b'caf\\xe9' is not UTF-8"):
                parse(kind, [option, "caf\udce9"], "x")


@pytest.mark.parametrize("kind", CONFIGS)
def test_options_survive_the_way_through_a_file(kind, tmp_path):
    options = kind()
    if kind is config.TrainConfig:
        options = replace(options, run_dir=Path("a b/ö"), image_size="64", minutes=1.5, animate=True, generator_lr=1e-5)
    (tmp_path / "config.yaml").write_text(to_yaml(options), encoding="utf-8")
    assert read_yaml(kind, tmp_path / "config.yaml") == options


def hidden(**options):
    return config.TrainConfig(**options).resolve().discriminator_hidden


def test_the_discriminator_has_a_hidden_layer_where_that_measured_better():
    by_upsampling = {name: hidden(upsampling=name) for name in (None, *config.UPSAMPLERS)}
    assert by_upsampling == {None: 256, "transposed": 0, "nearest": 256, "bilinear": 256, "subpixel": 0, "unpool": 0}
    assert hidden(upsampling="transposed", discriminator_hidden=9) == 9
    assert hidden(preset="paper") == 0
    assert hidden(dataset="celeba") == 0


def test_resolving_fills_in_every_option_that_the_preset_or_the_dataset_decides():
    resolved = config.TrainConfig(latent_dim=7).resolve()
    assert isinstance(resolved, config.ResolvedTrainConfig)
    assert (resolved.latent_dim, resolved.batch_size, resolved.kernel, resolved.ema_decay) == (7, 64, 6, 0.9999)
    paper = config.TrainConfig(preset="paper", ema_decay=0.5).resolve()
    assert (paper.conditional, paper.batch_size, paper.kernel, paper.ema_decay) == (False, 128, 4, 0.5)
    unresolved = {
        name for name, hint in get_type_hints(config.ResolvedTrainConfig).items() if NoneType in get_args(hint)
    }
    given = {name for name, hint in get_type_hints(config.TrainConfig).items() if NoneType in get_args(hint)}
    assert given - unresolved == set(config.PRESETS["default"])
    assert all(getattr(resolved, name) is not None for name in given - unresolved)


def test_a_resolved_config_resolves_to_itself():
    resolved = config.TrainConfig(dataset="celeba").resolve()
    assert resolved.resolve() is resolved
    assert replace(resolved, seed=3).latent_dim == 100


def test_a_batch_of_one_and_a_hidden_layer_exclude_each_other():
    with pytest.raises(UserError, match="--batch-size 1"):
        config.TrainConfig(batch_size=1).resolve()
    assert config.TrainConfig(batch_size=1, discriminator_hidden=0).resolve().batch_size == 1


def test_what_a_file_lacks_can_be_told_apart_from_the_defaults(tmp_path):
    (tmp_path / "old.yaml").write_text("seed: 3\n")
    (tmp_path / "new.yaml").write_text("discriminator_hidden: 7\n")
    old, new = (
        read_yaml(config.TrainConfig, tmp_path / f"{age}.yaml", {"discriminator_hidden": 0, "seed": 5})
        for age in ("old", "new")
    )
    assert (old.discriminator_hidden, old.seed) == (0, 3)
    assert (new.discriminator_hidden, new.seed) == (7, 5)


def test_only_options_that_change_the_result_count_as_differences():
    first = config.TrainConfig().resolve()
    second = replace(first, seed=3, steps=1, run_dir=Path("x"), minutes=2.0, keep_checkpoints=9, kernel=5)
    assert config.differing_options(first, second) == {"seed": (0, 3), "kernel": (6, 5)}


@pytest.mark.parametrize("arguments", [["--help"], ["--print-config"], ["--steps", "0"]])
def test_the_command_line_answers_without_importing_tensorflow(arguments):
    code = (
        "import sys; from dcgan.cli.main import main\n"
        f"try: main({['train', *arguments]})\n"
        "except SystemExit: pass\n"
        "assert not {'tensorflow', 'keras', 'matplotlib', 'PIL'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=True, capture_output=True)


def test_importing_the_package_does_not_import_tensorflow():
    code = "import sys, dcgan; dcgan.TrainConfig; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=True)


@pytest.mark.parametrize("kind", CONFIGS)
def test_help_tells_defaults_and_choices_in_words_and_no_types_of_python(kind):
    text = parser_for(kind, "x").format_help()
    assert text.startswith("usage: x [options]\n")
    assert "type:" not in text
    assert "null" not in text


def test_an_option_that_may_be_left_out_shows_what_it_may_be():
    shown = " ".join(parser_for(config.TrainConfig, "x").format_help().split())
    assert "--channels {1,3}" in shown
    assert "stop when the run holds this many steps. (default: 4000)" in shown
    assert "(on by default)" in shown
