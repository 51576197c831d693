"""Every way to double or halve, against NumPy loops; every network of each way, built, trained and saved."""

import typing
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan.config import TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.core.errors import UserError
from dcgan.core.sizes import num_stages
from dcgan.deconvolution import max_unpool
from dcgan.evaluation.linear_probe import pooled_features
from dcgan.networks import build_discriminator, build_generator
from dcgan.networks.cpu.layers import CPU_LAYERS
from dcgan.networks.downsampling import DOWNSAMPLERS as DOWNSAMPLINGS
from dcgan.networks.fused_upsampling import to_inference_kernel
from dcgan.networks.layers import KERAS_LAYERS, TRAINING_LAYERS, Stage, odd_kernel_size
from dcgan.networks.upsampling import UPSAMPLERS as UPSAMPLINGS
from dcgan.networks.upsampling import upsample
from dcgan.runs import Run, assign_weights
from dcgan.runs.loading import load_discriminator
from dcgan.training.trainer import Trainer
from tests.support.network_oracle import batch_norm, transposed_convolution

EACH_WAY = pytest.mark.parametrize("way", UPSAMPLINGS)


def convolution(x, kernel):
    """x (N, H, W, in), kernel (k, k, in, out) -> (N, H, W, out): zeros around, of an odd number one more behind."""
    reach, before = kernel.shape[0], (kernel.shape[0] - 1) // 2
    padded = np.pad(x, ((0, 0), (before, reach), (before, reach), (0, 0)))
    result = np.zeros((*x.shape[:3], kernel.shape[3]))
    for row, column in np.ndindex(x.shape[1:3]):
        window = padded[:, row : row + reach, column : column + reach]
        result[:, row, column] = np.einsum("nhwi,hwio->no", window, kernel)
    return result


