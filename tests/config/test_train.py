"""The training options and their presets."""

from dataclasses import replace
from types import NoneType
from typing import get_args, get_type_hints

import pytest

from dcgan import config
from dcgan.core.errors import UserError


def hidden(**options):
    return config.TrainConfig(**options).resolve().discriminator_hidden


def test_the_discriminator_has_a_hidden_layer_where_that_measured_better():
    by_upsampling = {name: hidden(upsampling=name) for name in (None, *config.UPSAMPLERS)}
    assert by_upsampling == {None: 256, "transposed": 0, "nearest": 256, "bilinear": 256, "subpixel": 0, "unpool": 0}
    assert hidden(upsampling="transposed", discriminator_hidden=9) == 9
    assert hidden(preset="paper") == 0
    assert hidden(dataset="celeba") == hidden(dataset="folder", upsampling="nearest") == 0  # it wins on large images
    assert hidden(dataset="folder", image_size=32) == 256
    assert hidden(dataset="stacked_mnist") == 0
    assert hidden(batch_size=1) == 0


def test_the_networks_depend_on_the_size_of_the_images_and_on_the_device():
    def network(on_gpu=False, **options):
        resolved = config.TrainConfig(**options).resolve(on_gpu=on_gpu)
        widths = resolved.generator_width, resolved.discriminator_width
        return resolved.batch_size, resolved.latent_dim, resolved.kernel, *widths, resolved.upsampling

    small, large = (64, 64, 6, 48, 32, "nearest"), (32, 100, 4, 32, 32, "transposed")
    on_gpu, stacked = (64, 100, 4, 64, 64, "transposed"), (64, 100, 4, 64, 64, "nearest")
    assert network() == network(dataset="cifar10") == network(dataset="folder", image_size=32) == small
    assert network(on_gpu=True, dataset="folder", image_size="16x32") == small
    assert network(dataset="folder") == network(dataset="celeba") == network(dataset="mnist", image_size=64) == large
    assert network(dataset="cifar10", image_size="32x64") == large
    assert network(on_gpu=True, dataset="folder") == on_gpu
    assert network(dataset="stacked_mnist") == stacked


def test_the_generators_learning_rate_falls_where_that_measured_better():
    def decay_start(**options):
        return config.TrainConfig(**options).resolve().generator_lr_decay_start

    assert decay_start() == decay_start(dataset="cifar10") == decay_start(dataset="folder", image_size=32) == 3000
    assert decay_start(dataset="stacked_mnist") == 3000
    assert decay_start(dataset="folder") == decay_start(preset="paper") == 0
    assert decay_start(dataset="folder", generator_lr_decay_start=9) == decay_start(generator_lr_decay_start=9) == 9


def test_the_number_of_clusters_is_decided_by_the_dataset_unless_it_is_given():
    def clusters(**options):
        return config.TrainConfig(**options).resolve().clusters

    assert clusters() is clusters(dataset="folder") is None  # depends on its labels and the number of its images
    assert (clusters(dataset="cifar10"), clusters(dataset="fashion_mnist")) == (100, 200)
    assert clusters(dataset="stacked_mnist") == clusters(preset="paper", dataset="cifar10") == 0
    assert clusters(dataset="cifar10", clusters=7) == 7


@pytest.mark.parametrize(
    ("options", "few", "many"),
    [
        ({}, ("translation", True), (None, False)),
        ({"adaptive_augment": False}, ("translation", False), (None, False)),
        ({"adaptive_augment": True}, ("translation", True), ("translation", True)),
        ({"augment": "none"}, (None, False), (None, False)),
        ({"augment": "cutout, color"}, ("color,cutout", False), ("color,cutout", False)),
        ({"augment": "cutout", "adaptive_augment": True}, ("cutout", True), ("cutout", True)),
        ({"preset": "paper"}, (None, False), (None, False)),
    ],
)
def test_few_images_are_augmented_with_a_probability_that_adapts_unless_an_option_says_otherwise(options, few, many):
    resolved = config.TrainConfig(**options).resolve()
    for count, expected in ((4999, few), (5000, many)):
        augmented = resolved.resolve_augmentation(count)
        assert (augmented.augment, augmented.adaptive_augment) == expected
        assert augmented.resolve_augmentation(count) == augmented


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
    assert given - unresolved == {*config.PRESETS["default"], "save_every", "sample_every", "log_every"}
    assert all(getattr(resolved, name) is not None for name in given - unresolved)


def test_intervals_are_ten_times_as_long_on_a_gpu_unless_they_are_given():
    def intervals(on_gpu):
        resolved = config.TrainConfig(log_every=7).resolve(on_gpu=on_gpu)
        return resolved.save_every, resolved.sample_every, resolved.log_every

    assert (intervals(False), intervals(True)) == ((500, 250, 7), (5000, 2500, 7))


def test_a_resolved_config_resolves_to_itself():
    resolved = config.TrainConfig(dataset="celeba").resolve()
    assert resolved.resolve() is resolved
    assert replace(resolved, seed=3).latent_dim == 100


def test_a_batch_size_of_one_and_a_hidden_layer_exclude_each_other():
    with pytest.raises(UserError, match="`batch_size=1`"):
        config.TrainConfig(batch_size=1, discriminator_hidden=8).resolve()
    assert config.TrainConfig(batch_size=1, discriminator_hidden=0).resolve().batch_size == 1


@pytest.mark.parametrize("device", ["auto", "cpu", "gpu", "gpu:0", "gpu:12"])
def test_a_device_does_not_belong_to_the_result_of_a_run(device):
    given = config.TrainConfig(device=device)
    assert config.differing_options(given.resolve(), config.TrainConfig().resolve()) == {}


@pytest.mark.parametrize("device", ["GPU", "gpu:", "gpu:a", "gpu:-1", "cuda", "", "cpu:0"])
@pytest.mark.parametrize("options", [config.TrainConfig, config.GenerateConfig, config.ExportConfig])
def test_a_device_of_another_form_is_refused(options, device):
    with pytest.raises(UserError, match="`device` takes auto, cpu, gpu"):
        options(device=device)
