"""From units back to pixels, against TensorFlow's gradients and against loops in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.deconvolution import fully_convolutional
from dcgan.deconvolution.bn_statistics import recompute_bn_statistics
from dcgan.interpretation.deconvnet import RULES, record
from dcgan.interpretation.receptive_field import receptive_field
from dcgan.networks import build_discriminator
from dcgan.networks.submodel import convolution_stages, resolve_layer
from tests.support import slow_loops

layers = keras.layers


def with_variety(model, seed=1):
    """Weights of every sign and size, statistics that are not 0 and 1."""
    random = np.random.default_rng(seed)
    for variable in model.variables:
        values = random.standard_normal(variable.shape)
        variable.assign(np.abs(values) + 0.1 if "variance" in variable.path else values)
    return model


def noise(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def every_layer(slope=0.2):
    """12×10 pixels: strides, two paddings, kernels that are no squares, BatchNorm, pooling, a dense end."""
    return with_variety(
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
    return with_variety(build_discriminator((16, 16), 2, width=3, **options))


def pooling(**options):
    return strided(downsampling="maxpool", **options)


def other_forms():
    """Activations inside layers, pools that overlap, and what does nothing."""
    return with_variety(
        keras.Sequential(
            [
                keras.Input((13, 13, 2)),
                layers.Conv2D(4, 3, activation="leaky_relu", name="a"),
                layers.MaxPooling2D(3, strides=2, padding="same", name="b"),
                layers.Dropout(0.5, name="c"),
                layers.Conv2D(4, 2, activation=layers.LeakyReLU(0.3), name="d"),
                layers.Activation("relu", name="e"),
                layers.Flatten(name="f"),
                layers.Dense(5, activation="relu", name="g"),
                layers.Dense(2, activation="linear", name="h"),
            ]
        )
    )


def tape_gradient(model, x, name, signal):
    """The gradient of Σ signal · activations of a layer, as TensorFlow has it."""
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
        *[(every_layer, name) for name in "abcdefghi"],
        *[(other_forms, name) for name in "abdegh"],
        *[(strided, name) for name in ("leaky_0", "leaky_1", "logit")],
        *[(pooling, name) for name in ("down_1", "pool_1", "logit")],
        (lambda: strided(classes=3), "leaky_1"),
        *[(lambda: strided(hidden=4), name) for name in ("norm_hidden", "leaky_hidden", "logit")],
        (lambda: pooling(classes=3), "class_embedding"),
    ],
)
def test_the_gradient_rule_is_the_gradient(build, name):
    model = build()
    x = noise(3, *model.inputs[0].shape[1:])
    recording = record(model, x, name)
    signal = noise(*recording.activations.shape, seed=2)
    expected = tape_gradient(model, x, name, signal)
    assert np.abs(expected).max() > 0
    assert_close(recording.project(signal, "gradient"), expected)


def rectified_back(rule, signal, outputs, slope):
    """One number: what a rectifier of some slope does to the signal."""
    if rule != "deconvnet" and outputs <= 0:
        signal = signal * slope
    if rule != "gradient" and signal <= 0:
        signal = signal * slope
    return signal


def convolution_back(signal, kernel, shape, strides, padding):
    """signal (h, w, out), kernel (kh, kw, in, out) -> (H, W, in): every output is spread over what it has read."""
    tops = slow_loops.starts(shape[0], kernel.shape[0], strides[0], padding)
    lefts = slow_loops.starts(shape[1], kernel.shape[1], strides[1], padding)
    result = np.zeros(shape)
    for row, column, i, j in np.ndindex(len(tops), len(lefts), *kernel.shape[:2]):
        y, x = tops[row] + i, lefts[column] + j
        if 0 <= y < shape[0] and 0 <= x < shape[1]:
            for into in range(shape[2]):
                result[y, x, into] += sum(signal[row, column] * kernel[i, j, into])
    return result


def by_loops(model, x, signal, rule, slope):
    """`every_layer` forward and back for one image, in float64 and without TensorFlow."""
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
    back = np.vectorize(rectified_back)(rule, back, g, 0.0) * factor_f
    back = slow_loops.max_unpool(back, switches, (1, *d.shape))[0]
    back = convolution_back(back, weights["d"][0], c.shape, (1, 1), "valid")
    back = np.vectorize(rectified_back)(rule, back, c, slope) * factor
    return convolution_back(back, kernel, x.shape, (2, 2), "same")


@pytest.mark.parametrize("slope", [0.0, 0.2])
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_equals_loops_in_numpy(rule, slope):
    model = every_layer(slope)
    x, signal = noise(2, 12, 10, 2), noise(2, 3, seed=2)
    expected = np.stack([by_loops(model, *pair, rule, slope) for pair in zip(x, signal, strict=True)])
    assert np.abs(expected).max(axis=(1, 2, 3)).min() > 0
    assert_close(record(model, x, "i").project(signal, rule), expected)


def test_for_relu_the_rules_are_the_papers():
    """Rows: the activation is positive or not; columns: the signal is (Springenberg et al. 2015, figure 1)."""
    model = with_variety(keras.Sequential([keras.Input((1, 1, 4)), layers.ReLU(name="r")]))
    recording = record(model, np.array([3, 3, -3, -3], np.float32).reshape(1, 1, 1, 4), "r")
    signal = np.array([2, -2, 2, -2], np.float32).reshape(1, 1, 1, 4)
    kept = {rule: np.ravel(recording.project(signal, rule)).tolist() for rule in RULES}
    assert kept == {"gradient": [2, -2, 0, 0], "deconvnet": [2, 0, 2, 0], "guided": [2, 0, 0, 0]}


def two_projections(model, rule):
    """The same unit of the last map, back from two images; scaled to a largest value of 1."""
    recording = record(model, noise(2, 16, 16, 2), "leaky_1")
    both = np.asarray(recording.project(recording.units(4, [5, 5]), rule))
    return both / np.abs(both).max()


def test_without_pooling_the_deconvnet_draws_the_same_for_every_image_and_with_pooling_it_does_not():
    one, other = two_projections(strided(), "deconvnet")
    np.testing.assert_array_equal(one, other)
    one, other = two_projections(pooling(), "deconvnet")
    assert np.abs(one - other).max() > 0.1


@pytest.mark.parametrize("rule", ["gradient", "guided"])
@pytest.mark.parametrize("build", [strided, pooling])
def test_the_other_rules_draw_another_picture_for_another_image(build, rule):
    one, other = two_projections(build(), rule)
    assert np.abs(one - other).max() > 0.1


@pytest.mark.parametrize("rule", RULES)
def test_other_weights_draw_another_picture(rule):
    one, other = (
        two_projections(with_variety(build_discriminator((16, 16), 2, width=3), seed), rule)[0] for seed in (1, 2)
    )
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] < 0.5


def test_signals_begin_at_one_unit_or_at_a_map_as_it_is():
    recording = record(strided(), noise(2, 16, 16, 2), "leaky_1")
    activations = recording.activations.numpy()
    units = recording.units(4, [5, 14]).numpy()
    assert units.sum() == 2
    assert units[0, 1, 1, 4] == units[1, 3, 2, 4] == 1
    whole = recording.whole_map(4).numpy()
    np.testing.assert_array_equal(whole[..., 4], activations[..., 4])
    assert np.count_nonzero(whole) == np.count_nonzero(activations[..., 4])
    for number, place in enumerate(recording.strongest(4).numpy()):
        assert activations[number, place // 4, place % 4, 4] == activations[number, ..., 4].max()


def test_a_dense_layers_unit_is_a_map_of_one_place():
    recording = record(strided(classes=3), noise(2, 16, 16, 2), "class_embedding")
    np.testing.assert_array_equal(recording.units(1, [0, 0]), [[0, 1, 0], [0, 1, 0]])
    np.testing.assert_array_equal(recording.strongest(1), [0, 0])


@pytest.mark.parametrize(
    ("build", "size", "name"), [(strided, 16, "leaky_1"), (pooling, 16, "leaky_1"), (other_forms, 13, "d")]
)
def test_the_receptive_field_is_where_the_gradient_is_not_0(build, size, name):
    model = build()
    recording = record(model, noise(80, size, size, 2), name)
    side = recording.activations.shape[2]
    for place in (0, side + 1, side * side - 1):
        slopes = np.abs(recording.project(recording.units(2, [place] * 80), "gradient")).sum(axis=(0, 3))
        for axis, span in enumerate(receptive_field(recording, place)):
            read = np.flatnonzero(slopes.sum(axis=1 - axis))
            assert (read[0], read[-1]) == (max(span.start, 0), min(span.stop, size) - 1)


def test_a_dense_layer_sees_the_whole_image():
    recording = record(strided(), noise(1, 16, 16, 2), "logit")
    assert receptive_field(recording, 0) == (range(16), range(16))


def test_a_fully_convolutional_network_is_taken_back_from_a_larger_image():
    model = strided()
    recording = record(fully_convolutional(model), noise(1, 24, 16, 2), "leaky_1")
    assert recording.activations.shape == (1, 6, 4, 6)
    signal = noise(1, 6, 4, 6, seed=2)
    with tf.GradientTape() as tape:
        x = values = tf.constant(noise(1, 24, 16, 2))
        tape.watch(x)
        for name in ("down_0", "leaky_0", "down_1", "norm_1", "leaky_1"):
            values = model.get_layer(name)(values, training=False)
        total = tf.reduce_sum(values * signal)
    assert_close(recording.project(signal, "gradient"), tape.gradient(total, x).numpy())


def test_a_network_normalises_the_images_its_statistics_were_taken_of():
    model = strided()
    images = np.random.default_rng(0).integers(0, 256, (50, 16, 16, 2), dtype=np.uint8)
    recompute_bn_statistics(model, images)
    x = to_float(images)
    norm = model.get_layer("norm_1")
    outputs = (record(model, x, "norm_1").activations - norm.beta) / norm.gamma
    np.testing.assert_allclose(np.mean(outputs, axis=(0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(np.std(outputs, axis=(0, 1, 2)), 1, atol=1e-4)


@pytest.mark.parametrize("classes", [0, 3])
def test_a_stage_ends_before_the_next_convolution(classes):
    assert convolution_stages(strided(classes=classes)) == ["leaky_0", "leaky_1"]
    assert convolution_stages(pooling(classes=classes)) == ["leaky_0", "leaky_1"]
    assert convolution_stages(other_forms()) == ["c", "e"]


def test_a_layer_has_a_name_or_a_stages_number():
    model = strided()
    assert [resolve_layer(model, text) for text in (None, "0", "1", "down_1")] == [
        "leaky_1",
        "leaky_0",
        "leaky_1",
        "down_1",
    ]
    with pytest.raises(UserError, match=r"no convolution stage 2[\s\S]*0 to 1"):
        resolve_layer(model, "2")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("leaky_2", r"no layer 'leaky_2'[\s\S]*down_0, leaky_0"),
        ("conditional_logit", "several inputs"),
        ("class", "does not lead"),
        ("image", "does not lead"),
    ],
)
def test_a_layer_that_is_not_on_the_images_way_says_so(name, problem):
    with pytest.raises(UserError, match=problem):
        record(strided(classes=3), noise(1, 16, 16, 2), name)


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
def test_what_has_no_way_back_is_refused(layer):
    model = keras.Sequential([keras.Input((8, 8, 2)), layer])
    with pytest.raises(UserError, match=layer.name):
        record(model, noise(1, 8, 8, 2), layer.name)


def test_a_wrong_rule_and_a_wrong_signal_are_refused():
    recording = record(strided(), noise(1, 16, 16, 2), "leaky_1")
    with pytest.raises(UserError, match=r"'grad'[\s\S]*gradient, deconvnet, guided"):
        recording.project(recording.units(0, [0]), "grad")
    with pytest.raises(UserError, match="shape"):
        recording.project(recording.units(0, [0])[..., :3], "gradient")
