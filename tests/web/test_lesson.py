"""The lesson on the transposed convolution in a real browser: its numbers are TensorFlow's."""

import base64
import itertools
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.browser import call
from dcgan.cli import main
from dcgan.deconvolution import (
    SparseCoding,
    bilinear_kernel,
    checkerboard_energy,
    max_pool_with_switches,
    max_unpool,
    nearest_kernel,
    unsample,
    upsample,
    zero_insertion_kernel,
)
from dcgan.interpretation import record_forward
from dcgan.lesson.page import NETWORKS, lesson_page
from dcgan.web import read_web_file

pytestmark = pytest.mark.slow
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def lesson_file(tmp_path_factory):
    out = tmp_path_factory.mktemp("lesson") / "lesson.html"
    assert main.main(["lesson", "--out", str(out)]) == 0
    return out


READY = """
const done = arguments[0];
const wait = () => document.documentElement.dataset.ready ? done() : setTimeout(wait, 20);
wait();
"""


def open_lesson(browser, file):
    browser.get(file.as_uri())
    browser.execute_async_script(READY)


@pytest.fixture
def lesson(browser, lesson_file):
    """Chromium with the lesson open; afterwards, nothing is in its console and nothing was loaded."""
    browser.get_log("browser")
    open_lesson(browser, lesson_file)
    yield browser
    assert browser.get_log("browser") == []
    assert browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)") == []


@pytest.fixture(scope="module")
def content():
    return json.loads(read_web_file(NETWORKS))


def array(stored):
    return np.frombuffer(base64.b64decode(stored["values"]), "<f2").astype(np.float32).reshape(stored["shape"])


def digits_of(content):
    return np.frombuffer(base64.b64decode(content["digits"]), np.uint8).reshape(10, 28, 28, 1).astype(np.float32) / 255


def assert_near(found, expected):
    """Compare numbers; the tolerance is relative to the largest of them."""
    found, expected = np.ravel(np.asarray(found, np.float64)), np.ravel(np.asarray(expected, np.float64))
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= TOLERANCE * max(1.0, np.abs(expected).max())


def square(values):
    side = round(len(values) ** 0.5)
    return np.reshape(np.float32(values), (1, side, side, 1))


def test_convolutions_and_their_transposes_are_those_of_tensorflow(lesson):
    random = np.random.default_rng(0)
    cases = []
    for size, kernel, stride in itertools.product(range(2, 9), range(1, 6), range(1, 4)):
        for padding in ["valid", "same", *range(1, kernel)]:
            if kernel <= size:
                x, w = random.standard_normal((size, size)), random.standard_normal((kernel, kernel))
                cases.append({"size": size, "kernel": kernel, "stride": stride, "padding": padding})
                cases[-1] |= {"x": x.ravel().tolist(), "w": w.ravel().tolist()}
    assert len(cases) > 300
    for case in cases:
        x, w = tf.constant(square(case["x"])), tf.reshape(square(case["w"]), (case["kernel"], case["kernel"], 1, 1))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = convolve(x, w, case["stride"], case["padding"])
        case["y"] = random.standard_normal(np.prod(y.shape)).tolist()
        case["expected"] = np.ravel(y), np.ravel(tape.gradient(y, x, tf.reshape(case["y"], y.shape)))
        if isinstance(case["padding"], str):
            arguments = tf.reshape(case["y"], y.shape), w, x.shape, case["stride"], case["padding"].upper()
            assert_near(case["expected"][1], tf.nn.conv2d_transpose(*arguments))
    results = lesson.execute_script(
        "return arguments[0].map(c => { const operator = new lesson.Convolution(c);"
        "  const rows = operator.matrix(c.w);"
        "  return [operator.forward(c.x, c.w), operator.transposed(c.y, c.w),"
        "          rows.map(row => row.reduce((sum, value, index) => sum + value * c.x[index], 0))]; });",
        [{key: value for key, value in case.items() if key != "expected"} for case in cases],
    )
    for case, (forward, transposed, product) in zip(cases, results, strict=True):
        assert_near(forward, case["expected"][0])
        assert_near(transposed, case["expected"][1])
        assert_near(product, case["expected"][0])


