"""`dcgan export --format html` in a real browser, without a network."""

import base64
import functools
import io
import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import benchmarks.browser
from benchmarks.browser import call
from benchmarks.web_projection import page_errors
from dcgan import runs
from dcgan.config import ExportConfig, GenerateConfig
from dcgan.export import export
from dcgan.runs.directions import save_direction
from dcgan.sampling import generate, latents
from tests.support.small_generators import CLASSES, new_small_generator, run_with_generator

webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")
pytestmark = pytest.mark.slow
HELD_OUT = Path(__file__).parent / "held_out_digits.npz"
"""Five test images of MNIST, which the pretrained generator was not trained on, and their errors after `dcgan project`
with its default settings: the first ones of `python -m benchmarks.web_projection --run-dir checkpoints/mnist`."""
SEEDS = [*range(12), 1000, 2**53 - 1]


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """A function that exports a run as a page, once, and returns the run's directory and the page."""

    @functools.cache
    def page(name):
        folder = tmp_path_factory.mktemp("pages")
        run_dir = Path(name)
        if name == "not square":
            run_dir = run_with_generator(new_small_generator(CLASSES), folder / "run").path
        if name == "hostile names":
            run = run_with_generator(new_small_generator(CLASSES), folder / "<img src=x onerror=window.hostile=1>")
            text = run.classes_file.read_text().replace('"bee"', '"<img src=x onerror=window.hostile=1>"')
            run.classes_file.write_text(text.partition(', "checksum"')[0] + "}")
            run_dir = run.path
        if name in UPSAMPLING:
            run_dir = run_with_generator(new_small_generator(upsampling=name, kernel=5), folder / "run").path
        return run_dir, export(ExportConfig(run_dir=run_dir, format="html", out=folder / "page.html"))

    return page


UPSAMPLING = "nearest", "subpixel", "unpool"


def open_page(browser, path):
    """Open a page and wait for its self-check; return what it found."""
    benchmarks.browser.console(browser)
    found = benchmarks.browser.open_page(browser, path)
    assert benchmarks.browser.console(browser) == []
    assert browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)") == []
    return found


def images_of(browser, seeds, label=None):
    """Generate images in the page: uint8 (N, H, W, C)."""
    images = browser.execute_async_script(
        "const [seeds, label, done] = arguments;"
        "Promise.all(seeds.map(seed => window.dcgan.generate(seed, label)))"
        ".then(images => done(images.map(image => ({...image, data: Array.from(image.data)}))));",
        seeds,
        label,
    )
    return np.array([np.reshape(i["data"], (i["height"], i["width"], i["channels"])) for i in images])


@pytest.mark.parametrize("name", ["mnist", "emoji", "not square", *UPSAMPLING])
def test_a_page_generates_the_images_of_generate_py(each_browser, pages, name, tmp_path):
    run_dir, page = pages(name)
    found = open_page(each_browser, page)
    assert found["selfCheck"] == "passed"
    assert 0 <= float(found["maxDifference"]) <= 3
    seeds = ",".join(map(str, SEEDS))
    generate(GenerateConfig(run_dir=run_dir, seeds=seeds, out=tmp_path / "images.npz"))
    with np.load(tmp_path / "images.npz") as file:
        expected = file["images"].astype(int)
    difference = np.abs(images_of(each_browser, SEEDS) - expected)
    assert expected.std() > 20
    assert difference.mean() < 1
    assert difference.max() < 3


def test_a_class_can_be_chosen(browser, pages, tmp_path):
    run_dir, page = pages("not square")
    open_page(browser, page)
    generate(GenerateConfig(run_dir=run_dir, seeds="0-3", class_label="2", out=tmp_path / "images.npz"))
    with np.load(tmp_path / "images.npz") as file:
        expected = file["images"].astype(int)
    assert np.abs(images_of(browser, list(range(4)), 2) - expected).max() < 3
    assert np.abs(images_of(browser, list(range(4)), 1) - expected).max() > 20


def test_a_page_with_changed_weights_says_so(browser, pages, tmp_path):
    text = pages("not square")[1].read_text()
    start = text.index('id="weights">') + len('id="weights">')
    (tmp_path / "changed.html").write_text(text[:start] + "PPPP" + text[start + 4 :])
    assert open_page(browser, tmp_path / "changed.html")["selfCheck"] == "failed"


def test_names_are_text(browser, pages):
    assert open_page(browser, pages("hostile names")[1])["selfCheck"] == "passed"
    assert browser.execute_script("return window.hostile") is None
    assert browser.execute_script("return document.querySelectorAll('img').length") == 0
    buttons = browser.execute_script("return [...document.querySelectorAll('#classes button')].map(b => b.textContent)")
    assert buttons == ["each seed's", "ant", "<img src=x onerror=window.hostile=1>", "cat"]


