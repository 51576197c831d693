"""Semantic segmentation: canvases, the initial network, training and evaluation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.data.image_dataset import dataset_from_arrays
from dcgan.deconvolution import recompute_bn_statistics
from dcgan.deconvolution.segmentation import (
    Canvases,
    build_segmenter,
    build_trunk,
    colorize_labels,
    comparison_grid,
    confusion,
    copy_shared_weights,
    mean_iou,
    measure,
    segment,
    split_digits,
    train_ladder,
    train_segmenter,
    trunk_strides,
)
from dcgan.networks import build_discriminator
from dcgan.networks.fast.layers import CPU_LAYERS

BAR, RING = 1, 2


def shapes(count=6):
    """Shapes of 8×8 pixels: bars (class 0) and rings (class 1) in several gray values, all above the threshold."""
    bar, ring = np.zeros((8, 8, 1), np.uint8), np.zeros((8, 8, 1), np.uint8)
    bar[1:7, 3:5], ring[1:7, 1:7], ring[3:5, 3:5] = 1, 1, 0
    grays = np.linspace(180, 255, count).astype(np.uint8)
    images = np.stack([(bar, ring)[index % 2] * gray for index, gray in enumerate(grays)])
    return images, np.arange(count) % 2


def canvases(seed=0, size=(32, 32), **options):
    return Canvases(*shapes(), size, **{"count": (1, 2), "sides": (10, 16), "seed": seed, **options})


def discriminator(size=(32, 32), **options):
    return build_discriminator(size, 1, width=4, **options)


def test_the_mean_iou_equals_that_of_sets_of_pixels():
    random = np.random.default_rng(0)
    truth, predicted = random.integers(0, 4, (2, 5, 7, 6))
    truth[truth == 3] = 0  # label 3 is predicted but never true; label 4 is neither
    ratios = []
    for label in range(4):
        true = {pixel for pixel in np.ndindex(truth.shape) if truth[pixel] == label}
        found = {pixel for pixel in np.ndindex(truth.shape) if predicted[pixel] == label}
        ratios.append(len(true & found) / len(true | found))
    assert ratios[3] == 0
    np.testing.assert_allclose(mean_iou(confusion(truth, predicted, 5)), np.mean(ratios), rtol=1e-12)


def test_a_confusion_table_counts_pixels_by_true_and_predicted_label_and_tables_add_up():
    truth, predicted = np.array([[0, 0, 1], [2, 2, 2]]), np.array([[0, 1, 1], [2, 0, 2]])
    table = confusion(truth, predicted, 3)
    np.testing.assert_array_equal(table, [[1, 1, 0], [0, 1, 0], [1, 0, 2]])
    np.testing.assert_array_equal(
        confusion(truth[:1], predicted[:1], 3) + confusion(truth[1:], predicted[1:], 3), table
    )
    assert mean_iou(confusion(truth, truth, 3)) == 1
    assert np.isnan(mean_iou(np.zeros((3, 3), np.int64)))


def test_canvas_n_depends_on_the_seed_and_n_alone():
    images, truth = canvases().make(range(6))
    again, truth_again = canvases().make([4, 1])
    np.testing.assert_array_equal(again, images[[4, 1]])
    np.testing.assert_array_equal(truth_again, truth[[4, 1]])
    assert len({image.tobytes() for image in images}) == 6
    assert np.any(canvases(seed=1).make(range(6))[0] != images)


def test_pixels_above_the_threshold_have_the_label_of_their_shape_and_others_the_background():
    images, truth = canvases().make(range(20))
    np.testing.assert_array_equal(truth > 0, images[..., 0] >= 128)
    assert set(np.unique(truth)) == {0, BAR, RING}
    single, labels_of_single = canvases(count=(1, 1)).make(range(20))
    for image, labels in zip(single, labels_of_single, strict=True):
        foreground = image[..., 0] > 0
        rows, columns = np.flatnonzero(foreground.any(axis=1)), np.flatnonzero(foreground.any(axis=0))
        assert 10 <= len(rows) <= 16  # the longer side
        label = RING if len(columns) > len(rows) / 2 else BAR
        assert set(np.unique(labels)) == {0, label}


def test_shapes_have_several_sizes_and_positions_and_do_not_overlap():
    images, _ = canvases(count=(1, 1)).make(range(30))
    tops = [np.flatnonzero(image.any(axis=(1, 2)))[[0, -1]] for image in images]
    assert len({int(low - high) for high, low in tops}) > 3
    assert len({int(high) for high, _ in tops}) > 8
    single, double = (canvases(count=(n, n), sides=(8, 8)).make(range(10))[1] for n in (1, 2))
    assert (double > 0).sum(axis=(1, 2)).min() >= 2 * (single > 0).sum(axis=(1, 2)).min()


def test_training_and_held_out_digits_are_disjoint_and_complete():
    digits, labels = shapes(10)
    (train, train_labels), (test, test_labels) = split_digits(
        dataset_from_arrays("synthetic", digits, labels, ("bar", "ring")), 4
    )
    assert (len(train), len(test)) == (6, 4)
    np.testing.assert_array_equal(np.concatenate([train, test]), digits)
    np.testing.assert_array_equal(np.concatenate([train_labels, test_labels]), labels)


@pytest.mark.parametrize("options", [{}, {"classes": 3}, {"downsampling": "maxpool", "kernel": 3}], ids=str)
def test_a_trunk_computes_the_discriminators_maps_for_images_of_any_size_with_weights_of_its_own(options):
    model = discriminator(**options)
    trunk, image = build_trunk(model), to_float(canvases().make([0])[0])
    leaky = keras.Model(model.inputs[0], [model.get_layer(f"leaky_{stage}").output for stage in range(3)])
    for result, expected in zip(trunk(image), leaky(image), strict=True):
        np.testing.assert_allclose(result, expected, atol=1e-6)
    assert [maps.shape[1:3] for maps in trunk(tf.zeros((1, 64, 40, 1)))] == [(32, 20), (16, 10), (8, 5)]
    assert not {id(variable) for variable in trunk.variables} & {id(variable) for variable in model.variables}


def test_a_segmenter_of_every_stride_of_the_trunk_labels_every_pixel():
    trunk = build_trunk(discriminator((64, 64)))
    assert trunk_strides(trunk) == [16, 8, 4, 2]
    for count, stride in enumerate(trunk_strides(trunk), 1):
        model = build_segmenter(trunk, 3, stride)
        names = {layer.name for layer in model.layers}
        assert len([name for name in names if name.startswith("score_")]) == count
        assert {name for name in names if name.startswith("fuse_")} == {f"fuse_{s}" for s in (8, 4, 2)[: count - 1]}
        assert model(tf.zeros((2, 32, 48, 1))).shape == (2, 32, 48, 3)


def with_random_scores(model):
    for index, layer in enumerate(layer for layer in model.layers if layer.name.startswith("score_")):
        kernel, bias = layer.get_weights()
        random = np.random.default_rng(index)
        layer.set_weights([random.standard_normal(kernel.shape), random.standard_normal(bias.shape)])
    return model


@pytest.mark.parametrize("stride", [8, 4, 2])
def test_an_untrained_segmenter_upsamples_its_scores_like_bilinear_resizing_in_the_interior(stride):
    trunk = build_trunk(discriminator())
    model, image = with_random_scores(build_segmenter(trunk, 3, stride)), to_float(canvases(size=(96, 96)).make([2])[0])
    scores = {}
    for step, maps in zip((2, 4, 8), trunk(image), strict=True):
        if step >= stride:
            kernel, bias = model.get_layer(f"score_{step}").get_weights()
            scores[step] = np.asarray(maps) @ kernel[0, 0] + bias
    expected = scores.pop(8)
    for fused in (scores[step] for step in sorted(scores, reverse=True)):
        expected = np.asarray(tf.image.resize(expected, fused.shape[1:3])) + fused
    expected, inside = np.asarray(tf.image.resize(expected, (96, 96))), np.s_[:, 16:-16, 16:-16]
    assert np.ptp(expected[inside]) > 0.1
    np.testing.assert_allclose(np.asarray(model(image))[inside], expected[inside], atol=1e-4)


def test_a_finer_segmenter_initially_predicts_nearly_what_the_coarser_one_does():
    """Its new score layer is 0, and upsampling twice is nearly the same as upsampling once."""
    image = to_float(canvases(size=(64, 64)).make([2])[0])
    coarse = with_random_scores(build_segmenter(build_trunk(discriminator()), 3, 8))
    fine = build_segmenter(build_trunk(discriminator(seed=1)), 3, 4)
    copy_shared_weights(fine, coarse)
    before, after = np.asarray(coarse(image))[:, 12:-12, 12:-12], np.asarray(fine(image))[:, 12:-12, 12:-12]
    assert np.abs(after - before).max() < 0.2 * np.ptp(before)
    fine.get_layer("score_8").bias.assign_add([1, 0, 0])
    assert np.abs(np.asarray(coarse(image))[:, 12:-12, 12:-12] - before).max() == 0


def test_a_short_training_improves_the_mean_iou_on_held_out_canvases():
    model, held_out = build_segmenter(build_trunk(discriminator((16, 16))), 3, 2), canvases(seed=1)
    start = measure(model, held_out, 12)
    losses = train_segmenter(model, canvases(), steps=40, batch_size=4, learning_rate=0.02)
    assert measure(model, held_out, 12) > start + 0.1
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


def test_each_stride_continues_from_the_coarser_one_and_the_discriminator_is_not_changed():
    model, test = discriminator((16, 16)), canvases(seed=1)
    weights = model.get_weights()
    steps = train_ladder(model, canvases(), test, (4, 2), steps=2, test_canvases=3, batch_size=2)
    assert [(step.stride, step.steps) for step in steps] == [(4, 2), (2, 4)]
    for step in steps:
        assert step.mean_iou == measure(step.model, test, 3)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    for name in ("down_1", "score_4"):
        first, second = (step.model.get_layer(name).kernel.numpy() for step in steps)
        assert np.any(first != second)


def test_a_frozen_trunk_keeps_its_weights_and_trainings_are_reproducible():
    model = discriminator((16, 16))
    first, second = (
        train_ladder(model, canvases(), canvases(seed=1), (4,), steps=2, frozen=True, test_canvases=3, batch_size=2)
        for _ in range(2)
    )
    trained = first[0].model
    np.testing.assert_array_equal(trained.get_layer("down_1").kernel, model.get_layer("down_1").kernel)
    assert np.any(trained.get_layer("norm_1").moving_mean != model.get_layer("norm_1").moving_mean)
    assert np.any(trained.get_layer("score_4").kernel != 0)
    for one, other in zip(trained.get_weights(), second[0].model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_recomputed_bn_statistics_are_those_of_the_canvases_in_every_layer_and_weights_do_not_change():
    trunk, images = build_trunk(discriminator()), canvases().make(range(8))[0]
    weights = [weight.numpy() for weight in trunk.trainable_variables]
    recompute_bn_statistics(trunk, images)
    for norm in ("norm_1", "norm_2"):
        layer = trunk.get_layer(norm)
        inputs = np.asarray(keras.Model(trunk.inputs, layer.input)(to_float(images)))
        np.testing.assert_allclose(layer.moving_mean, inputs.mean(axis=(0, 1, 2)), atol=1e-5)
        np.testing.assert_allclose(layer.moving_variance, inputs.var(axis=(0, 1, 2)), rtol=1e-3)
        assert layer.momentum == 0.9
    for before, after in zip(weights, trunk.trainable_variables, strict=True):
        np.testing.assert_array_equal(before, after)


def test_images_of_any_size_are_segmented():
    model = with_random_scores(build_segmenter(build_trunk(discriminator()), 3, 4))
    images = canvases(size=(48, 40)).make(range(3))[0]
    labels = segment(model, images)
    assert labels.shape == (3, 48, 40)
    np.testing.assert_array_equal(labels, np.argmax(model(to_float(images)), axis=-1))
    padded = np.pad(images[:, :45, :33], ((0, 0), (0, 3), (0, 7), (0, 0)))
    np.testing.assert_array_equal(segment(model, images[:, :45, :33]), segment(model, padded)[:, :45, :33])


def test_a_saved_and_loaded_segmenter_predicts_the_same(tmp_path):
    model = with_random_scores(build_segmenter(build_trunk(discriminator()), 3, 4))
    model.save(tmp_path / "segmenter.keras")
    images = canvases().make([0])[0]
    loaded = keras.models.load_model(tmp_path / "segmenter.keras")
    np.testing.assert_array_equal(segment(loaded, images), segment(model, images))


def test_a_segmenter_from_a_discriminator_of_cpu_layers_loads_with_plain_keras(tmp_path):
    trained = discriminator(layers=CPU_LAYERS)
    assert "dcgan" in {type(layer).__module__.split(".")[0] for layer in trained.layers}
    trunk, image = build_trunk(trained), to_float(canvases().make([0])[0])
    for maps, expected in zip(trunk(image), build_trunk(discriminator())(image), strict=True):
        np.testing.assert_allclose(maps, expected, atol=1e-6)
    build_segmenter(trunk, 3, 4).save(tmp_path / "segmenter.keras")
    loaded = keras.models.load_model(tmp_path / "segmenter.keras", safe_mode=True)
    assert {type(layer).__module__.split(".")[0] for layer in loaded.layers} == {"keras"}


def test_labels_have_different_colors_and_the_background_is_black():
    colored = colorize_labels(np.arange(11).reshape(1, 11))
    assert colored.shape == (1, 11, 3)
    assert not colored[0, 0].any()
    assert len({tuple(color) for color in colored[0]}) == 11


def test_a_comparison_grid_has_one_row_per_canvas_and_one_column_per_labeling():
    images, truth = canvases().make(range(3))
    grid = comparison_grid(images, [truth, truth])
    assert grid.shape == (3 * 34 + 2, 3 * 34 + 2, 3)
    np.testing.assert_array_equal(grid[2:34, 2:34], images[0].repeat(3, axis=-1))
    np.testing.assert_array_equal(grid[36:68, 70:102], colorize_labels(truth[1]))


def without_stages():
    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])


def with_stride_3():
    return keras.Sequential([keras.Input((9, 9, 1)), keras.layers.Conv2D(2, 3, 3), keras.layers.Flatten()])


@pytest.mark.parametrize(
    "call",
    [
        lambda: Canvases(*shapes(), (32, 32), (0, 1)),
        lambda: Canvases(*shapes(), (32, 32), (1, 2), (10, 40)),
        lambda: Canvases(*shapes(), (32, 32), (1, 2), (12, 10)),
        lambda: Canvases(shapes()[0], np.zeros(2)),
        lambda: Canvases(np.zeros((0, 8, 8, 1)), np.zeros(0)),
        lambda: split_digits(dataset_from_arrays("synthetic", shapes()[0], None, ())),
        lambda: split_digits(dataset_from_arrays("synthetic", *shapes(), ("bar", "ring")), 6),
        lambda: confusion(np.zeros((2, 2)), np.zeros((2, 3)), 2),
        lambda: confusion(np.zeros(2), np.full(2, 2), 2),
        lambda: build_trunk(without_stages()),
        lambda: build_trunk(with_stride_3()),
        lambda: build_segmenter(build_trunk(discriminator()), 3, 16),
        lambda: train_ladder(discriminator(), canvases(), canvases(), (4, 8)),
    ],
)
def test_invalid_canvases_labels_and_models_raise_an_error(call):
    with pytest.raises(UserError):
        call()