def repeated(x):
    """Every pixel four times."""
    result = np.zeros((len(x), 2 * x.shape[1], 2 * x.shape[2], x.shape[3]))
    for row, column in np.ndindex(result.shape[1:3]):
        result[:, row, column] = x[:, row // 2, column // 2]
    return result


def interpolated(x):
    """Pixel o of the result lies at (o + ½) / 2 − ½ of `x`, whose border goes on for ever."""
    result = np.zeros((len(x), 2 * x.shape[1], 2 * x.shape[2], x.shape[3]))
    for row, column in np.ndindex(result.shape[1:3]):
        for near_row, vertical in weights_along(row, x.shape[1]):
            for near_column, horizontal in weights_along(column, x.shape[2]):
                result[:, row, column] += vertical * horizontal * x[:, near_row, near_column]
    return result


def weights_along(place, length):
    """The two pixels of an axis between which a pixel lies, and the weight of each."""
    exact = (place + 0.5) / 2 - 0.5
    first = int(np.floor(exact))
    return [(min(max(pixel, 0), length - 1), 1 - abs(exact - pixel)) for pixel in (first, first + 1)]


def dealt_out(x):
    """Four channels of a pixel become a block of four pixels."""
    maps = x.shape[3] // 4
    result = np.zeros((len(x), 2 * x.shape[1], 2 * x.shape[2], maps))
    for row, column, k in np.ndindex((*result.shape[1:3], maps)):
        result[:, row, column, k] = x[:, row // 2, column // 2, (2 * (row % 2) + column % 2) * maps + k]
    return result


def nailed(x):
    """Every value at the lower right of a block of zeros."""
    result = np.zeros((len(x), 2 * x.shape[1], 2 * x.shape[2], x.shape[3]))
    for row, column in np.ndindex(x.shape[1:3]):
        result[:, 2 * row + 1, 2 * column + 1] = x[:, row, column]
    return result


def turned(kernel):
    """A transposed convolution's kernel, (k, k, out, in), as a convolution's, (k, k, in, out), and back."""
    return kernel[::-1, ::-1].swapaxes(2, 3)


ORACLES = {
    "transposed": transposed_convolution,
    "nearest": lambda x, kernel: convolution(repeated(x), turned(kernel)),
    "bilinear": lambda x, kernel: convolution(interpolated(x), kernel),
    "subpixel": lambda x, kernel: dealt_out(convolution(x, kernel)),
    "unpool": lambda x, kernel: convolution(nailed(x), kernel),
}


def weights_of(model):
    return {variable.path: np.asarray(variable, np.float64) for variable in model.variables}


def randomised(model, seed=0):
    """Weights of some size, so that a mistake shows."""
    random = np.random.default_rng(seed)
    for variable in model.variables:
        values = random.standard_normal(variable.shape)
        variable.assign(values / np.sqrt(values[..., 0].size) if values.ndim > 1 else 1 + 0.3 * np.abs(values))
    return model


def enlarged(way, x, maps=3, kernel=4):
    """A model of one stage alone, as it is trained."""
    inputs = keras.Input(x.shape[1:])
    return randomised(
        keras.Model(inputs, upsample(inputs, Stage(0, maps, kernel, 1, TRAINING_LAYERS, "generator"), way))
    )


def images(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@EACH_WAY
@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
@pytest.mark.parametrize("size", [(4, 4), (5, 3), (1, 2)])
def test_a_stage_equals_the_slow_one(way, kernel, size):
    x = images(2, *size, 5)
    model = enlarged(way, x, maps=3, kernel=kernel)
    (weights,) = weights_of(model).values()
    np.testing.assert_allclose(model(x), ORACLES[way](x, weights), atol=1e-5)


@EACH_WAY
def test_a_generator_equals_the_slow_one(way):
    model = randomised(build_generator((12, 8), 3, width=3, latent_dim=6, layers=TRAINING_LAYERS, upsampling=way))
    latents, weights = images(5, 6), weights_of(model)
    x = (latents @ weights["project/kernel"]).reshape(5, 6, 4, 3)
    x = np.maximum(batch_norm(x, weights["norm_0/gamma"], weights["norm_0/beta"]), 0)
    expected = np.tanh(ORACLES[way](x, weights["up_0/kernel"]))
    assert expected.std() > 0.1
    np.testing.assert_allclose(model(latents, training=True), expected, atol=2e-5)


def test_convolutions_of_stride_1_have_a_centre_and_are_no_larger_than_asked_for():
    assert [odd_kernel_size(kernel) for kernel in range(2, 8)] == [3, 3, 3, 5, 5, 7]


@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 6])
def test_unpooling_by_fixed_switches_and_a_convolution_are_a_transposed_convolution(kernel):
    """One kernel is the other turned by 180°; and no position of the switches is better, since none is learned."""
    x = images(2, 5, 4, 3)
    unpooling, transposed = (enlarged(way, x, kernel=kernel) for way in ("unpool", "transposed"))
    (weights,) = unpooling.get_weights()  # (k, k, in, out); the other's are (k, k, out, in)
    transposed.set_weights([turned(weights)])
    np.testing.assert_allclose(unpooling(x), transposed(x), atol=1e-5)


def test_the_unpooling_is_max_unpool_with_every_switch_at_the_lower_right():
    x = images(2, 4, 5, 3)
    generator = build_generator((8, 10), 1, width=3, upsampling="unpool")
    unpooled = keras.Model(generator.get_layer("relu_0").output, generator.get_layer("unpool_0").output)
    rows, columns, channels = np.meshgrid(range(4), range(5), range(3), indexing="ij")
    switches = np.stack([((2 * rows + 1) * 10 + 2 * columns + 1) * 3 + channels] * 2)
    np.testing.assert_array_equal(unpooled(x), max_unpool(x, switches, (8, 10)))


def test_a_subpixel_stage_can_be_any_transposed_convolution_of_4():
    """Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?": a phase is a 2 × 2 kernel."""
    x = images(2, 5, 4, 3)
    subpixel, transposed = enlarged("subpixel", x, maps=2), enlarged("transposed", x, maps=2)
    (weights,) = transposed.get_weights()  # (4, 4, out, in)
    kernel = np.zeros((3, 3, 3, 4 * 2), np.float32)
    for row, column, up, left in np.ndindex(2, 2, 3, 3):  # pixel (row, column) of a block; neighbour (up − 1, left − 1)
        y, z = row + 3 - 2 * up, column + 3 - 2 * left
        if 0 <= y < 4 and 0 <= z < 4:
            kernel[up, left, :, (2 * row + column) * 2 : (2 * row + column) * 2 + 2] = weights[y, z].T
    subpixel.set_weights([kernel])
    np.testing.assert_allclose(subpixel(x), transposed(x), atol=1e-5)


@EACH_WAY
@pytest.mark.parametrize("size", [28, 64, 224])
def test_each_way_builds_the_usual_sizes(way, size):
    assert build_generator((size, size), 3, width=2, upsampling=way).output_shape == (None, size, size, 3)


@EACH_WAY
@pytest.mark.parametrize("size", [28, 224])
def test_every_weight_of_each_way_learns_in_a_step(way, size):
    generator = build_generator((size, size), 1, width=2, latent_dim=5, layers=TRAINING_LAYERS, upsampling=way)
    before = generator.get_weights()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(generator(images(2, 5), training=True) - 0.5))
    gradients = tape.gradient(loss, generator.trainable_variables)
    assert all(np.asarray(gradient).any() for gradient in gradients)
    keras.optimizers.Adam(1e-3).apply(gradients, generator.trainable_variables)
    trained = [not np.array_equal(a, b) for a, b in zip(before, generator.get_weights(), strict=True)]
    assert sum(trained) == len(before)  # the statistics of BatchNorm too: no way has weights that stay


