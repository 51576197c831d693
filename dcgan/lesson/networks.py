"""The trained networks and images of the lesson: `python -m dcgan.lesson.networks --steps 3000`.

They are small, are trained on the embedded digits, and are stored with the package in float16:

- a discriminator with max-pooling, whose switches the deconvnet needs;
- a fully convolutional network that labels the pixels of canvases with digits. The predictions of strides 32, 16 and 8
  share the trunk and the score layers, which are trained at once (Long, Shelhamer and Darrell 2015, section 4.2); all
  upsampling is bilinear and not trained;
- the filters of convolutional sparse coding;
- digits and a canvas that no network was trained on.
"""

import argparse
import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from dcgan.config import DataConfig, TrainConfig
from dcgan.core.image_range import to_float
from dcgan.core.streams import shows_progress
from dcgan.data import load
from dcgan.deconvolution import SparseCoding, bilinear_kernel, upsample
from dcgan.deconvolution.segmentation import Canvases, build_segmenter, build_trunk, split_digits
from dcgan.deconvolution.sparse_coding import update_filters
from dcgan.lesson.page import NETWORKS
from dcgan.networks import build_discriminator
from dcgan.training.trainer import Trainer

STRIDES = (32, 16, 8)
"""Strides of the label maps, coarsest first."""

CANVAS_SIZE = (128, 128)
"""Height and width of a canvas in pixels."""

FILTER_DIGITS = 200
"""Number of digits that the filters are learned from."""

NETWORKS_FILE = Path(__file__).parents[1] / "web" / NETWORKS