def test_the_page_of_the_pretrained_digits_is_small(pages):
    assert pages("mnist")[1].stat().st_size < 3e6


@pytest.mark.parametrize(("name", "count"), [("browser", 5), ("firefox", 2)])
def test_held_out_digits_are_found_as_well_as_by_dcgan_project(request, pages, name, count):
    browser = request.getfixturevalue(name)
    open_page(browser, pages("mnist")[1])
    with np.load(HELD_OUT) as file:
        images, expected = file["images"][:count], file["errors"][:count]
    ratios = page_errors(browser, images, evaluations=500) / expected
    assert ratios.mean() < 1.2


def test_a_generated_digit_is_found_exactly(browser, pages):
    open_page(browser, pages("mnist")[1])
    image = images_of(browser, [1234], 3)
    assert page_errors(browser, image, evaluations=500, labels=[3], starts=4) < 1e-3


GRADIENT = """
const [seed, target, done] = arguments;
Promise.all(["model", "project"].map(name => import(`dcgan/${name}.js`))).then(([{ decodeBase64, Model }, project]) => {
  const text = id => document.getElementById(id).textContent;
  const model = new Model(JSON.parse(text("content")), decodeBase64(text("weights").trim()));
  const { latent, classInput } = model.point(seed);
  const { value } = project.squaredError(model.generator, target, latent, classInput);
  const image = model.generator.forward(latent, classInput);
  const gradients = model.generator.backward(image.map((pixel, index) => 2 * (pixel - target[index]) / target.length));
  done([value, ...Object.values(gradients).map(values => Array.from(values))]);
});
"""


def tensorflow_gradients(path, latent, class_input, target):
    """Return the mean squared error of the generator of a page in TensorFlow, and its gradients."""
    page = path.read_text()
    content, encoded = (re.search(f'id="{name}">([^<]*)<', page)[1] for name in ("content", "weights"))
    content, numbers = json.loads(content), np.frombuffer(base64.b64decode(encoded), "<f2").astype(np.float32)
    parts = np.split(numbers, np.cumsum([size for _, size in content["weights"]])[:-1])
    weights = {name: part for (name, _), part in zip(content["weights"], parts, strict=True)}
    sizes, inputs = content["sizes"], [tf.constant(latent[None]), tf.constant(class_input[None])]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        projections = (weights[name].reshape(x.shape[1], -1) for name, x in zip(PROJECTIONS, inputs, strict=True))
        x = sum(map(tf.matmul, inputs, projections)) + weights["project_bias"]
        for stage, kernel in enumerate(sizes["kernels"]):
            x, output_shape = tf.reshape(x, (1, *sizes["maps"][stage])), (1, *sizes["maps"][stage + 1])
            filters = weights[f"up_{stage}"].reshape(kernel, kernel, output_shape[3], x.shape[3])
            x = tf.nn.conv2d_transpose(tf.nn.relu(x), filters, output_shape, 2, "SAME") + weights[f"bias_{stage}"]
        error = tf.reduce_mean(tf.square(tf.tanh(x) - target))
    return error, *map(np.ravel, tape.gradient(error, inputs))


PROJECTIONS = "project", "project_class"


@pytest.mark.parametrize("name", ["mnist", "not square"])
def test_the_backward_pass_of_a_page_is_that_of_tensorflow(browser, pages, name):
    run_dir, page = pages(name)
    open_page(browser, page)
    classes, seed = runs.find_run(run_dir).classes(), 5
    sizes = browser.execute_script("return JSON.parse(document.getElementById('content').textContent).sizes")
    class_input = classes.one_hot([classes.input_for(seed, int(classes.labels_for([seed])[0]))])[0]
    target = np.random.default_rng(0).uniform(-1, 1, sizes["maps"][-1]).astype(np.float32)
    expected = tensorflow_gradients(page, latents([seed], sizes["latent"])[0], class_input, target)
    found = browser.execute_async_script(GRADIENT, seed, target.ravel().tolist())
    for values, exact in zip(found, expected, strict=True):
        np.testing.assert_allclose(values, exact, rtol=1e-3, atol=1e-4 * np.abs(exact).max())


def test_every_part_can_be_used(each_browser, pages):
    open_page(each_browser, pages("emoji")[1])
    steps = """
        const $ = id => document.getElementById(id);
        const pixels = id => $(id).toDataURL();
        const changes = {};
        const check = (name, id, act) => { const before = pixels(id); act(); changes[name] = pixels(id) !== before; };
        check("tile", "image", () => $("grid").children[5].click());
        const slider = $("directions").querySelector("input");
        check("slider", "image", () => { slider.value = 3; slider.dispatchEvent(new Event("input")); });
        check("reset", "image", () => $("reset").click());
        check("walk", "walk", () => { $("position").value = 0.7; $("position").dispatchEvent(new Event("input")); });
        check("arithmetic", "sum", () => { $("term-1").click(); $("grid").children[9].click(); });
        return changes;
    """
    assert set(each_browser.execute_script(steps).values()) == {True}