@EACH_WAY
def test_each_way_has_the_same_layers_with_weights_under_the_same_names(way):
    expected = [variable.path for variable in build_generator((28, 28), 1, width=2).variables]
    assert [variable.path for variable in build_generator((28, 28), 1, width=2, upsampling=way).variables] == expected


def test_the_default_is_the_transposed_convolution_with_the_weights_it_always_had():
    model = build_generator((8, 8), 1, width=2, latent_dim=3, seed=7)
    assert [layer.name for layer in model.layers] == [
        *("latent", "project", "base", "norm_0", "relu_0", "up_0", "image"),
    ]
    first = np.asarray(model.get_layer("up_0").kernel)[0, 0, 0]
    np.testing.assert_allclose(first, [-0.01902927, 0.00697713], atol=1e-7)


def drawn_from(trained, drawn):
    """The network that is drawn from, with the weights of the trained one."""
    for variable, weight in zip(drawn.variables, trained.variables, strict=True):
        variable.assign(to_inference_kernel(weight, variable.shape))
    return drawn


@pytest.mark.parametrize("kernel", [2, 4, 5, 6])
def test_enlarging_and_convolving_is_drawn_from_as_one_transposed_convolution(kernel):
    sizes = {"image_size": (12, 8), "channels": 3, "width": 3, "latent_dim": 6, "kernel": kernel}
    trained, drawn = (
        build_generator(**sizes, layers=layers, upsampling="nearest") for layers in (TRAINING_LAYERS, KERAS_LAYERS)
    )
    latents = images(5, 6)
    np.testing.assert_allclose(drawn(latents), trained(latents), atol=1e-6)  # before any training already
    np.testing.assert_allclose(drawn_from(randomised(trained), drawn)(latents), trained(latents), atol=1e-5)
    assert type(drawn.get_layer("up_0")) is keras.layers.Conv2DTranspose
    assert drawn.get_layer("up_0").kernel_size == (odd_kernel_size(kernel) + 1,) * 2


def test_a_kernel_is_enlarged_where_it_is_smaller_by_one_and_nowhere_else():
    kernel = images(3, 3, 2, 5)
    grown = np.asarray(to_inference_kernel(kernel, (4, 4, 2, 5)))
    expected = np.zeros((4, 4, 2, 5), np.float32)
    for row, column in np.ndindex(2, 2):
        expected[row : row + 3, column : column + 3] += kernel
    np.testing.assert_allclose(grown, expected, atol=1e-6)
    for shape in [(3, 3, 2, 5), (5, 5, 2, 5), (4, 4, 5, 2)]:
        assert to_inference_kernel(kernel, shape) is kernel


def test_a_discriminators_kernels_are_not_enlarged_to_fit():
    small, large = (build_discriminator((8, 8), 1, width=2, kernel=kernel) for kernel in (3, 4))
    with pytest.raises(ValueError, match="shape"):
        assign_weights(large, {f"discriminator/{variable.path}": variable.numpy() for variable in small.variables})


