"""The memory that a training needs at least, from its options alone."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dcgan.cli.main import main
from dcgan.config import TrainConfig, memory
from dcgan.config.memory import TYPICAL, check_memory, least_memory, memory_warning
from dcgan.core.errors import UserError
from dcgan.core.nvidia import Card
from dcgan.core.resources import total_memory
from dcgan.networks import build_discriminator, build_generator
from dcgan.sampling.generation import BATCH_SIZE
from dcgan.training.memory import estimate_memory

CHECKOUT = Path(__file__).parents[2]
GIB = 2**30

MEASURED = {
    "image_size=64 batch_size=8": 1.20,
    "image_size=64 batch_size=128": 1.59,
    "image_size=128 batch_size=8": 1.69,
    "image_size=128 batch_size=32": 2.00,
    "image_size=128 batch_size=64": 2.44,
    "image_size=128 batch_size=32 compile=none": 1.39,
    "image_size=128 batch_size=32 precision=mixed_bfloat16": 1.66,
    "image_size=128 batch_size=32 kernel=5": 1.83,
    "image_size=128 batch_size=32 generator_width=64 discriminator_width=64": 3.92,
    "image_size=128 batch_size=32 upsampling=nearest": 1.99,
    "image_size=128 batch_size=32 upsampling=bilinear": 2.08,
    "image_size=128 batch_size=32 upsampling=subpixel": 2.13,
    "image_size=128 batch_size=32 upsampling=unpool downsampling=maxpool": 1.90,
    "image_size=256 batch_size=2 compile=none health_checks=no": 1.88,
    "image_size=256 batch_size=2": 3.20,
    "image_size=256 batch_size=8": 3.41,
    "image_size=256 batch_size=32": 4.49,
}
"""Largest resident memory in GiB of trainings on random images in three channels, from benchmarks/README.md."""


@pytest.fixture
def machine(monkeypatch):
    """A machine without a GPU; returns a function that sets its memory, and what is available of it, in GiB."""
    monkeypatch.setattr(memory.nvidia, "cards", list)
    monkeypatch.setattr(memory, "resident_memory", dict)

    def set_memory(total, available=None):
        monkeypatch.setattr(memory, "total_memory", lambda reserved: total * GIB)
        monkeypatch.setattr(
            memory, "available_memory", lambda reserved: (total if available is None else available) * GIB
        )

    set_memory(24)
    return set_memory


def parse(text):
    pairs = (word.split("=") for word in text.split())
    values = {"no": False}
    return {
        name: values.get(value, int(value) if value.isdigit() and name != "image_size" else value)
        for name, value in pairs
    }


@pytest.mark.parametrize("options", MEASURED)
def test_the_least_memory_is_two_thirds_to_four_fifths_of_what_was_measured(options, machine):
    config = TrainConfig(dataset="folder", channels=3, **parse(options)).resolve()
    assert 0.65 <= least_memory(config).total / GIB / MEASURED[options] <= 0.8


def test_on_a_gpu_it_is_a_bound_of_the_estimate_from_the_networks(monkeypatch):
    monkeypatch.setattr(memory.nvidia, "cards", lambda: ["a card"])
    config = TrainConfig(image_size="64", channels=3, precision="float32", batch_size=16).resolve()
    shared = {"image_size": (64, 64), "channels": 3, "kernel": config.kernel}
    generator = build_generator(
        **shared, width=config.generator_width, latent_dim=config.latent_dim, upsampling=config.upsampling
    )
    estimate = estimate_memory(generator, build_discriminator(**shared, **config.discriminator_options))
    assert estimate.total(16) / 4 < least_memory(config).total < estimate.total(16)


def test_networks_that_can_not_fit_are_refused_with_the_figures_before_tensorflow_is_loaded(tmp_path):
    command = "train --dataset folder --data-dir . --image-size 2048 --generator-width 512 --discriminator-width 512"
    program = (
        "import sys; from dcgan.cli.main import main\n"
        f"code = main({command.split()!r})\n"
        "assert 'tensorflow' not in sys.modules, 'TensorFlow was loaded'\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "needs more than" in done.stderr
    assert f"there are {total_memory() / GIB:.1f} GiB" in done.stderr
    assert "--image-size 2048" in done.stderr
    assert "One of these would fit: --" in done.stderr


def test_what_would_fit_is_named_and_fits(machine):
    machine(6)
    config = TrainConfig(dataset="folder", image_size="512", channels=3).resolve()
    with pytest.raises(UserError) as error:
        check_memory(config)
    hint = error.value.hint
    assert set(re.findall(r"--[a-z-]+", hint)) == {"--image-size", "--generator-width", "--discriminator-width"}
    image_size = re.search(r"--image-size (\d+)", hint)[1]
    check_memory(TrainConfig(dataset="folder", image_size=image_size, channels=3).resolve())
    machine(9)
    with pytest.raises(UserError) as error:
        check_memory(config)
    batch_size = int(re.search(r"--batch-size (\d+)", error.value.hint)[1])
    assert 2 <= batch_size <= 16
    check_memory(TrainConfig(dataset="folder", image_size="512", channels=3, batch_size=batch_size).resolve())


def test_the_case_of_a_small_machine_is_refused_and_passes_where_it_fits(machine):
    case = {"batch_size": 2, "latent_dim": 16, "compile": "none", "health_checks": False}
    config = TrainConfig(dataset="folder", image_size="256", **case).resolve()  # 1.9 GiB were measured
    machine(1)
    with pytest.raises(UserError, match=r"needs more than 1\.2 GiB of memory, of which there are 1\.0 GiB"):
        check_memory(config)
    machine(2)
    check_memory(config)
    assert memory_warning(config) == ""


def test_where_other_programs_have_the_memory_a_line_says_so_with_figures(machine):
    config = TrainConfig(dataset="folder", image_size="256", channels=3).resolve()
    need = least_memory(config).total / GIB
    machine(24, TYPICAL * need)
    assert memory_warning(config) == ""
    machine(24, TYPICAL * need - 0.01)
    check_memory(config)
    line = memory_warning(config)
    assert f"takes {need:.1f} to {TYPICAL * need:.1f} GiB" in line
    assert "--image-size 256" in line
    assert "One of these would fit: --batch-size 16 (" in line


def test_what_this_process_has_already_counts_as_available(machine, monkeypatch):
    config = TrainConfig(dataset="folder", image_size="256", channels=3).resolve()
    need = least_memory(config).total / GIB
    machine(24, TYPICAL * need - 0.5)
    assert memory_warning(config)
    monkeypatch.setattr(memory, "resident_memory", lambda: {"resident": GIB})
    assert memory_warning(config) == ""


def test_training_says_it_before_anything_is_loaded(machine, monkeypatch, capsys, tmp_path):
    machine(24, 0.7)
    assert main(["train", "--dataset", "folder", "--data-dir", str(tmp_path), "--run-dir", str(tmp_path / "run")]) == 2
    printed = capsys.readouterr()
    assert "of which 0.7 GiB are available now" in printed.out
    assert "no images" in printed.err.lower() or "images" in printed.err


def test_the_memory_of_a_larger_gpu_counts_too(machine, monkeypatch):
    config = TrainConfig(dataset="folder", batch_size=64).resolve()

    def cards(size, count=1):
        monkeypatch.setattr(memory.nvidia, "cards", lambda: [Card("", size, size, (9, 0), "")] * count)

    cards(0)
    need = least_memory(config).total
    machine((need - 1) / GIB)
    with pytest.raises(UserError, match="needs more than"):
        check_memory(config)
    cards(need)
    check_memory(config)
    cards(need - 2)
    with pytest.raises(UserError, match="needs more than"):
        check_memory(config)
    cards(need - 2, count=2)
    check_memory(config)  # two cards share a batch
    cards(2**60)
    machine(0.1)
    with pytest.raises(UserError, match="TensorFlow alone takes"):
        check_memory(TrainConfig(dataset="folder", batch_size=64, device="cpu").resolve())


def test_without_a_gpu_automatic_precision_counts_as_float32(monkeypatch):
    need = {}
    for cards in ([], ["an NVIDIA GPU"]):
        monkeypatch.setattr(memory.nvidia, "cards", lambda cards=cards: cards)
        for precision in ("auto", "float32", "mixed_bfloat16"):
            config = TrainConfig(image_size="64", precision=precision).resolve()
            need[precision, bool(cards)] = least_memory(config).total
    assert need["auto", False] == need["float32", False] > need["mixed_bfloat16", False]
    assert need["auto", True] == need["mixed_bfloat16", True] < need["float32", True]


@pytest.mark.parametrize("options", [{"strategy": "multi_worker"}, {"strategy": "auto"}])
def test_workers_that_share_a_batch_need_less(options, machine, monkeypatch):
    alone = least_memory(TrainConfig(image_size="64").resolve()).total
    monkeypatch.setenv("TF_CONFIG", "{}")
    assert least_memory(TrainConfig(image_size="64", **options).resolve()).total < alone


@pytest.mark.parametrize("option", ["kernel", "latent_dim", "discriminator_hidden", "batch_size", "generator_width"])
def test_every_option_that_takes_too_much_memory_is_named(option):
    with pytest.raises(UserError, match=f"`{option}=2000000000`"):
        check_memory(TrainConfig(**{option: 2_000_000_000}).resolve())


def test_a_large_image_size_is_refused_on_a_machine_of_24_gib(machine):
    check_memory(TrainConfig(dataset="folder", image_size="512").resolve())
    with pytest.raises(UserError, match=r"needs more than .* there are 24\.0 GiB: .* `image_size=1024` "):
        check_memory(TrainConfig(dataset="folder", image_size="1024").resolve())


def test_a_system_that_does_not_tell_its_memory_refuses_nothing(monkeypatch):
    monkeypatch.setattr(memory, "total_memory", lambda reserved: None)
    monkeypatch.setattr(memory, "available_memory", lambda reserved: None)
    config = TrainConfig(batch_size=10**9).resolve()
    check_memory(config)
    assert memory_warning(config) == ""


def test_a_limit_of_addresses_is_named(machine, monkeypatch):
    machine(0.7)
    monkeypatch.setattr(memory, "address_space_limit", lambda: 2 * GIB)
    with pytest.raises(UserError, match=r"`ulimit -v` allows 2\.0 GiB, of which TensorFlow reserves"):
        check_memory(TrainConfig(dataset="folder", image_size="256").resolve())


def test_frozen_layers_need_no_gradients_and_moments(machine):
    plain, frozen = (least_memory(TrainConfig(init_from="x", freeze_d=freeze).resolve()) for freeze in (0, 1))
    size = memory.discriminator_size(TrainConfig(init_from="x").resolve(), (28, 28), 1).weights * 4
    assert plain.state - frozen.state == 2 * 2 * size  # both moments, also in the copy of the initial weights
    assert plain.weights - frozen.weights == size  # of all layers, since it is a bound


def test_a_grid_has_the_images_that_are_generated_at_once():
    assert memory._GENERATED == BATCH_SIZE
