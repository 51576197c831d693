"""The page of `dcgan explore` in a real browser."""

import contextlib
import shutil

import numpy as np
import pytest

from dcgan.config import GenerateConfig
from dcgan.runs import Run
from dcgan.runs.jsonl import to_line
from dcgan.sampling import generate
from dcgan.visualization import save_png
from tests.support.serving import serving
from tests.support.small_generators import CLASSES, new_small_generator, run_with_generator

pytestmark = pytest.mark.slow
HOSTILE = "<img src=x onerror=window.hostile=1>"


@pytest.fixture
def open_page(online_browser):
    """A function that serves runs and opens their page; the page may report nothing to the browser's console."""
    online_browser.get_log("browser")
    with contextlib.ExitStack() as servers:

        def open_runs(*runs, view="training"):
            online_browser.get(servers.enter_context(serving(*runs)).url)
            wait(online_browser, "document.documentElement.dataset.ready")
            return open_view(online_browser, view)

        yield open_runs
        assert online_browser.get_log("browser") == []
        online_browser.get("about:blank")  # before the server ends, which the page would ask for what is new


def open_view(browser, view):
    """Open a view; wait for the generator if it needs one."""
    click(browser, f"#tabs [data-view={view}]")
    if view != "training":
        wait(browser, "/^(This page|There is no generator)/.test(document.getElementById('status').textContent)")
    return browser


def wait(browser, condition):
    """Wait until a JavaScript expression is true; return its value."""
    return browser.execute_async_script(
        "const done = arguments[0];"
        f"const wait = () => {{ const value = {condition}; value ? done(value) : setTimeout(wait, 20); }}; wait();"
    )


def text(browser, name):
    return browser.execute_script("return document.getElementById(arguments[0]).textContent", name)


def change(browser, name, value, event="change"):
    browser.execute_script(
        "const element = document.getElementById(arguments[0]);"
        "element.value = arguments[1];"
        "element.dispatchEvent(new Event(arguments[2]));",
        name,
        value,
        event,
    )


def click(browser, selector):
    browser.execute_script("document.querySelector(arguments[0]).click()", selector)


def test_the_page_generates_the_images_of_generate_py_with_all_weights(open_page, tmp_path):
    ema, raw, best = (new_small_generator(CLASSES, seed) for seed in (1, 2, 3))
    run = run_with_generator(ema, tmp_path / "run")
    run.save_best(best, 1, {})
    arrays = {f"generator/{v.path.removeprefix('generator/')}": np.asarray(v) for v in raw.variables}
    run.checkpoints.save(1, arrays, keep=1)
    browser = open_page(run, view="generator")
    for weights in ("ema", "raw", "best"):
        change(browser, "weights", f"0/{weights}")
        wait(browser, "document.getElementById('status').textContent.startsWith('This page generates')")
        out = tmp_path / f"{weights}.npy"
        generate(GenerateConfig(run_dir=run.path, weights=weights, seeds="0-3", out=out))
        images = browser.execute_async_script(
            "const done = arguments[0];"
            "Promise.all([0, 1, 2, 3].map(seed => window.dcgan.generate(seed)))"
            ".then(images => done(images.map(image => Array.from(image.data))));"
        )
        expected = np.load(out).astype(int)
        assert expected.std() > 20
        assert np.abs(np.reshape(images, expected.shape) - expected).max() < 3


def test_curves_and_samples_follow_a_training(open_page, trained, tmp_path):
    run = Run(shutil.copytree(trained.path, tmp_path / "run"))
    browser = open_page(run)
    assert text(browser, "now").startswith("step 6")
    wait(browser, "document.querySelector('#samples img')?.alt === 'Generated images, step 6'")
    lines = "[...document.querySelectorAll('#curves polyline')].map(line => line.points.numberOfItems)"
    assert browser.execute_script(f"return {lines}")[:4] == [6, 6, 6, 6]
    with run.log_file.open("a") as file:
        file.write("".join(to_line({"step": step, "d_loss": 9.25, "g_loss": 0.5}) for step in range(7, 13)))
    save_png(run.sample_file(12), np.zeros((8, 8, 3), np.uint8))
    run.log_health_event({"step": 11, "message": "the discriminator has won"})
    wait(browser, "document.getElementById('now').textContent.startsWith('step 12')")
    wait(browser, "document.querySelector('#samples img')?.alt === 'Generated images, step 12'")
    assert browser.execute_script(f"return {lines}")[:2] == [12, 12]
    assert "discriminator 9.25" in text(browser, "curves")
    assert text(browser, "health") == "step 11 the discriminator has won"
    assert browser.execute_script("return document.querySelectorAll('#curves svg .event').length") > 0


def test_the_slider_goes_through_time(open_page, trained):
    browser = open_page(trained)
    change(browser, "time", 3, "input")
    assert text(browser, "now").startswith("step 4")
    wait(browser, "document.querySelector('#samples img')?.alt === 'Generated images, step 3'")
    loss = trained.log_records()[3]["d_loss"]
    chart = "document.querySelector('#curves figure > svg')"
    label = browser.execute_script(f"return {chart}.getAttribute('aria-label')")
    assert f"at step 4: discriminator {float(f'{loss:.3g}'):g}," in label
    browser.execute_script(f"{chart}.dispatchEvent(new KeyboardEvent('keydown', {{key: 'ArrowLeft'}}))")
    assert text(browser, "now").startswith("step 3")
    click(browser, "#show-real")
    wait(browser, "document.querySelector('#samples img')?.alt.startsWith('Real images')")