def convolve(x, w, stride, padding):
    if isinstance(padding, int):
        x, padding = tf.pad(x, [(0, 0), (padding, padding), (padding, padding), (0, 0)]), "valid"
    return tf.nn.conv2d(x, w, stride, padding.upper())


def test_methods_of_upsampling_are_those_of_tensorflow(lesson):
    random = np.random.default_rng(1)
    x = random.standard_normal((1, 6, 6, 1)).astype(np.float32)
    script = "const [name, ...rest] = arguments; return lesson[name](...rest)"
    for factor, kernel in [(2, 2), (2, 3), (2, 4), (2, 5), (3, 3), (3, 4), (3, 5)]:
        w = random.standard_normal((kernel, kernel, 1, 1)).astype(np.float32)
        expected = upsample(x, w, factor)
        for name in ("upsample", "insertZerosAndConvolve", "convolveAndInterleave"):
            assert_near(lesson.execute_script(script, name, x.ravel().tolist(), w.ravel().tolist(), factor), expected)
        assert_near(lesson.execute_script(script, "repeat", x.ravel().tolist(), factor), unsample(x, factor))
        inserted = upsample(x, zero_insertion_kernel(factor, 1), factor)
        assert_near(lesson.execute_script(script, "insertZeros", x.ravel().tolist(), factor), inserted)
        wider = lesson.execute_script(script, "afterRepeat", w.ravel().tolist(), factor)
        wider = np.reshape(np.float32(wider), (kernel + factor - 1, kernel + factor - 1, 1, 1))
        assert_near(upsample(x, wider, factor), upsample(unsample(x, factor), w, 1))
        blocks = random.standard_normal((1, 4, 4, factor**2)).astype(np.float32)
        images = [blocks[..., channel].ravel().tolist() for channel in range(factor**2)]
        assert_near(lesson.execute_script(script, "interleave", images, factor), tf.nn.depth_to_space(blocks, factor))
    kernels = lesson.execute_script("return lesson.KERNELS")
    functions = {"zero insertion": zero_insertion_kernel, "nearest": nearest_kernel, "bilinear": bilinear_kernel}
    for name, function in functions.items():
        found = upsample(x, np.reshape(np.float32(kernels[name]), (4, 4, 1, 1)), 2)
        assert_near(found, upsample(x, function(2, 1), 2))


def test_pooling_and_unpooling_are_those_of_tensorflow(lesson, content):
    digit = digits_of(content)[:1]
    pooled, switches = max_pool_with_switches(digit, 2)
    found, image = lesson.execute_script(
        "const found = lesson.maxPool(lesson.digits[0], 2);"
        "return [found, lesson.maxUnpool(found.pooled, found.switches, 28)]"
    )
    assert found["switches"] == np.ravel(switches).tolist()
    assert_near(found["pooled"], pooled)
    assert_near(image, max_unpool(pooled, switches, (28, 28)))


