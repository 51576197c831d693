"""`dcgan export --format html` in a real browser, without a network."""

import functools
from pathlib import Path

import numpy as np
import pytest

from dcgan.config import ExportConfig, GenerateConfig
from dcgan.export import export
from dcgan.sampling import generate
from tests.support.small_generators import CLASSES, new_small_generator, run_with_generator

pytestmark = pytest.mark.slow
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
    browser.get_log("browser")
    browser.get(path.resolve().as_uri())
    found = browser.execute_async_script(
        "const done = arguments[0], data = document.documentElement.dataset;"
        "const wait = () => data.selfCheck ? done({...data}) : setTimeout(wait, 20); wait();"
    )
    assert browser.get_log("browser") == []
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
def test_a_page_generates_the_images_of_generate_py(browser, pages, name, tmp_path):
    run_dir, page = pages(name)
    found = open_page(browser, page)
    assert found["selfCheck"] == "passed"
    assert 0 <= float(found["maxDifference"]) <= 3
    seeds = ",".join(map(str, SEEDS))
    generate(GenerateConfig(run_dir=run_dir, seeds=seeds, out=tmp_path / "images.npz"))
    with np.load(tmp_path / "images.npz") as file:
        expected = file["images"].astype(int)
    difference = np.abs(images_of(browser, SEEDS) - expected)
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


def test_a_drawing_is_found(browser, pages):
    """A held-out digit would do as well; a generated one can be found exactly."""
    open_page(browser, pages("mnist")[1])
    error, before = browser.execute_async_script(
        "const done = arguments[0];"
        "window.dcgan.generate(1234, 3).then(async ({data}) => {"
        "  const target = Float32Array.from(data, value => value / 127.5 - 1);"
        "  const other = await window.dcgan.generate(0, 3);"
        "  const before = other.data.reduce((sum, v, i) => sum + (v / 127.5 - 1 - target[i]) ** 2, 0) / data.length;"
        "  const best = await window.dcgan.project(target, {seconds: 3, labels: [3], starts: 4});"
        "  done([best.error, before]);"
        "});"
    )
    assert before > 0.1
    assert error < 0.1 * before


def test_every_part_can_be_used(browser, pages):
    open_page(browser, pages("emoji")[1])
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
    assert set(browser.execute_script(steps).values()) == {True}


@pytest.mark.parametrize("width", [375, 1600])
def test_nothing_is_wider_than_the_window(browser, pages, width):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    open_page(browser, pages("mnist")[1])
    overflow = browser.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert overflow == 0