def test_a_page_works_in_the_frame_of_a_notebook(each_browser, pages, tmp_path):
    """Jupyter serves a page with the sandbox that `allow-scripts` alone describes."""
    page = pages("mnist")[1].resolve().as_uri()
    (tmp_path / "notebook.html").write_text(f'<iframe sandbox="allow-scripts" src="{page}"></iframe>')
    each_browser.get((tmp_path / "notebook.html").as_uri())
    each_browser.switch_to.frame(0)
    assert each_browser.execute_async_script(benchmarks.browser.READY)["selfCheck"] == "passed"
    each_browser.switch_to.default_content()


def test_labelled_directions_come_first(browser, tmp_path):
    run = run_with_generator(new_small_generator(CLASSES), tmp_path / "run")
    save_direction(run, "slant-means", "slant", np.arange(5.0))
    open_page(browser, export(ExportConfig(run_dir=run.path, format="html", out=tmp_path / "page.html")))
    names = browser.execute_script(
        "return [...document.querySelectorAll('#directions label')].map(label => label.textContent.trim())"
    )
    assert names == ["slant", *(f"direction {number}" for number in range(1, 6))]


DRAW = """
async (...lines) => {
  const canvas = document.getElementById("drawing");
  const box = canvas.getBoundingClientRect();
  canvas.setPointerCapture = () => {};
  const point = (type, [x, y], buttons) => canvas.dispatchEvent(new PointerEvent(type, {
    pointerId: 1, buttons, clientX: box.left + x * box.width, clientY: box.top + y * box.height }));
  for (const line of lines) {
    point("pointerdown", line[0], 1);
    for (const place of line.slice(1)) point("pointermove", place, 1);
    point("pointerup", line.at(-1), 0);
  }
}
"""
STATE = """
async (milliseconds) => {
  await new Promise(resolve => setTimeout(resolve, milliseconds));
  const [drawing, found] = ["drawing", "found"].map(id => document.getElementById(id).toDataURL());
  return { drawing, found, error: document.getElementById("error").textContent };
}
"""


def test_a_drawing_restarts_the_search_and_clearing_it_ends_the_search(each_browser, pages):
    open_page(each_browser, pages("mnist")[1])
    empty = call(each_browser, STATE, 0)
    assert empty["error"] == ""
    call(each_browser, DRAW, [[0.5, 0.2], [0.5, 0.8]])
    one = wait_for(each_browser, lambda state: state["error"])
    assert one["drawing"] != empty["drawing"]
    assert one["found"] != empty["found"]
    call(each_browser, DRAW, [[0.3, 0.3], [0.7, 0.3], [0.3, 0.7]])
    call(each_browser, "async () => document.getElementById('clear').click()")
    assert call(each_browser, STATE, 500) == empty


def wait_for(browser, condition):
    """Wait until the state of the search meets a condition; return the state."""
    for _ in range(100):
        if condition(state := call(browser, STATE, 100)):
            return state
    raise AssertionError(state)


DROP = """
async (name, type, base64) => {
  const files = new DataTransfer();
  files.items.add(new File([Uint8Array.from(atob(base64), byte => byte.charCodeAt(0))], name, { type }));
  document.getElementById("drawing").dispatchEvent(
    new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
}
"""
PIXELS = """
async () => {
  const { read } = await import("dcgan/canvas.js");
  const image = read(document.getElementById("drawing"), { width: 28, height: 28, channels: 1 });
  return Array.from(image, value => Math.round((value + 1) * 127.5));
}
"""


