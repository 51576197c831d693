"""Every command in README.md and docs/ runs on tiny data, or says why not."""

import argparse
import importlib
import re
import shutil

import keras
import numpy as np
import pytest

from dcgan.cli.commands import COMMANDS
from dcgan.cli.main import main
from dcgan.config.parser import parse, parser_for
from tests.support.documentation import OPTION, PAGES, ROOT, block_commands, inline_commands, options
from tests.support.synthetic_datasets import cifar10_files, encode_image, write_files, write_mnist, write_zip

IN_BLOCKS = [command for page in PAGES for command in block_commands(page)]
IN_TEXT = [command for page in PAGES for command in inline_commands(page)]
PROGRAM = {command.text: command for command in IN_BLOCKS + IN_TEXT if command.arguments}
BENCHMARKS = {command.text: command for command in IN_BLOCKS + IN_TEXT if command.benchmark}
# Without its `--data-dir DIR` a command is run with it, instead of a download.
RUN = {command.text.replace(" --data-dir DIR", ""): command for command in IN_BLOCKS if not command.reason}

OTHER_PROGRAMS = {
    "--xla_gpu_enable_split_k_autotuning": "XLA",
    "--build-arg": "docker",
    "--rm": "docker",
    "--gpus": "docker",
    "--user": "docker",
    "--require-hashes": "pip",
    "--nodes": "SLURM",
    "--ntasks-per-node": "SLURM",
    "--gpus-per-node": "SLURM",
    "--signal": "SLURM",
    "--job-name": "SLURM",
    "--cpus-per-task": "SLURM",
    "--time": "SLURM",
    "--requeue": "SLURM",
    "--dependency": "SLURM",
    "--fid": "fidelity",
    "--kid": "fidelity",
    "--samples-find-deep": "fidelity",
    "--input1": "fidelity",
    "--input2": "fidelity",
    "--gpu": "fidelity",
    "--private": "hf",
    "--logdir": "tensorboard",
    "--cov": "pytest",
    "--calls": "tests.reliability.system_calls",
    "--help": "all",
    "--version": "dcgan",
}

SMALL = {
    "train": "--steps 1 --no-health-checks --batch-size 4 --image-size 8 --latent-dim 4 --generator-width 4 "
    "--discriminator-width 4 --discriminator-hidden 0 --compile none --no-tensorboard --cache-dir cache "
    "--features features.keras --evaluate-num 8 --run-dir runs/{number}",
    "doctor": "--steps 1 --no-health-checks --batch-size 4 --image-size 8 --latent-dim 4 --generator-width 4 "
    "--discriminator-width 4 --discriminator-hidden 0 --compile none --no-tensorboard --cache-dir cache "
    "--check-seconds 0.01 --overwrite --run-dir runs/{number}",
    "prepare": "--cache-dir cache",
    "generate": "--overwrite",
    "evaluate": "--num 12 --features features.keras --json {number}.json",
    "explain": "--images 2",
    "project": "--steps 2 --restarts 1",
    "edit": "--num 40",
    "export": "",
    "lesson": "--out lesson.html --overwrite",
}
"""Options added to a command so that it takes a second or two; the last of two equal options counts."""

NETWORKS = re.compile(r"--(latent-dim|generator-width|discriminator-width|discriminator-hidden|image-size) \d+ ?")
"""Those of them that describe the networks, which `--init-from` takes from another run."""


class Parsed(Exception):
    """The arguments are valid."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A folder with everything that the commands name, tiny: data, images, a run, the pretrained run."""
    folder = tmp_path_factory.mktemp("workspace")
    noise = np.random.default_rng(0)

    def image():
        return encode_image(noise.integers(0, 256, (12, 10, 3), np.uint8), "JPEG")

    write_mnist(folder / "DIR", train=20, test=8)
    write_files(folder / "DIR", cifar10_files(images_per_file=4)[0])
    write_files(folder / "IMAGES", {f"{name}/{n}.jpg": image() for name in ("cats", "dogs") for n in range(4)})
    write_zip(folder / "img_align_celeba.zip", {f"img_align_celeba/{n:06d}.jpg": image() for n in range(1, 9)})
    write_files(folder, {name: image() for name in ("me.png", "you.jpg")})
    features = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()])
    features.save(folder / "features.keras")
    shutil.copytree(ROOT / "checkpoints" / "mnist", folder / "checkpoints" / "mnist")
    (folder / "RUN").symlink_to(folder / "checkpoints" / "mnist")
    small = SMALL["train"].replace("--image-size 8", "--evaluate-every 1 --sample-every 1 --save-every 1")
    np.save(folder / "samples.npy", noise.integers(0, 256, (12, 28, 28, 1), np.uint8))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", *small.format(number=0).split(), "--run-dir", "checkpoints/mnist10k"]) == 0
    return folder


@pytest.mark.parametrize("text", PROGRAM)
def test_a_documented_command_has_options_and_values_that_exist(text):
    name, *arguments = PROGRAM[text].arguments
    if name not in COMMANDS:
        assert main([name, *arguments]) == 0
    elif {"--print-config", "--help", "--config"}.isdisjoint(arguments):
        config = parse(COMMANDS[name][0], arguments, name)
        if hasattr(config, "resolve"):
            config.resolve()


@pytest.mark.parametrize("text", BENCHMARKS)
def test_a_documented_benchmark_has_options_and_values_that_exist(text, monkeypatch):
    module, *arguments = BENCHMARKS[text].benchmark
    parse_args = argparse.ArgumentParser.parse_args

    def parse_only(parser, *given):
        raise Parsed(parse_args(parser, *given))

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_only)
    with pytest.raises(Parsed):
        importlib.import_module(module).main(arguments)


def test_every_documented_option_exists():
    known = set(OTHER_PROGRAMS) | {"--metrics"}
    for config_class, _ in COMMANDS.values():
        known |= set(OPTION.findall(parser_for(config_class, "x").format_help()))
    benchmarks = {option for text in BENCHMARKS for option in OPTION.findall(text)}  # tested above
    unknown = {page.name: options(page) - known - benchmarks for page in PAGES}
    assert {name: names for name, names in unknown.items() if names} == {}


def test_a_command_of_another_program_says_why_it_is_not_run():
    assert [command for command in RUN.values() if command.arguments is None] == []


def test_continuous_integration_runs_the_two_lines_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in readme if line.startswith(".venv/bin/pip install -r requirements-test.txt"))
    assert readme[readme.index(line) - 2] == "<!-- test line -->"
    assert 'eval "$test_line"' in script
    for part in readme[readme.index("<!-- train line -->") + 2].split(" && "):
        assert part.split()[-1] in script


@pytest.mark.slow
@pytest.mark.parametrize("text", RUN)
def test_a_documented_command_runs(text, workspace, monkeypatch):
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("XDG_CACHE_HOME", str(workspace / "cache"))
    name, *arguments = RUN[text].arguments
    if any(dataset in arguments for dataset in ("mnist", "fashion_mnist", "cifar10")):
        arguments += ["--data-dir", "DIR"]
    if "--num" in arguments and name == "generate":
        arguments += ["--num", "12"]
    small = SMALL[name].format(number=list(RUN).index(text))
    arguments += (NETWORKS.sub("", small) if "--init-from" in arguments else small).split()
    if "--print-config" in arguments:
        with pytest.raises(SystemExit) as ended:
            main([name, *arguments])
        assert not ended.value.code
    else:
        assert main([name, *arguments]) == 0