def test_nearest_images_and_feature_maps_are_shown(open_page, trained):
    browser = open_page(trained, view="generator")
    click(browser, "#find-neighbors")
    assert wait(browser, "document.querySelectorAll('#neighbors canvas').length") == 8
    assert text(browser, "neighbors-status").startswith("The nearest of 12")
    click(browser, "#grid button:nth-child(3)")
    assert text(browser, "neighbors-status") == "Another image is chosen."
    open_view(browser, "maps")
    maps = wait(browser, "document.querySelectorAll('#map-grid canvas').length")
    assert text(browser, "layer").endswith(f"{maps} maps")
    click(browser, "#map-grid button:nth-child(2)")
    wait(browser, "document.querySelector('#figure img')?.naturalWidth > 0")
    assert text(browser, "figure-status").startswith("Map 1 of ")
    before = browser.execute_script("return document.querySelector('#map-grid canvas').toDataURL()")
    change(browser, "maps-seed", 9)
    wait(browser, f"document.querySelector('#map-grid canvas').toDataURL() !== '{before}'")


def test_two_runs_generate_the_same_seeds_side_by_side(open_page, tmp_path):
    runs = [run_with_generator(new_small_generator(CLASSES, seed), tmp_path / f"run-{seed}") for seed in (1, 2)]
    browser = open_page(*runs, view="comparison")
    pixels = "(side => document.querySelector(`#${side}-grid canvas`).toDataURL())"
    wait(browser, "document.querySelector('#right-grid button').title.startsWith('seed 0, class ')")
    sides = "['left', 'right'].map(side => document.getElementById(side).value)"
    assert browser.execute_script(f"return {sides}") == ["0/ema", "1/ema"]
    assert browser.execute_script(f"return {pixels}('left') !== {pixels}('right')")
    change(browser, "right", "0/ema")
    wait(browser, f"{pixels}('left') === {pixels}('right')")
    change(browser, "comparison-class", "2")
    click(browser, "#comparison-next")
    wait(browser, "document.querySelector('#right-grid button:last-child').title.startsWith('seed 31')")
    titles = browser.execute_script("return [...document.querySelectorAll('.two button')].map(tile => tile.title)")
    assert titles == 2 * [f"seed {seed}, class cat" for seed in range(16, 32)]


def test_texts_of_a_run_are_text(open_page, tmp_path):
    run = run_with_generator(new_small_generator(CLASSES), tmp_path / HOSTILE)
    classes = run.classes_file.read_text().replace('"bee"', f'"{HOSTILE}"')
    run.classes_file.write_text(classes.partition(', "checksum"')[0] + "}")
    run.samples_dir.mkdir()
    save_png(run.samples_dir / f"step-{HOSTILE}.png", np.zeros((4, 4, 1), np.uint8))
    run.log_file.write_text(to_line({"step": 1, "d_loss": 1.0, HOSTILE: 2.0}) + f'{{"step": "{HOSTILE}"}}\n')
    run.health_file.write_text(to_line({"step": 1, "message": HOSTILE}))
    browser = open_page(run)
    assert text(browser, "name") == HOSTILE
    assert text(browser, "health") == f"step 1 {HOSTILE}"
    open_view(browser, "generator")
    assert HOSTILE in text(browser, "classes")
    for view in ("comparison", "maps"):
        open_view(browser, view)
    wait(browser, "document.getElementById('maps-status').textContent.includes('neither a checkpoint')")
    assert browser.execute_script("return window.hostile") is None
    assert browser.execute_script("return document.querySelectorAll('img').length") == 0
    browser.get_log("browser")  # the discriminator that does not exist


def test_numbers_of_any_size_are_drawn(open_page, tmp_path):
    run = Run(tmp_path / "run")
    run.samples_dir.mkdir(parents=True)
    large = 10**16
    for records in (
        [{"step": -large - 2, "d_loss": -large - 2}, {"step": -large, "d_loss": -large}],
        [
            {"step": 1, "d_loss": 1e-300, "frechet_distance": 1e-300},
            {"step": 9e99, "d_loss": 1e300, "frechet_distance": 9e99},
        ],
    ):
        run.log_file.write_text("".join(map(to_line, records)))
        browser = open_page(run)
        assert browser.execute_script("return document.querySelector('#curves polyline').points.numberOfItems") == 2
        assert text(browser, "now").startswith("step ")
        browser.get("about:blank")


def test_a_run_without_a_generator_shows_its_training(open_page, trained, tmp_path):
    run = Run(tmp_path / "young")
    run.path.mkdir()
    for name in ("config.yaml", "log.jsonl"):
        shutil.copy(trained.path / name, run.path)
    browser = open_page(run)
    assert text(browser, "now").startswith("step 6")
    assert text(browser, "samples-name") == "There are no sample grids yet."
    open_view(browser, "generator")
    assert text(browser, "status").startswith("There is no generator yet")
    shutil.copy(trained.generator_file, run.path)
    wait(browser, "document.getElementById('status').textContent.startsWith('This page generates')")


@pytest.mark.parametrize("width", [375, 1200])
def test_nothing_is_wider_than_the_window(open_page, trained, width):
    browser = open_page(trained, trained)
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    for view in ("training", "generator", "comparison", "maps"):
        open_view(browser, view)
        root = "document.documentElement"
        assert browser.execute_script(f"return {root}.scrollWidth - {root}.clientWidth") == 0, view
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