def as_png(image):
    """Encode an image in base64."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_an_image_file_replaces_the_drawing_and_what_is_transparent_becomes_white(each_browser, pages):
    open_page(each_browser, pages("mnist")[1])
    with np.load(HELD_OUT) as file:
        digit = file["images"][0, :, :, 0]
    call(each_browser, DRAW, [[0.1, 0.1], [0.9, 0.9]])
    call(each_browser, DROP, "digit.png", "image/png", as_png(digit))
    wait_for(each_browser, lambda state: state["error"])
    np.testing.assert_allclose(call(each_browser, PIXELS), digit.ravel(), atol=1)
    transparent = np.zeros((28, 28, 4), np.uint8)
    transparent[:14] = 255
    transparent[7:14, ..., :3] = 0
    call(each_browser, DROP, "transparent.png", "image/png", as_png(transparent))
    wait_for(each_browser, lambda state: call(each_browser, PIXELS)[-1] == 255)
    expected = np.where((np.arange(28) // 7 == 1)[:, None], 0, np.full((28, 28), 255))
    np.testing.assert_array_equal(call(each_browser, PIXELS), expected.ravel())


def test_a_file_that_is_no_image_is_named(each_browser, pages):
    open_page(each_browser, pages("mnist")[1])
    call(each_browser, DROP, "notes.txt", "text/plain", base64.b64encode(b"no image").decode())
    state = wait_for(each_browser, lambda state: state["error"])
    assert state["error"] == "notes.txt is not an image that this browser can read."


def test_a_download_is_a_png_of_the_size_of_the_image(browser, pages, tmp_path):
    open_page(browser, pages("emoji")[1])
    behavior = {"behavior": "allow", "downloadPath": str(tmp_path), "eventsEnabled": False}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", behavior)
    call(browser, "async () => { document.getElementById('grid').children[3].click(); }")
    call(browser, "async () => document.getElementById('download').click()")
    path = tmp_path / "emoji-seed-3.png"
    for _ in range(100):
        if path.exists():
            break
        time.sleep(0.1)
    with Image.open(path) as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), images_of(browser, [3])[0])


def test_every_control_can_be_reached_with_the_keyboard(each_browser, pages):
    open_page(each_browser, pages("emoji")[1])
    focused = "return document.activeElement.id || document.activeElement.title || document.activeElement.max"
    controls = "return document.querySelectorAll('button:not([tabindex=\"-1\"]), input').length"
    count = each_browser.execute_script(controls)
    reached = [(press(each_browser, webdriver.Keys.TAB), each_browser.execute_script(focused))[1] for _ in range(count)]
    fixed = {"previous", "first", "next", "reset", "download", "from", "to", "position", "play", "search", "clear"}
    assert fixed | {"term-0", "term-1", "term-2", "pen", "color", "file"} <= set(reached)
    assert reached.count("4") == 8  # the sliders of the directions
    tiles = [name for name in reached if name.startswith("seed ")]
    assert len(tiles) == 1
    each_browser.execute_script("document.getElementById('grid').children[0].focus()")
    names = []
    for key in (
        webdriver.Keys.ARROW_RIGHT,
        webdriver.Keys.ARROW_DOWN,
        webdriver.Keys.ARROW_LEFT,
        webdriver.Keys.ARROW_UP,
        webdriver.Keys.END,
        webdriver.Keys.HOME,
    ):
        press(each_browser, key)
        names.append(int(each_browser.execute_script(focused).split()[1].rstrip(",")))
    assert names == [1, 9, 8, 0, 63, 0]
    press(each_browser, webdriver.Keys.ARROW_DOWN)
    press(each_browser, webdriver.Keys.ENTER)
    assert each_browser.execute_script("return document.getElementById('image-name').textContent").startswith("seed 8")


def press(browser, key):
    """Press a key."""
    webdriver.ActionChains(browser).send_keys(key).perform()


@pytest.mark.parametrize("width", [375, 1600])
def test_nothing_is_wider_than_the_window(each_browser, pages, tmp_path, width):
    page = pages("mnist")[1].resolve().as_uri()
    (tmp_path / "frame.html").write_text(f'<iframe width="{width}" height="900" src="{page}"></iframe>')
    each_browser.get((tmp_path / "frame.html").as_uri())
    each_browser.switch_to.frame(0)
    each_browser.execute_async_script(benchmarks.browser.READY)
    inner, scrolled = each_browser.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
    each_browser.switch_to.default_content()
    assert inner == width
    assert scrolled <= width


def test_using_every_control_writes_nothing_to_the_console(each_browser, pages):
    open_page(each_browser, pages("emoji")[1])
    use = """
        async () => {
          for (const button of document.querySelectorAll("button:not(#download)")) button.click();
          for (const input of document.querySelectorAll("input:is([type=range], [type=number])")) {
            input.value = input.max || "5";
            for (const type of ["input", "change"]) input.dispatchEvent(new Event(type, { bubbles: true }));
          }
          await new Promise(resolve => setTimeout(resolve, 300));
        }
    """
    call(each_browser, use)
    each_browser.execute_script("document.getElementById('clear').click()")
    assert benchmarks.browser.console(each_browser) == []


def test_a_target_of_another_size_is_refused(browser, pages):
    open_page(browser, pages("mnist")[1])
    error = call(browser, "async () => window.dcgan.project(new Float32Array(3))")
    assert error == "RangeError: The target has 3 numbers instead of 784."