@EACH_WAY
@pytest.mark.parametrize("classes", [0, 3])
def test_a_saved_generator_loads_with_plain_keras_and_draws_the_same(way, classes, tmp_path):
    model = randomised(build_generator((12, 8), 3, width=3, latent_dim=6, classes=classes, upsampling=way))
    run = Run(tmp_path)
    run.save_generator(model)
    loaded = keras.models.load_model(run.generator_file, safe_mode=True)
    inputs = [images(3, 6), np.eye(3, dtype=np.float32)] if classes else images(3, 6)
    np.testing.assert_array_equal(loaded(inputs, training=False), model(inputs, training=False))
    assert {type(layer).__module__.split(".")[0] for layer in loaded.layers} == {"keras"}


def test_the_options_offer_what_the_networks_can_build():
    hints = typing.get_type_hints(TrainConfig)
    assert typing.get_args(typing.get_args(hints["upsampling"])[0]) == tuple(UPSAMPLINGS)
    assert typing.get_args(hints["downsampling"]) == tuple(DOWNSAMPLINGS)


def test_an_unknown_way_is_refused_and_the_known_ones_named():
    with pytest.raises(UserError, match=r"upsampling 'magic'.*(\n.*)?transposed, nearest"):
        build_generator((8, 8), upsampling="magic")
    with pytest.raises(UserError, match=r"downsampling 'magic'.*(\n.*)?strided, maxpool"):
        build_discriminator((8, 8), downsampling="magic")