def main() -> None:
    """Train everything and write `NETWORKS_FILE`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000, help="training steps of each network")
    options = parser.parse_args()
    train, held_out = split_digits(load(DataConfig()))
    content = {
        "digits": _encode(_one_of_each(*held_out)),
        "canvas": _encode(Canvases(*held_out, size=CANVAS_SIZE, seed=1).make([4])[0][0]),
        "discriminator": _layers(train_discriminator(train[0], options.steps), "leaky_1"),
        "segmenter": _segmenter_layers(train_segmenter(Canvases(*train, size=CANVAS_SIZE), options.steps)),
        "filters": _array(learn_filters(train[0][:FILTER_DIGITS])),
    }
    NETWORKS_FILE.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{NETWORKS_FILE}: {NETWORKS_FILE.stat().st_size / 1e3:.0f} kB")


def train_discriminator(digits: np.ndarray, steps: int, width: int = 16) -> keras.Model:
    """Train a small DCGAN whose discriminator downsamples by max-pooling.

    Args:
        digits: uint8 (N, 28, 28, 1).
        steps: number of training steps.
        width: filters of the first layer of both networks.

    Returns:
        The discriminator.
    """
    config = TrainConfig(
        conditional=False,
        downsampling="maxpool",
        kernel=5,
        generator_width=width,
        discriminator_width=width,
        discriminator_hidden=0,
    ).resolve()
    trainer = Trainer(config, (28, 28), 1)
    metrics = trainer.train_steps(trainer.batches(digits, steps), tf.constant(steps))
    print(f"discriminator: D(x) {metrics['d_real']:.3f}, D(G(z)) {metrics['d_fake']:.3f}")
    return trainer.discriminator


def train_segmenter(canvases: Canvases, steps: int, width: int = 8, batch_size: int = 16) -> keras.Model:
    """Train the scores of all strides at once, on the sum of their cross-entropies per pixel.

    Args:
        canvases: training data.
        steps: number of training steps.
        width: filters of the trunk's first layer.
        batch_size: canvases per step.

    Returns:
        A model from images to a list of scores, one for each of `STRIDES`.
    """
    trunk = build_trunk(build_discriminator(canvases.size, 1, width=width))
    segmenter = build_segmenter(trunk, canvases.classes, STRIDES[-1])
    for layer in segmenter.layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):
            layer.trainable = False
    names = [f"score_{STRIDES[0]}", *(f"fuse_{stride}" for stride in STRIDES[1:])]
    model = keras.Model(segmenter.inputs, [segmenter.get_layer(name).output for name in names])
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, steps))  # pyright: ignore[reportArgumentType]
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(images: tf.Tensor, truth: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = to_pixels(model(images, training=True))
            loss = tf.add_n([tf.nn.sparse_softmax_cross_entropy_with_logits(truth, each) for each in logits])
            loss = tf.reduce_mean(loss)
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )
        return loss

    progress = tqdm(range(steps), "Training the segmenter", disable=not shows_progress())
    for number in progress:
        images, truth = canvases.make(range(number * batch_size, (number + 1) * batch_size))
        loss = step(to_float(images), tf.constant(truth, tf.int32))
        if number % 100 == 0:
            progress.set_postfix(loss=f"{loss.numpy():.3f}")
    return model


def to_pixels(scores: list[Any]) -> list[tf.Tensor]:
    """Upsample the scores of every stride to pixels, bilinearly.

    Args:
        scores: one tensor (N, h, w, classes) for each of `STRIDES`.

    Returns:
        Logits (N, H, W, classes).
    """
    return [
        upsample(each, bilinear_kernel(stride, each.shape[3]), stride)
        for each, stride in zip(scores, STRIDES, strict=True)
    ]


def learn_filters(digits: np.ndarray, filters: int = 16, side: int = 7, rounds: int = 60) -> np.ndarray:
    """Learn filters for sparse codes of digits, starting from patches of digits.

    Args:
        digits: uint8 (N, 28, 28, 1).
        filters: number of filters.
        side: height and width of a filter.
        rounds: alternations between filters and codes.

    Returns:
        float32 (side, side, 1, filters), those that are used most first.
    """
    images = digits.astype(np.float32) / 255
    patches = np.lib.stride_tricks.sliding_window_view(images[..., 0], (side, side), (1, 2)).reshape(-1, side, side)
    strokes = patches[patches[:, side // 2, side // 2] > 0.5]
    chosen = np.random.default_rng(0).choice(strokes, filters, replace=False)
    start = chosen.transpose(1, 2, 0)[:, :, None] / np.linalg.norm(chosen, axis=(1, 2))
    coding = SparseCoding(start, 1.0, images.shape[1:3])
    codes = coding.encode(images, 15)
    for weight in np.geomspace(1, 8, rounds):  # denser and denser codes
        coding = update_filters(replace(coding, weight=weight), images, codes)
        codes = coding.encode(images, 15, codes)
    return coding.filters[..., np.argsort(-np.abs(codes).sum(axis=(0, 1, 2)))]


def _layers(model: keras.Model, last: str) -> list[dict[str, Any]]:
    """Describe the layers of a discriminator or trunk, up to one of them."""
    described = []
    for layer in model.layers[1:]:
        described.append({"name": layer.name, **_describe(layer)})
        if layer.name == last:
            break
    return described


def _segmenter_layers(model: keras.Model) -> dict[str, Any]:
    """Describe the trunk and the score layers, which are 1×1 convolutions."""
    layers: list[Any] = model.layers[1:]
    scores = {layer.name.removeprefix("score_"): _describe(layer) for layer in layers if "score_" in layer.name}
    trunk = [layer for layer in layers if layer.name.startswith(("down_", "norm_", "leaky_"))]
    return {"trunk": [{"name": layer.name, **_describe(layer)} for layer in trunk], "scores": scores}


def _describe(layer: Any) -> dict[str, Any]:
    """A layer in the terms of `dcgan/web/lesson/network.js`."""
    if isinstance(layer, keras.layers.Conv2D):
        bias = {} if layer.bias is None else {"bias": _array(layer.bias)}
        return {"type": "convolution", "stride": layer.strides[0], "kernel": _array(layer.kernel), **bias}
    if isinstance(layer, keras.layers.BatchNormalization):
        gamma, beta, mean, variance = layer.get_weights()
        scale = gamma / np.sqrt(variance + layer.epsilon)
        return {"type": "norm", "scale": _array(scale), "shift": _array(beta - mean * scale)}
    if isinstance(layer, keras.layers.LeakyReLU):
        return {"type": "leaky", "slope": layer.negative_slope}
    if isinstance(layer, keras.layers.MaxPooling2D):
        return {"type": "pooling", "size": layer.pool_size[0]}
    raise TypeError(f"{layer.name} is a {type(layer).__name__}")


def _one_of_each(digits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The first digit of each class."""
    return np.stack([digits[labels == label][0] for label in range(10)])


def _array(values: Any) -> dict[str, Any]:
    """An array as its shape and float16 in base64."""
    array = np.asarray(values, "<f2")
    return {"shape": array.shape, "values": _encode(array)}


def _encode(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


if __name__ == "__main__":
    main()
