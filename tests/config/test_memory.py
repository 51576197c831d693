"""The memory that a training needs at least, from its options alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from dcgan.config import TrainConfig, memory
from dcgan.config.memory import check_memory, discriminator_size, generator_size, least_memory
from dcgan.core.errors import UserError
from dcgan.core.resources import total_memory
from dcgan.networks import build_discriminator, build_generator
from dcgan.networks.layers import TRAINING_LAYERS
from dcgan.training.memory import estimate_memory

CHECKOUT = Path(__file__).parents[2]
SMALL = {"generator_width": 4, "discriminator_width": 6, "latent_dim": 5}
CONFIGS = {
    "transposed": {"upsampling": "transposed"},
    "nearest, hidden layer": {"upsampling": "nearest", "discriminator_hidden": 7, "kernel": 6},
    "bilinear, odd kernel": {"upsampling": "bilinear", "kernel": 5},
    "subpixel": {"upsampling": "subpixel"},
    "unpool and maxpool": {"upsampling": "unpool", "downsampling": "maxpool"},
}


def kernels(network):
    """The number of weights of the convolutions and dense layers, without biases."""
    return sum(weight.numpy().size for weight in network.trainable_variables if weight.path.endswith("/kernel"))


@pytest.mark.parametrize("size", [(28, 28), (48, 32)])
@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("options", CONFIGS.values(), ids=CONFIGS)
def test_the_number_of_weights_is_that_of_the_networks(size, classes, options):
    config = TrainConfig(**SMALL, **options).resolve()
    shared = {"image_size": size, "channels": 3, "kernel": config.kernel, "classes": classes}
    generator = build_generator(**shared, width=4, latent_dim=5, upsampling=config.upsampling, layers=TRAINING_LAYERS)
    discriminator = build_discriminator(**shared, **config.discriminator_options)
    assert generator_size(config, size, 3, classes).weights == kernels(generator)
    assert discriminator_size(config, size, 3, classes).weights == kernels(discriminator)


@pytest.mark.parametrize("options", CONFIGS.values(), ids=CONFIGS)
def test_the_least_memory_is_a_bound_of_the_estimate_from_the_networks(options):
    config = TrainConfig(image_size="64", channels=3, precision="float32", batch_size=16, **options).resolve()
    shared = {"image_size": (64, 64), "channels": 3, "kernel": config.kernel}
    generator = build_generator(
        **shared, width=config.generator_width, latent_dim=config.latent_dim, upsampling=config.upsampling
    )
    estimate = estimate_memory(generator, build_discriminator(**shared, **config.discriminator_options))
    assert estimate.total(16) / 8 < least_memory(config) < estimate.total(16)


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
    assert f"there are {total_memory() / 2**30:.1f} GiB" in done.stderr
    assert "--image-size 2048" in done.stderr
    assert "Reduce one of these." in done.stderr


def test_the_memory_of_a_larger_gpu_counts_too(monkeypatch):
    config = TrainConfig(dataset="folder", batch_size=64).resolve()
    monkeypatch.setattr(memory.nvidia, "cards", list)
    need = least_memory(config)
    monkeypatch.setattr(memory, "total_memory", lambda: need)
    check_memory(config)
    monkeypatch.setattr(memory, "total_memory", lambda: need - 1)
    with pytest.raises(UserError, match="needs more than"):
        check_memory(config)
    monkeypatch.setattr(memory.nvidia, "cards", lambda: [type("Card", (), {"memory": need})])
    check_memory(config)
    monkeypatch.setattr(memory.nvidia, "cards", lambda: [type("Card", (), {"memory": need - 2})] * 2)
    check_memory(config)  # two cards share a batch


def test_without_a_gpu_automatic_precision_counts_as_float32(monkeypatch):
    need = {}
    for cards in ([], ["an NVIDIA GPU"]):
        monkeypatch.setattr(memory.nvidia, "cards", lambda cards=cards: cards)
        for precision in ("auto", "float32", "mixed_bfloat16"):
            config = TrainConfig(image_size="64", precision=precision).resolve()
            need[precision, bool(cards)] = least_memory(config)
    assert need["auto", False] == need["float32", False] == 2 * need["float32", True]
    assert need["auto", True] == need["mixed_bfloat16", True] < need["float32", True]


@pytest.mark.parametrize("option", ["kernel", "latent_dim", "discriminator_hidden", "batch_size", "generator_width"])
def test_every_option_that_takes_too_much_memory_is_named(option):
    with pytest.raises(UserError, match=f"`{option}=2000000000`"):
        check_memory(TrainConfig(**{option: 2_000_000_000}).resolve())


def test_a_large_image_size_is_refused_on_a_machine_of_24_gib(monkeypatch):
    monkeypatch.setattr(memory, "total_memory", lambda: 24 * 2**30)
    monkeypatch.setattr(memory.nvidia, "cards", list)
    check_memory(TrainConfig(dataset="folder", image_size="512").resolve())
    with pytest.raises(UserError, match=r"needs more than 24\.4 GiB .* `image_size=1024` "):
        check_memory(TrainConfig(dataset="folder", image_size="1024").resolve())


def test_a_system_that_does_not_tell_its_memory_refuses_nothing(monkeypatch):
    monkeypatch.setattr(memory, "total_memory", lambda: None)
    check_memory(TrainConfig(batch_size=10**9).resolve())


def test_frozen_layers_need_no_gradients_and_moments(monkeypatch):
    monkeypatch.setattr(memory.nvidia, "cards", list)
    plain = TrainConfig(init_from="x").resolve()
    weights = discriminator_size(plain, (28, 28), 1).weights
    saved = least_memory(plain) - least_memory(TrainConfig(init_from="x", freeze_d=1).resolve())
    assert saved == 2 * 3 * 4 * weights  # twice on a CPU, three copies, float32: of all layers, since it is a bound