def pooled(x):
    """The largest of every 2 × 2 values."""
    result = np.zeros((len(x), x.shape[1] // 2, x.shape[2] // 2, x.shape[3]))
    for n, row, column, channel in np.ndindex(result.shape):
        result[n, row, column, channel] = x[n, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2, channel].max()
    return result


@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
def test_a_max_pooling_discriminator_equals_the_slow_one(kernel):
    model = randomised(build_discriminator((24, 16), 3, width=3, kernel=kernel, downsampling="maxpool"))
    x, weights = images(5, 24, 16, 3), weights_of(model)
    expected = x
    for stage in range(num_stages((24, 16))):
        expected = pooled(convolution(expected, weights[f"down_{stage}/kernel"]))
        if stage:
            gamma, beta = (weights[f"norm_{stage}/{name}"] for name in ("gamma", "beta"))
            expected = batch_norm(expected, gamma, beta)
        expected = np.where(expected > 0, expected, 0.2 * expected)
    expected = expected.reshape(5, -1) @ weights["logit/kernel"]
    np.testing.assert_allclose(model(x, training=True), expected, atol=1e-4)


@pytest.mark.parametrize("size", [28, 64, 224])
def test_a_max_pooling_discriminator_has_the_shapes_of_a_strided_one(size):
    strided, maxpool = (build_discriminator((size, size), 1, width=2, downsampling=way) for way in DOWNSAMPLINGS)
    leaky = [layer.name for layer in strided.layers if layer.name.startswith("leaky")]
    assert [maxpool.get_layer(name).output.shape for name in leaky] == [
        strided.get_layer(name).output.shape for name in leaky
    ]
    assert pooled_features(maxpool).output_shape == pooled_features(strided).output_shape


@pytest.mark.parametrize("classes", [0, 3])
def test_a_saved_max_pooling_discriminator_loads_with_plain_keras(classes, tmp_path):
    model = randomised(build_discriminator((12, 8), 3, width=3, classes=classes, downsampling="maxpool"))
    model.save(tmp_path / "d.keras")
    loaded = keras.models.load_model(tmp_path / "d.keras", safe_mode=True)
    inputs = [images(3, 12, 8, 3), np.eye(3, dtype=np.float32)] if classes else images(3, 12, 8, 3)
    np.testing.assert_array_equal(loaded(inputs, training=False), model(inputs, training=False))


@pytest.mark.parametrize("kernel", [4, 6])
@pytest.mark.parametrize("way", ["nearest", "unpool"])  # the transposed one has its own tests
def test_the_compiled_layers_compute_what_the_plain_ones_do(way, kernel):
    latents, x, sizes = images(4, 5), images(4, 16, 16, 1), {"image_size": (16, 16), "channels": 1, "kernel": kernel}
    plain, compiled = (
        (
            build_generator(width=64, latent_dim=5, layers=layers, upsampling=way, **sizes),
            build_discriminator(width=8, layers=layers, downsampling=(*DOWNSAMPLINGS,)[way == "unpool"], **sizes),
        )
        for layers in (TRAINING_LAYERS, CPU_LAYERS)
    )
    for ours, theirs, inputs in zip(plain, compiled, (latents, x), strict=True):
        results = []
        for network in (ours, theirs):
            with tf.GradientTape() as tape:
                outputs = network(inputs, training=True)
                loss = tf.reduce_sum(tf.sin(3 * outputs))
            results.append([outputs, *tape.gradient(loss, network.trainable_variables)])
        for own, fast in zip(*results, strict=True):
            np.testing.assert_allclose(fast, own, atol=1e-4 * max(1, np.abs(own).max()))


def config_of(folder, way, **options):
    small = {"latent_dim": 5, "generator_width": 4, "discriminator_width": 4, "batch_size": 4, "tensorboard": False}
    small["discriminator_hidden"] = 3
    downsampling = "maxpool" if way == "unpool" else "strided"
    return TrainConfig(run_dir=folder, upsampling=way, downsampling=downsampling, **small, **options)


PRECISIONS = {"nearest": "mixed_bfloat16", "bilinear": "mixed_float16"}
"""The others are trained in float32: a mixture of both spares half of the trainings."""


@pytest.mark.parametrize("way", [way for way in UPSAMPLINGS if way != "transposed"])  # the trainer's own tests have it
def test_a_training_takes_each_way(way, tmp_path):
    shares = (0.5, 0.5) if way in ("subpixel", "bilinear") else ()
    config = config_of(tmp_path, way, compile="none", precision=PRECISIONS.get(way, "float32"))
    trainer = Trainer(config, (8, 8), 1, shares=shares)
    before = trainer.state()
    pixels, labels = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype=np.uint8), np.arange(8) % 2
    metrics = trainer.update(trainer.feed(pixels, 1, labels), tf.constant(1))
    assert all(np.isfinite(value) for value in metrics.values())
    kernels = [name for name in before if name.endswith("kernel") and "optimizer" not in name]
    assert kernels
    assert not any(np.array_equal(before[name], trainer.state()[name]) for name in kernels)


@pytest.mark.parametrize("downsampling", DOWNSAMPLINGS)
def test_a_runs_discriminator_is_rebuilt_the_way_it_was_trained(downsampling, tmp_path):
    config, run = replace(config_of(tmp_path, "nearest"), downsampling=downsampling), Run(tmp_path)
    trainer = Trainer(config, (8, 8), 1)
    run.config_file.write_text(to_yaml(config))
    run.checkpoints.save(0, trainer.state(), keep=1)
    x = images(3, 8, 8, 1)
    loaded = load_discriminator(run, (8, 8), 1)
    np.testing.assert_allclose(loaded(x, training=False), trainer.discriminator(x, training=False), atol=1e-6)
    assert any(isinstance(layer, keras.layers.MaxPooling2D) for layer in loaded.layers) == (downsampling == "maxpool")


@pytest.mark.parametrize("way", ["transposed", "nearest"])
def test_the_raw_weights_of_a_run_draw_what_the_trained_network_does(way, tmp_path):
    config, run = config_of(tmp_path, way), Run(tmp_path)
    trainer = Trainer(config, (8, 8), 1)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype=np.uint8)
    trainer.update(trainer.feed(pixels, 2), tf.constant(2))
    run.config_file.write_text(to_yaml(config))
    run.save_generator(trainer.snapshot())
    run.checkpoints.save(2, trainer.state(), keep=1)
    expected = trainer.generator(images(3, 5), training=False)
    np.testing.assert_allclose(run.load_generator("raw")(images(3, 5), training=False), expected, atol=1e-5)
    assert not np.allclose(run.load_generator()(images(3, 5), training=False), expected, atol=1e-4)