def test_the_checkerboard_is_measured_as_evaluate_does(lesson):
    for kernel, stride, resized in [(3, 2, False), (4, 2, False), (5, 3, False), (8, 4, False), (4, 2, True)]:
        image, energy, counts = lesson.execute_script(
            "const [kernel, stride, resized] = arguments;"
            "const image = lesson.randomLayer(kernel, stride, 3, resized);"
            "const energy = lesson.checkerboardEnergy(lesson.spectrum(image), stride);"
            "return [image, energy, lesson.overlaps(kernel, stride)]",
            kernel,
            stride,
            resized,
        )
        assert energy == pytest.approx(checkerboard_energy(square(image), stride), abs=TOLERANCE)
        ones = np.ones((1, 24 // stride, 24 // stride, 1), np.float32)
        assert_near(counts, upsample(ones, np.ones((kernel, kernel, 1, 1), np.float32), stride))


def test_gradients_are_those_of_tensorflow(lesson):
    random = np.random.default_rng(2)
    z, target, w = (random.standard_normal(size).astype(np.float32) for size in (9, 49, 9))
    found = lesson.execute_script(
        "const [z, target, w] = arguments;"
        "const operator = new lesson.Convolution({size: 7, kernel: 3, stride: 2, padding: 'valid'});"
        "return lesson.backpropagate(operator, w, z, target)",
        *(values.tolist() for values in (z, target, w)),
    )
    with tf.GradientTape() as tape:
        inputs = tf.constant(z.reshape(1, 3, 3, 1))
        tape.watch(inputs)
        image = tf.nn.conv2d_transpose(inputs, w.reshape(3, 3, 1, 1), (1, 7, 7, 1), 2, "VALID")
        loss = tf.reduce_sum(tf.square(image - target.reshape(image.shape))) / 2
    assert_near(found["image"], image)
    assert_near(found["loss"], loss)
    assert_near(found["gradient"], tape.gradient(loss, inputs))


def build(layers, x):
    """The layers of the stored description in Keras; return the outputs by name."""
    outputs = {}
    for stored in layers:
        if stored["type"] == "convolution":
            kernel = array(stored["kernel"])
            layer = keras.layers.Conv2D(
                kernel.shape[3],
                kernel.shape[0],
                stored["stride"],
                "same",
                use_bias="bias" in stored,
                name=stored["name"],
            )
            x = layer(x)
            layer.set_weights([kernel, array(stored["bias"])] if "bias" in stored else [kernel])
        if stored["type"] == "norm":
            layer = keras.layers.BatchNormalization(epsilon=1e-7, name=stored["name"])
            x = layer(x)
            scale, shift = array(stored["scale"]), array(stored["shift"])
            layer.set_weights([scale, shift, np.zeros_like(scale), np.full_like(scale, 1 - 1e-7)])
        if stored["type"] == "leaky":
            x = keras.layers.LeakyReLU(stored["slope"], name=stored["name"])(x)
        if stored["type"] == "pooling":
            x = keras.layers.MaxPooling2D(stored["size"], name=stored["name"])(x)
        outputs[stored["name"]] = x
    return outputs


def test_projections_are_those_of_the_deconvnet(lesson, content):
    image = keras.Input((28, 28, 1))
    model = keras.Model(image, build(content["discriminator"], image)["leaky_1"])
    for digit, (layer, channel) in itertools.product([3, 8], [("leaky_0", 2), ("leaky_1", 5), ("leaky_1", 20)]):
        record = record_forward(model, 2 * digits_of(content)[digit : digit + 1] - 1, layer)
        signal = record.unit_signal(channel, record.argmax(channel))
        for rule in ("gradient", "deconvnet", "guided"):
            map_, projection = lesson.execute_script(
                "const [digit, layer, channel, rule] = arguments;"
                "const outputs = lesson.discriminator.forward(lesson.digits[digit].map(value => 2 * value - 1));"
                "const signal = lesson.unitSignal(outputs[layer], channel);"
                "return [Array.from(outputs[layer].values),"
                "        Array.from(lesson.discriminator.project(signal, layer, rule))]",
                digit,
                layer,
                channel,
                rule,
            )
            assert_near(map_, record.activations)
            expected = np.asarray(record.project(signal, rule))
            assert np.abs(expected).max() > 0
            assert_near(projection, expected)


def test_label_maps_are_those_of_keras(lesson, content):
    scene = np.frombuffer(base64.b64decode(content["canvas"]), np.uint8).reshape(1, 128, 128, 1) / np.float32(127.5) - 1
    image = keras.Input((128, 128, 1))
    outputs = build(content["segmenter"]["trunk"], image)
    scores, logits = None, []
    for stride, trunk in (("32", "leaky_4"), ("16", "leaky_3"), ("8", "leaky_2")):
        stored = content["segmenter"]["scores"][stride]
        score = build([{"name": f"score_{stride}", **stored}], outputs[trunk])[f"score_{stride}"]
        scores = score if scores is None else score + keras.ops.convert_to_tensor(doubled(scores))
        logits.append(scores)
    model = keras.Model(image, logits)
    found = lesson.execute_script(
        "const scores = lesson.segmenter.forward(arguments[0]);"
        "return ['32', '16', '8'].map(s => [scores[s], lesson.upsampleMap(scores[s], Number(s))]"
        "  .map(map => Array.from(map.values)))",
        scene.ravel().tolist(),
    )
    for (scores, pixels), expected, stride in zip(found, model(scene), (32, 16, 8), strict=True):
        assert_near(scores, expected)
        assert_near(pixels, upsample(expected, bilinear_kernel(stride, 11), stride))


def doubled(scores):
    layer = keras.layers.Conv2DTranspose(11, 4, 2, "same", use_bias=False)
    result = layer(scores)
    layer.set_weights([bilinear_kernel(2, 11)])
    return result


def test_sparse_codes_are_those_of_the_library(lesson, content):
    coding = SparseCoding(array(content["filters"]), 4.0, (28, 28))
    digit = digits_of(content)[2:3]
    bound, code, objective = lesson.execute_script(
        "const search = new lesson.Search(lesson.coding, lesson.digits[2], 4);"
        "for (let step = 0; step < 40; step++) search.step();"
        "const objective = lesson.coding.objective(lesson.digits[2], search.code, 4);"
        "return [lesson.coding.bound, Array.from(search.code), objective]"
    )
    expected = np.asarray(coding.encode(digit, 40))[0].transpose(2, 0, 1)  # one map after the other
    assert bound == pytest.approx(coding.norm_bound(), rel=TOLERANCE)
    assert 20 < np.count_nonzero(expected) < 2000
    assert_near(code, expected)
    assert objective == pytest.approx(coding.objective(digit, np.asarray(coding.encode(digit, 40))), rel=TOLERANCE)


def test_pointing_at_an_output_shows_its_sum(lesson):
    text, marked, transposed, stamp = lesson.execute_script(
        "const $ = id => document.getElementById(id);"
        "const point = (id, at) => $(id).children[at].dispatchEvent(new PointerEvent('pointerover', {bubbles: true}));"
        "point('a-y', 3); const text = $('a-formula').textContent;"
        "const marked = [...$('a-x').children].flatMap((cell, at) => cell.classList.contains('marked') ? [at] : []);"
        "point('a-large', 5); const transposed = $('a-stamp').textContent;"
        "point('a-small', 1);"
        "const stamp = [...$('a-large').children].flatMap((c, at) => c.classList.contains('marked') ? [at] : []);"
        "return [text, marked, transposed, stamp];"
    )
    x, w = np.arange(16) * 7 % 5, np.arange(1, 10)
    window = [5, 6, 7, 9, 10, 11, 13, 14, 15]
    terms = " + ".join(f"{x[at]}·{weight}" for at, weight in zip(window, w, strict=True))
    assert text == f"y₄ = {terms} = {np.dot(x[window], w)}"
    assert marked == window
    assert transposed == "(Cᵀy)₆ = 1·5 + 2·4 + 3·2 + 1·1 = 20, 4 overlapping copies"
    assert stamp == [1, 2, 3, 5, 6, 7, 9, 10, 11]


CONTROLS = """
async () => {
  const errors = [];
  window.addEventListener("error", (event) => errors.push(event.message));
  for (const slider of document.querySelectorAll("input[type=range]")) {
    const [min, max] = [Number(slider.min), Number(slider.max)];
    for (let part = 0; part <= 24; part++) {
      slider.value = min + ((max - min) * (part <= 12 ? part : 24 - part)) / 12;
      slider.dispatchEvent(new Event("input"));
    }
  }
  for (const button of document.querySelectorAll("button")) button.click();
  for (const box of document.querySelectorAll("input[type=checkbox]")) box.click();
  for (const cell of document.querySelectorAll(".cells > input")) {
    for (const value of ["", "-", "1e3", "2.5"]) {
      cell.value = value;
      cell.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  const wrong = /NaN|undefined|Infinity/;
  const texts = [...document.querySelectorAll("main *")].map(({ textContent }) => textContent);
  return [...errors, ...texts.filter((text) => wrong.test(text))];
}
"""
"""Moves each slider through its values and back, presses each button, and returns errors and texts without a number."""


def test_every_control_can_be_used(each_browser, lesson_file):
    open_lesson(each_browser, lesson_file)
    assert call(each_browser, CONTROLS) == []


@pytest.mark.parametrize("width", [375, 1600])
def test_nothing_is_wider_than_the_window(lesson, width):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    lesson.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    overflow = lesson.execute_script(
        "for (const slider of document.querySelectorAll('#a-controls input')) {"
        "  slider.value = slider.max; slider.dispatchEvent(new Event('input')); }"
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    lesson.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert overflow == 0


def test_the_page_in_the_documentation_is_the_one_that_the_command_writes():
    page = Path(__file__).parents[2] / "docs" / "transposed-convolution.html"
    assert page.read_text(encoding="utf-8") == lesson_page(), "write it again: python -m dcgan lesson --out …"
