"""Projections from units to pixels, against TensorFlow's gradients and loops in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.deconvolution import fully_convolutional
from dcgan.deconvolution.fcn import recompute_bn_statistics
from dcgan.interpretation import receptive_field, record_forward
from dcgan.interpretation.deconvnet import RULES
from dcgan.networks import build_discriminator
from tests.support import slow_loops
from tests.support.small_chains import chain_with_activations

layers = keras.layers


def randomize_weights(model, seed=1):
    """Assign weights of every sign and size, and statistics other than 0 and 1."""
    random = np.random.default_rng(seed)
    for variable in model.variables:
        values = random.standard_normal(variable.shape)
        variable.assign(np.abs(values) + 0.1 if "variance" in variable.path else values)
    return model


def noise(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def all_layers(slope=0.2):
    """12×10 pixels: strides, both paddings, rectangular kernels, BatchNorm, pooling, a dense layer at the end."""
    return randomize_weights(
        keras.Sequential(
            [
                keras.Input((12, 10, 2)),
                layers.Conv2D(3, (3, 4), strides=2, padding="same", name="a"),
                layers.BatchNormalization(name="b"),
                layers.LeakyReLU(slope, name="c"),
                layers.Conv2D(4, (3, 2), padding="valid", use_bias=False, name="d"),
                layers.MaxPooling2D(2, name="e"),
                layers.BatchNormalization(scale=False, name="f"),
                layers.ReLU(name="g"),
                layers.Flatten(name="h"),
                layers.Dense(3, name="i"),
            ]
        )
    )


def strided(**options):
    return randomize_weights(build_discriminator((16, 16), 2, width=3, **options))


def pooling(**options):
    return strided(downsampling="maxpool", **options)


def other_layers():
    return randomize_weights(chain_with_activations())


def tape_gradient(model, x, name, signal):
    """The gradient of Σ signal · activations of a layer, as TensorFlow computes it."""
    to_layer = keras.Model(model.inputs[0], model.get_layer(name).output)
    with tf.GradientTape() as tape:
        x = tf.constant(x)
        tape.watch(x)
        total = tf.reduce_sum(to_layer(x, training=False) * signal)
    return tape.gradient(total, x).numpy()


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("build", "name"),
    [
        *[(all_layers, name) for name in "abcdefghi"],
        *[(other_layers, name) for name in "abdegh"],
        *[(strided, name) for name in ("leaky_0", "leaky_1", "logit")],
        *[(pooling, name) for name in ("down_1", "pool_1", "logit")],
        (lambda: strided(classes=3), "leaky_1"),
        *[(lambda: strided(hidden=4), name) for name in ("norm_hidden", "leaky_hidden", "logit")],
        (lambda: pooling(classes=3), "class_embedding"),
    ],
)
def test_the_gradient_rule_computes_the_gradient(build, name):
    model = build()
    x = noise(3, *model.inputs[0].shape[1:])
    record = record_forward(model, x, name)
    signal = noise(*record.activations.shape, seed=2)
    expected = tape_gradient(model, x, name, signal)
    assert np.abs(expected).max() > 0
    assert_close(record.project(signal, "gradient"), expected)


def rectifier_backward(rule, signal, outputs, slope):
    """The signal, one number, after the rectifier of a unit."""
    if rule != "deconvnet" and outputs <= 0:
        signal = signal * slope
    if rule != "gradient" and signal <= 0:
        signal = signal * slope
    return signal


def convolution_backward(signal, kernel, shape, strides, padding):
    """signal (h, w, out), kernel (kh, kw, in, out) -> (H, W, in): every output is added to the inputs it depends on."""
    tops = slow_loops.starts(shape[0], kernel.shape[0], strides[0], padding)
    lefts = slow_loops.starts(shape[1], kernel.shape[1], strides[1], padding)
    result = np.zeros(shape)
    for row, column, i, j in np.ndindex(len(tops), len(lefts), *kernel.shape[:2]):
        y, x = tops[row] + i, lefts[column] + j
        if 0 <= y < shape[0] and 0 <= x < shape[1]:
            for channel in range(shape[2]):
                result[y, x, channel] += sum(signal[row, column] * kernel[i, j, channel])
    return result


def projection_by_loops(model, x, signal, rule, slope):
    """`all_layers` forward and backward for one image, in float64 and without TensorFlow."""
    weights = {layer.name: [np.asarray(v, np.float64) for v in layer.get_weights()] for layer in model.layers}
    x = x.astype(np.float64)
    kernel, bias = weights["a"]
    gamma, beta, mean, variance = weights["b"]
    factor = gamma / np.sqrt(variance + 1e-3)
    c = (slow_loops.convolution(x, kernel, (2, 2), "same") + bias - mean) * factor + beta
    c = np.where(c > 0, c, slope * c)
    d = slow_loops.convolution(c, weights["d"][0], (1, 1), "valid")
    e, switches = slow_loops.max_pool(d[None], (2, 2), "valid")
    shift, mean_f, variance_f = weights["f"]
    factor_f = 1 / np.sqrt(variance_f + 1e-3)
    g = np.maximum((e - mean_f) * factor_f + shift, 0)

    back = np.array([sum(row * signal) for row in weights["i"][0]]).reshape(g.shape)
    back = np.vectorize(rectifier_backward)(rule, back, g, 0.0) * factor_f
    back = slow_loops.max_unpool(back, switches, (1, *d.shape))[0]
    back = convolution_backward(back, weights["d"][0], c.shape, (1, 1), "valid")
    back = np.vectorize(rectifier_backward)(rule, back, c, slope) * factor
    return convolution_backward(back, kernel, x.shape, (2, 2), "same")


@pytest.mark.parametrize("slope", [0.0, 0.2])
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_equals_loops_in_numpy(rule, slope):
    model = all_layers(slope)
    x, signal = noise(2, 12, 10, 2), noise(2, 3, seed=2)
    expected = np.stack([projection_by_loops(model, *pair, rule, slope) for pair in zip(x, signal, strict=True)])
    assert np.abs(expected).max(axis=(1, 2, 3)).min() > 0
    assert_close(record_forward(model, x, "i").project(signal, rule), expected)


def test_for_relu_the_rules_are_those_of_the_papers():
    """Rows: the activation is positive or not; columns: the signal is (Springenberg et al. 2015, figure 1)."""
    model = randomize_weights(keras.Sequential([keras.Input((1, 1, 4)), layers.ReLU(name="r")]))
    record = record_forward(model, np.array([3, 3, -3, -3], np.float32).reshape(1, 1, 1, 4), "r")
    signal = np.array([2, -2, 2, -2], np.float32).reshape(1, 1, 1, 4)
    kept = {rule: np.ravel(record.project(signal, rule)).tolist() for rule in RULES}
    assert kept == {"gradient": [2, -2, 0, 0], "deconvnet": [2, 0, 2, 0], "guided": [2, 0, 0, 0]}


def two_projections(model, rule):
    """Projections of the same unit of the last layer for two images, scaled to a maximum of 1."""
    record = record_forward(model, noise(2, 16, 16, 2), "leaky_1")
    both = np.asarray(record.project(record.unit_signal(4, [5, 5]), rule))
    return both / np.abs(both).max()


def test_the_deconvnet_projection_depends_on_the_image_only_with_max_pooling():
    first, second = two_projections(strided(), "deconvnet")
    np.testing.assert_array_equal(first, second)
    first, second = two_projections(pooling(), "deconvnet")
    assert np.abs(first - second).max() > 0.1


@pytest.mark.parametrize("rule", ["gradient", "guided"])
@pytest.mark.parametrize("build", [strided, pooling])
def test_the_projections_of_the_other_rules_depend_on_the_image(build, rule):
    first, second = two_projections(build(), rule)
    assert np.abs(first - second).max() > 0.1


@pytest.mark.parametrize("rule", RULES)
def test_projections_depend_on_the_weights(rule):
    first, second = (
        two_projections(randomize_weights(build_discriminator((16, 16), 2, width=3), seed), rule)[0] for seed in (1, 2)
    )
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.5


def test_a_signal_starts_at_one_unit_or_at_a_whole_feature_map():
    record = record_forward(strided(), noise(2, 16, 16, 2), "leaky_1")
    activations = record.activations.numpy()
    units = record.unit_signal(4, [5, 14]).numpy()
    assert units.sum() == 2
    assert units[0, 1, 1, 4] == units[1, 3, 2, 4] == 1
    whole = record.map_signal(4).numpy()
    np.testing.assert_array_equal(whole[..., 4], activations[..., 4])
    assert np.count_nonzero(whole) == np.count_nonzero(activations[..., 4])
    for number, position in enumerate(record.argmax(4).numpy()):
        assert activations[number, position // 4, position % 4, 4] == activations[number, ..., 4].max()


def test_a_unit_of_a_dense_layer_is_a_feature_map_with_one_position():
    record = record_forward(strided(classes=3), noise(2, 16, 16, 2), "class_embedding")
    np.testing.assert_array_equal(record.unit_signal(1, [0, 0]), [[0, 1, 0], [0, 1, 0]])
    np.testing.assert_array_equal(record.argmax(1), [0, 0])


@pytest.mark.parametrize(
    ("build", "size", "name"), [(strided, 16, "leaky_1"), (pooling, 16, "leaky_1"), (other_layers, 13, "d")]
)
def test_the_receptive_field_is_where_the_gradient_is_nonzero(build, size, name):
    model = build()
    record = record_forward(model, noise(80, size, size, 2), name)
    side = record.activations.shape[2]
    for position in (0, side + 1, side * side - 1):
        signal = record.unit_signal(2, [position] * 80)
        gradients = np.abs(record.project(signal, "gradient")).sum(axis=(0, 3))
        for axis, span in enumerate(receptive_field(record, position)):
            nonzero = np.flatnonzero(gradients.sum(axis=1 - axis))
            assert (nonzero[0], nonzero[-1]) == (max(span.start, 0), min(span.stop, size) - 1)


def test_a_dense_layer_depends_on_the_whole_image():
    record = record_forward(strided(), noise(1, 16, 16, 2), "logit")
    assert receptive_field(record, 0) == (range(16), range(16))


def test_a_fully_convolutional_network_is_projected_to_a_larger_image():
    model = strided()
    record = record_forward(fully_convolutional(model), noise(1, 24, 16, 2), "leaky_1")
    assert record.activations.shape == (1, 6, 4, 6)
    signal = noise(1, 6, 4, 6, seed=2)
    with tf.GradientTape() as tape:
        x = values = tf.constant(noise(1, 24, 16, 2))
        tape.watch(x)
        for name in ("down_0", "leaky_0", "down_1", "norm_1", "leaky_1"):
            values = model.get_layer(name)(values, training=False)
        total = tf.reduce_sum(values * signal)
    assert_close(record.project(signal, "gradient"), tape.gradient(total, x).numpy())


def test_recomputed_statistics_normalize_the_images_they_were_computed_from():
    model = strided()
    images = np.random.default_rng(0).integers(0, 256, (50, 16, 16, 2), dtype=np.uint8)
    recompute_bn_statistics(model, images)
    x = to_float(images)
    norm = model.get_layer("norm_1")
    outputs = (record_forward(model, x, "norm_1").activations - norm.beta) / norm.gamma
    np.testing.assert_allclose(np.mean(outputs, axis=(0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(np.std(outputs, axis=(0, 1, 2)), 1, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("leaky_2", r"no layer 'leaky_2'[\s\S]*down_0, leaky_0"),
        ("conditional_logit", "several inputs"),
        ("class", "does not depend"),
        ("image", "does not depend"),
    ],
)
def test_a_layer_that_does_not_depend_on_the_image_alone_is_refused(name, problem):
    with pytest.raises(UserError, match=problem):
        record_forward(strided(classes=3), noise(1, 16, 16, 2), name)


@pytest.mark.parametrize(
    "layer",
    [
        layers.AveragePooling2D(2),
        layers.Conv2D(2, 3, activation="tanh"),
        layers.Conv2D(2, 3, dilation_rate=2),
        layers.Conv2D(2, 3, groups=2),
        layers.ReLU(max_value=6),
        layers.BatchNormalization(axis=1),
    ],
)
def test_an_unsupported_layer_is_refused(layer):
    model = keras.Sequential([keras.Input((8, 8, 2)), layer])
    with pytest.raises(UserError, match=layer.name):
        record_forward(model, noise(1, 8, 8, 2), layer.name)


def test_an_unknown_rule_and_a_signal_of_another_shape_are_refused():
    record = record_forward(strided(), noise(1, 16, 16, 2), "leaky_1")
    with pytest.raises(UserError, match=r"'grad'[\s\S]*gradient, deconvnet, guided"):
        record.project(record.unit_signal(0, [0]), "grad")
    with pytest.raises(UserError, match="shape"):
        record.project(record.unit_signal(0, [0])[..., :3], "gradient")
