"""The short form of the sweep of command lines, and what it found once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dcgan import config
from dcgan.cli.commands import COMMANDS
from dcgan.config.messages import flag, option_types
from dcgan.config.parser import parse, read_yaml
from dcgan.config.run_commands import METRIC_NAMES
from dcgan.core.errors import UserError, errors_about
from dcgan.data import prepare
from dcgan.evaluation import metrics
from dcgan.interpretation.explain import parse_maps
from dcgan.sampling.latent_arithmetic import MAX_TERM_SEEDS, parse_arithmetic
from dcgan.sampling.seeds import parse_seeds
from tests.reliability.command_lines import MAX_MESSAGE, fault_of
from tests.reliability.option_values import SWITCH, CommandLine, command_lines, values
from tests.support.tiny_runs import make_images

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.slow
def test_every_option_is_refused_with_its_name_and_value_or_comes_as_far_as_tensorflow():
    command = [sys.executable, "-m", "tests.reliability.command_lines", "--refusals-only", "--short"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr


def test_every_option_of_every_command_is_swept():
    swept = {
        (line.program.removesuffix(".py") if line.program.endswith(".py") else line.arguments[0], line.swept[0])
        for line in command_lines(0, None, 0)
        if line.swept
    }
    every = {(command, flag(name)) for command, (options, _) in COMMANDS.items() for name in option_types(options)}
    assert every <= swept
    assert len(list(command_lines(0, 8, 500))) >= 2000


def test_the_values_of_an_option_are_those_of_its_type():
    types = option_types(config.TrainConfig)
    assert values(types["flip"], "") is SWITCH
    assert {"batch", "none"} < set(values(types["discriminator_norm"], ""))
    assert {"-1", "0", "1", "inf", str(2**31)} < set(values(types["batch_size"], ""))
    assert {"0", "0.999999", "nan"} < set(values(types["beta_1"], ""))
    assert "slant" in values(str | None, "what to move images toward: `slant` (strokes lean to the right)")


LINE = CommandLine("train.py", ("--steps", "x"), ("--steps", "x"))
FAULTS = {
    "traceback": (LINE, 2, "Traceback (most recent call last):\n"),
    "ended with 1": (LINE, 1, "error: --steps takes an integer, not x.\n"),
    "0 messages": (LINE, 2, "--steps takes an integer, not x.\n"),
    "2 messages": (LINE, 2, "error: --steps x\nerror: --steps x\n"),
    "1 messages": (LINE, 2, "error:  \n"),
    "--steps is not named": (LINE, 2, "error: steps takes an integer, not x.\n"),
    "the value is not named": (LINE, 2, "error: --steps takes an integer.\n"),
    "a message of": (LINE, 2, f"error: --steps takes an integer, not {'x' * MAX_MESSAGE}\n"),
    "ended with waiting": (LINE, "waiting", ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_the_end_of_a_command_line_is_found(fault):
    assert fault in fault_of(*FAULTS[fault], before_tensorflow=True)
    assert not fault_of(LINE, 2, "error: --steps takes an integer, not x.\n", before_tensorflow=True)
    assert not fault_of(LINE, 2, "error: --steps cannot be combined with --num.\n", before_tensorflow=True)


REFUSED = {
    "train --conditional=x": "--conditional takes no value, not 'x'; --no-conditional turns it off.",
    "train --ema-decay -1e-9": "--ema-decay takes a number from 0 to 1, but has no value. One that starts",
    "train --dataset=&a": "--dataset &a would be read as no value",
    "train --image-size 9x": "--image-size",
    "train --image-size 17": "--image-size: No network has the image size 17x17",
    "train --augment blur": "--augment takes",
    "train --data-dir images": "mnist10k is part of the package",
    "train --dataset folder": "--dataset folder needs --data-dir",
    "train --evaluate-every 1 --features absent.keras": "There is no model file absent.keras",
    "train --evaluate-num 3": "--evaluate-num takes an integer of at least 4, not 3",
    "generate --seeds 1,x": "--seeds: 'x' is neither a seed",
    "generate --arithmetic 5-3": "--arithmetic: The range of seeds 5-3",
    "generate --along 0-1000000": "--along: The term 0-1000000 has more than",
    "generate --class nobody": "--class: There is no class 'nobody'",
    "generate --walk 1 --seeds 0-3": "A walk of 1 image per pair",
    "generate --walk 3 --class each": "A walk cannot show several classes",
    "generate --walk 2147483647": "--walk takes an integer from 1 to 10000",
    "project --images absent.png": "There is no image absent.png",
    "project --images x --restarts 2147483647": "--restarts takes an integer from 1 to 1000",
    "edit --toward slant --from-class 1": "--from-class needs a class",
    "edit --toward slant --run-dir absent": "There is no run directory absent",
    "edit --toward slant --num 2147483647": "--num takes an integer from 1 to 100000",
    "edit --toward slant --dataset folder": "--dataset folder needs --data-dir",
    "evaluate --metrics frechet,x": "--metrics: there is no metric 'x'",
    "evaluate --features absent.keras": "There is no model file absent.keras",
    "evaluate --images absent": "There is no absent",
    "evaluate --dataset folder": "--dataset folder needs --data-dir",
    "explain --maps x": "--maps x names no feature maps",
    "explain --attribute Smiling": "--attribute belongs to --dataset celeba",
    "explore --attribute Smiling": "--attribute belongs to --dataset celeba",
    "explore --port 65536": "--port takes an integer from 1 to 65535, not 65536",
    "explore --compare-runs absent --no-browser": "There is no run directory absent",
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    """What the command lines print, in a process that never imports TensorFlow."""
    program = (
        "import contextlib, io, sys\n"
        "from dcgan.cli.main import main\n"
        "for line in sys.argv[1:]:\n"
        "    with contextlib.redirect_stderr(io.StringIO()) as errors:\n"
        "        code = main(line.split())\n"
        "    print(code, 'tensorflow' in sys.modules, ' '.join(errors.getvalue().split()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *REFUSED],
        cwd=tmp_path_factory.mktemp("empty"),
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
    )
    return dict(zip(REFUSED, done.stdout.splitlines(), strict=True)), done.stderr


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_wrong_with_the_options_is_refused_before_tensorflow_is_loaded(refusals, line):
    assert refusals[0][line].startswith("2 False error: "), refusals[1]
    assert REFUSED[line] in refusals[0][line]


def test_a_config_file_that_is_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="it is not a file"):
        parse(config.TrainConfig, ["--config", str(tmp_path / "pipe")], "train.py")


@pytest.mark.parametrize("text", ["config: -1", "config: x.yaml", "print_config: true"])
def test_the_options_of_the_parser_are_refused_in_a_config_file(tmp_path, text):
    (tmp_path / "options.yaml").write_text(text)
    with pytest.raises(UserError, match="is not an option of a file"):
        read_yaml(config.TrainConfig, tmp_path / "options.yaml")
    with pytest.raises(UserError, match="is not an option of a file"):
        parse(config.TrainConfig, ["--config", str(tmp_path / "options.yaml")], "train.py")


def test_a_value_of_a_config_file_is_shown_as_it_was_typed(tmp_path):
    (tmp_path / "options.yaml").write_text("steps: 1_0.5e0\n")
    with pytest.raises(UserError, match=r"`steps` takes an integer of at least 1, not 1_0\.5e0\."):
        read_yaml(config.TrainConfig, tmp_path / "options.yaml")


def test_the_middle_of_a_long_value_is_left_out_of_an_error():
    error = UserError(f"--seeds {'9' * 5000} is too large", f"Not {'x' * 100_000}")
    assert error.problem == f"--seeds {'9' * 100}…{'9' * 20} is too large"
    assert error.hint == f"Not {'x' * 100}…{'x' * 20}"
    assert UserError("a" * 300).problem == "a" * 300  # a path, perhaps


def test_an_error_names_an_option_once():
    for problem, expected in (("no 'x'", "`seeds`: no 'x'"), ("--seeds is empty", "`seeds` is empty")):
        with pytest.raises(UserError, match=f"^{expected}$"), errors_about("--seeds"):
            raise UserError(problem)


def test_huge_ranges_are_checked_without_counting_them():
    assert parse_seeds("7,0-9223372036854775800,5").largest == 2**63 - 8
    with pytest.raises(UserError, match="there is no feature map 9223372036854775805"):
        parse_maps("0-9223372036854775805", 8)
    with pytest.raises(UserError, match="names no feature maps"):
        parse_maps("9" * 5000, 8)
    assert list(parse_maps("9", 8)) == list(range(8))
    with pytest.raises(UserError, match="more than 100,000 seeds"):
        parse_arithmetic(f"3 - 0-{MAX_TERM_SEEDS}")
    assert parse_arithmetic(f"3 - 1-{MAX_TERM_SEEDS}")


def test_the_metrics_that_can_be_named_are_those_that_exist():
    assert tuple(metrics.METRICS) == METRIC_NAMES


def test_a_cache_that_can_not_be_written_is_not_blamed_on_the_images(tmp_path):
    cache = "x" * 300
    options = config.PrepareConfig(dataset="folder", data_dir=make_images(tmp_path / "images"), cache_dir=Path(cache))
    with pytest.raises(UserError, match=r"^xxx.* can't be read: File name too long[\s\S]*`cache_dir`"):
        prepare(options)
