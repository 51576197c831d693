"""What the server of `dcgan explore` answers, and what it refuses."""

import base64
import collections
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import numpy as np
import pytest

from dcgan.cli.main import main
from dcgan.config import ExplainConfig
from dcgan.core.image_range import to_float
from dcgan.explore.server import HEADERS
from dcgan.export.web_page import page_content
from dcgan.interpretation import explain
from dcgan.networks.submodel import convolution_stages
from dcgan.runs import Run
from dcgan.runs.directions import save_direction
from dcgan.runs.jsonl import to_line
from dcgan.runs.loading import load_discriminator
from dcgan.sampling import latents
from dcgan.visualization import read_png, save_png
from tests.support.serving import serving
from tests.support.small_generators import new_small_generator, run_with_generator

ROOT = Path(__file__).parents[3]
SECRET = "this text is in no run"


@pytest.fixture(scope="module")
def server(trained):
    """A server of the trained run."""
    with serving(trained) as server:
        yield server


@pytest.fixture
def run(tmp_path):
    """A run that has written a log and two sample grids, and no checkpoint."""
    run = Run(tmp_path / "run")
    run.samples_dir.mkdir(parents=True)
    run.log_file.write_text("".join(to_line({"step": step, "d_loss": 1.5}) for step in (1, 2, 3)))
    for step in (1, 3):
        save_png(run.sample_file(step), np.full((4, 4, 1), step, np.uint8))
    return run


def ask(server, path, method="GET", **headers):
    """Send a request; return status, headers and body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=120)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def ask_json(server, path, **parameters):
    status, _, body = ask(server, f"{path}?{urlencode(parameters)}")
    assert status == 200, body
    return json.loads(body)


def problem(server, path, **parameters):
    """The text of a refusal."""
    status, headers, body = ask(server, f"{path}?{urlencode(parameters)}")
    assert status == 404
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    return body.decode()


def send(server, text):
    """Send bytes; return all that is answered."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as connection:
        connection.sendall(text)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def encode(array):
    return base64.b64encode(np.asarray(array, "<f4").tobytes(), altchars=b"-_").decode()


# What is refused


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/..\\..\\etc\\passwd",
        "//etc/passwd",
        "/./style.css",
        "/style.css/../config.yaml",
        "/style.css%00",
        "/config.yaml",
        "/samples/step-00000003.png",
        "/generator.keras",
        "/.git/config",
        "file:///etc/passwd",
        "http://127.0.0.1/style.css",
        "*",
    ],
)
def test_no_path_leads_to_a_file(server, path):
    host = f"127.0.0.1:{server.server_port}"
    answer = send(server, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.0 404 ")
    assert answer.endswith(b"There is no such page.")


@pytest.mark.parametrize(
    "query",
    [
        "step=../../config.yaml",
        "step=%2e%2e%2fconfig.yaml",
        "step=-1",
        "step=1e3",
        "step=1&step=3",
        "step=%D9%A3",
        "step=" + "9" * 16,
        "step",
        "run=1",
        "run=-1",
        "file=config.yaml",
        "&".join(f"a{number}=1" for number in range(11)),
        "weights=../best",
    ],
)
def test_other_parameters_are_refused(server, query):
    status, _, body = ask(server, f"/api/grid?{query}")
    assert status == 400
    assert b"parameter" in body


@pytest.mark.parametrize("latent", ["", "AAAA", "!", encode([1, 2, 3]), encode([np.nan] * 5), encode(np.ones(10_001))])
def test_a_latent_of_another_size_is_refused(server, latent):
    status, _, _ = ask(server, f"/api/neighbors?{urlencode({'latent': latent})}")
    assert status in (400, 404)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example", ""]
)
def test_another_host_is_refused(server, host):
    """As after DNS rebinding: the browser believes that the server is the attacker's."""
    status, _, body = ask(server, "/api/runs", Host=host.format(port=server.server_port))
    assert (status, body) == (421, b"This server has another name.")


def test_a_request_without_a_host_or_with_two_is_refused(server):
    host = f"Host: 127.0.0.1:{server.server_port}\r\n"
    for headers in ("", 2 * host, host + "Host: evil.example\r\n"):
        assert send(server, f"GET / HTTP/1.1\r\n{headers}\r\n".encode()).startswith(b"HTTP/1.0 421 ")
    assert send(server, b"GET /\r\n\r\n") == b"This server has another name."  # HTTP/0.9


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_request_of_another_site_is_refused(server, headers):
    headers = {name: value.format(port=server.server_port) for name, value in headers.items()}
    status, answered, body = ask(server, "/api/runs", **headers)
    assert (status, body) == (403, b"Another site can't read this.")
    assert not [name for name in answered if name.lower().startswith("access-control")]


def test_the_page_itself_is_answered_by_both_names(server):
    for name in ("127.0.0.1", "localhost"):
        host = f"{name}:{server.server_port}"
        headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        assert ask(server, "/api/runs", **headers)[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "get"])
def test_methods_other_than_get_are_refused(server, method):
    status, headers, _ = ask(server, "/api/runs", method)
    assert (status, headers["Allow"]) == (405, "GET")


def test_a_request_in_the_body_of_another_one_is_not_answered(server):
    inner = f"GET /api/runs HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n\r\n"
    for method in ("POST", "GET"):
        outer = f"{method} / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: {len(inner)}\r\n\r\n"
        answer = send(server, (outer + inner).encode())
        assert answer.count(b"HTTP/1.0 ") == 1
        assert b"names" not in answer


def test_requests_that_are_too_long_are_refused(server):
    host = f"127.0.0.1:{server.server_port}"
    assert send(server, f"GET /{'a' * 70_000} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).startswith(b"HTTP/1.0 414 ")
    headers = "".join(f"X-{number}: 1\r\n" for number in range(200))
    assert send(server, f"GET / HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n".encode()).startswith(b"HTTP/1.0 431 ")
    assert send(server, b"\x16\x03\x01 nonsense\r\n\r\n")[:13] in (b"HTTP/1.0 400 ", b"Bad Request"[:13])


def test_random_requests_are_answered_or_refused_and_nothing_fails(server, capfd):
    chosen = random.Random(0)
    paths = ["/", "/api/runs", "/api/training", "/api/grid", "/api/real", "/style.css", "/explore.js", "/../x"]
    headers = [
        "Origin: ",
        "Host:",
        "Host: x",
        "Sec-Fetch-Site: none",
        "\0",
        ": ",
        " ",
        "Expect: 100-continue",
        "\x80: 1",
    ]
    answers = collections.Counter()
    for _ in range(500):
        query = "".join(chosen.choice("runstep=&%2e./\\0123-+\0\xffaft;#") for _ in range(chosen.randrange(30)))
        host = chosen.choice([f"Host: 127.0.0.1:{server.server_port}", "Host: evil.example"])
        lines = [
            f"GET {chosen.choice(paths)}?{query} HTTP/1.{chosen.randrange(3)}",
            host,
            *chosen.choices(headers, k=3),
        ]
        request = "\r\n".join(lines[: chosen.randrange(1, 6)]).encode("latin-1")
        noise = chosen.randbytes(chosen.randrange(1, 300))
        answers[send(server, (request if chosen.random() < 0.8 else noise) + b"\r\n\r\n")[:12]] += 1
    assert {answer[9:] for answer in answers if answer.startswith(b"HTTP")} <= {b"200", b"400", b"403", b"404", b"421"}
    assert answers[b"HTTP/1.0 200"] > 0
    assert answers[b"HTTP/1.0 421"] > 50
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("path", "method"), [("/", "GET"), ("/api/runs", "GET"), ("/none", "GET"), ("/", "POST")])
def test_every_answer_keeps_other_sites_out(server, path, method):
    _, headers, _ = ask(server, path, method)
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "default-src 'none'" in HEADERS["Content-Security-Policy"]
    assert "unsafe-inline" not in HEADERS["Content-Security-Policy"]
    assert "Python" not in headers["Server"]


def test_it_listens_on_the_loopback_address_alone(server):
    assert server.socket.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("name", ["samples/step-00000003.png", "samples/real.png", "samples/step-00000007.png"])
def test_a_grid_that_is_a_link_out_of_the_run_is_not_shown(run, tmp_path, name):
    save_png(tmp_path / "secret.png", np.zeros((4, 4, 1), np.uint8), {"Text": SECRET})
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).symlink_to(tmp_path / "secret.png")
    with serving(run) as server:
        path = "/api/real" if "real" in name else f"/api/grid?step={int(name[-5])}"
        status, _, body = ask(server, path)
    assert status == 404
    assert b"is a link that leads out of the run directory" in body
    assert SECRET.encode() not in body


@pytest.mark.parametrize("name", ["log.jsonl", "health.jsonl"])
def test_a_log_that_is_a_link_out_of_the_run_is_not_read(run, tmp_path, name):
    (tmp_path / "secret.jsonl").write_text(to_line({"step": 1, "message": SECRET, "d_loss": 77}))
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).symlink_to(tmp_path / "secret.jsonl")
    with serving(run) as server:
        answer = ask_json(server, "/api/training")
    assert "is a link that leads out of the run directory" in answer["problem"]
    assert answer["records" if name == "log.jsonl" else "health"] == []
    assert SECRET not in json.dumps(answer)


@pytest.mark.parametrize("name", ["generator.keras", "classes.json", "config.yaml"])
def test_a_generator_with_links_out_of_the_run_is_not_loaded(tmp_path, name):
    run = run_with_generator(new_small_generator(3), tmp_path / "run")
    (run.path / name).rename(tmp_path / "elsewhere")
    (run.path / name).symlink_to(tmp_path / "elsewhere")
    with serving(run) as server:
        assert "is a link that leads out of the run directory" in problem(server, "/api/generator")


def test_a_grid_that_is_no_image_or_a_pipe_is_not_shown(run):
    run.sample_file(1).write_text("<script>window.hostile = 1</script>")
    run.sample_file(3).unlink()
    os.mkfifo(run.sample_file(3))
    with serving(run) as server:
        assert "is not a PNG file" in problem(server, "/api/grid", step=1)
        assert "There is no image" in problem(server, "/api/grid", step=3)


def test_the_log_of_a_stranger_is_reduced_to_numbers(run):
    hostile = {"step": 4, "d_loss": "<img src=x>", "g_loss": 1e400, "<img src=x>": 1, "d_real": True, "d_fake": 0.5}
    with run.log_file.open("a") as file:
        file.write(to_line(hostile) + '{"step": NaN}\n[' + "[" * 100_000 + "\nnot JSON\n" + '{"step": "5"}\n')
    run.health_file.write_text(to_line({"step": 4, "message": {"a": ["\x1b[31m" * 10_000]}}))
    with serving(run) as server:
        answer = ask_json(server, "/api/training")
    assert answer["records"][3:] == [{"step": 4, "d_fake": 0.5}]
    (event,) = answer["health"]
    assert len(event["message"]) == 1000
    assert "\x1b" not in event["message"]


# What is answered


def test_only_what_is_new_in_the_log_is_sent_and_all_after_a_rollback(run):
    with serving(run) as server:
        first = ask_json(server, "/api/training")
        assert [record["step"] for record in first["records"]] == [1, 2, 3]
        assert (first["grids"], first["real"], first["weights"]) == ([1, 3], False, {})
        with run.log_file.open("a") as file:
            file.write(to_line({"step": 4, "d_loss": 0.5}) + '{"step": 5, "d_lo')  # the next one is being written
        known = {"after": 3, "generation": first["generation"]}
        second = ask_json(server, "/api/training", **known)
        assert (second["first"], second["records"]) == (3, [{"step": 4, "d_loss": 0.5}])
        run.rewind_log(2)
        with run.log_file.open("a") as file:
            file.write("".join(to_line({"step": step, "d_loss": 2.5}) for step in (3, 4)))
        run.log_health_event({"step": 4, "message": "rolled back"})
        third = ask_json(server, "/api/training", after=4, generation=second["generation"])
        assert third["first"] == 0
        assert [record["d_loss"] for record in third["records"]] == [1.5, 1.5, 2.5, 2.5]
        assert third["health"] == [{"step": 4, "message": "rolled back"}]


def test_grids_are_found_by_their_step(run):
    save_png(run.samples_dir / "step-x.png", np.zeros((1, 1, 1), np.uint8))
    with serving(run) as server:
        status, headers, body = ask(server, "/api/grid?step=3")
        assert ask_json(server, "/api/training")["grids"] == [1, 3]
        assert problem(server, "/api/grid", step=2) == "There are no samples of step 2."
    assert (status, headers["Content-Type"], body) == (200, "image/png", run.sample_file(3).read_bytes())


def test_a_run_without_a_checkpoint_says_so(run):
    with serving(run) as server:
        assert "has no generator.keras yet" in problem(server, "/api/generator")
        assert "has no generator.keras yet" in problem(server, "/api/layers")


def test_the_page_gets_the_generator_that_is_exported(server, trained):
    assert ask_json(server, "/api/training")["weights"].keys() == {"ema", "raw", "best"}
    for weights in ("ema", "raw", "best"):
        answer = ask_json(server, "/api/generator", weights=weights)
        content, data = page_content(trained.load_generator(weights), "run", None)
        assert base64.b64decode(answer.pop("data")) == data
        assert answer.pop("version") == ask_json(server, "/api/training")["weights"][weights]
        assert answer == json.loads(json.dumps(content))
    ema, raw = (ask_json(server, "/api/generator", weights=weights)["data"] for weights in ("ema", "raw"))
    assert ema != raw


def test_a_generator_that_training_has_replaced_is_loaded_again(tmp_path):
    run = run_with_generator(new_small_generator(), tmp_path / "run")
    with serving(run) as server:
        before = ask_json(server, "/api/training")["weights"], ask_json(server, "/api/generator")["data"]
        run.save_generator(new_small_generator(seed=2))
        after = ask_json(server, "/api/training")["weights"], ask_json(server, "/api/generator")["data"]
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_an_image_of_earlier_weights_is_compared_as_long_as_they_are_loaded(trained, tmp_path):
    run = Run(shutil.copytree(trained.path, tmp_path / "run"))
    with serving(run) as server:
        image = {"latent": encode(latents([7], 5)[0]), "version": ask_json(server, "/api/generator")["version"]}
        before = ask_json(server, "/api/neighbors", **image)
        run.save_generator(new_small_generator(image_size=(8, 8), channels=3))
        assert ask_json(server, "/api/neighbors", **image) == before
        ask_json(server, "/api/generator")
        assert problem(server, "/api/neighbors", **image).startswith("Training has written other weights since.")


def test_directions_of_edit_are_on_the_page_and_a_damaged_one_is_reported(tmp_path, capsys):
    run = run_with_generator(new_small_generator(), tmp_path / "run")
    with serving(run) as server:
        before = ask_json(server, "/api/generator")["directions"]
        save_direction(run, "toward-slant", "slant", np.array([3, 4, 0, 0, 0]))
        first, *others = ask_json(server, "/api/generator")["directions"]
        assert (first, others) == ({"name": "slant", "values": [0.6, 0.8, 0, 0, 0]}, before)
        (tmp_path / "secret.json").write_text("{}")
        (run.path / "edited" / "toward-x.json").symlink_to(tmp_path / "secret.json")
        assert ask_json(server, "/api/generator")["directions"] == before
    assert "is a link that leads out of the run directory" in capsys.readouterr().err


def test_a_generator_that_a_page_cannot_compute_says_so(tmp_path):
    run = run_with_generator(new_small_generator(upsampling="bilinear", kernel=5), tmp_path / "run")
    with serving(run) as server:
        assert problem(server, "/api/generator").startswith("A page can't compute this generator: Bilinear upsampling")


def test_nearest_training_images_are_the_nearest_of_all(server, trained):
    latent = latents([7], 5)[0]
    answer = ask_json(server, "/api/neighbors", latent=encode(latent))
    image = ask_image(trained, latent)
    images = training_images(trained)
    distances = np.sqrt((((images.astype(float) - image) / 255) ** 2).sum(axis=(1, 2, 3)))
    assert [found["index"] for found in answer["neighbors"]] == list(np.argsort(distances)[:8])
    np.testing.assert_allclose([found["distance"] for found in answer["neighbors"]], np.sort(distances)[:8], rtol=1e-5)
    assert base64.b64decode(answer["neighbors"][0]["pixels"]) == images[distances.argmin()].tobytes()
    assert (answer["shape"], answer["searched"]) == ([8, 8, 3], 12)
    between = np.sqrt((((images[:, None].astype(float) - images) / 255) ** 2).sum(axis=(2, 3, 4)))
    assert answer["typical"] == pytest.approx(np.median(np.sort(between)[:, 1]), rel=1e-5)


def test_mirror_images_are_compared_where_training_mirrors(trained, tmp_path):
    run = Run(shutil.copytree(trained.path, tmp_path / "run"))
    run.config_file.write_text(run.config_file.read_text().replace("flip: false", "flip: true"))
    latent = latents([7], 5)[0]
    with serving(run) as server:
        answer = ask_json(server, "/api/neighbors", latent=encode(latent))
    image, images = ask_image(trained, latent), training_images(trained)
    both = np.concatenate([images, images[:, :, ::-1]])
    distances = np.sqrt((((both.astype(float) - image) / 255) ** 2).sum(axis=(1, 2, 3)))
    found = [(neighbor["index"], neighbor["mirrored"]) for neighbor in answer["neighbors"]]
    assert found == [(index % 12, index >= 12) for index in np.argsort(distances)[:8]]
    assert base64.b64decode(answer["neighbors"][0]["pixels"]) == both[distances.argmin()].tobytes()


def ask_image(run, latent):
    generator = run.load_generator()
    return np.rint((np.asarray(generator(latent[None]))[0] + 1) * 127.5)


def training_images(run):
    from dcgan.data import load

    return np.array(load(run.config()).images)


def test_a_dataset_that_is_not_there_says_so(trained, tmp_path):
    with serving(trained, dataset="folder", data_dir=tmp_path / "gone") as server:
        latent = encode(latents([0], 5)[0])
        assert "gone" in problem(server, "/api/neighbors", latent=latent)
        layer = ask_json(server, "/api/layers")[0]["name"]
        assert "gone" in problem(server, "/api/figure", layer=layer)


def test_the_figure_of_a_feature_map_is_that_of_explain(server, trained, tmp_path):
    layers = ask_json(server, "/api/layers")
    network = load_discriminator(trained, (8, 8), 3)
    assert [layer["name"] for layer in layers] == convolution_stages(network)
    name, count = layers[-1]["name"], layers[-1]["maps"]
    assert count == network.get_layer(name).output.shape[-1]
    _, headers, body = ask(server, f"/api/figure?layer={name}&map=2&rule=gradient")
    (tmp_path / "served.png").write_bytes(body)
    options = {"layer": name, "maps": "2-2", "rule": "gradient", "out": tmp_path / "explained.png"}
    explain(ExplainConfig(run_dir=trained.path, **options))
    served, explained = read_png(tmp_path / "served.png"), read_png(tmp_path / "explained.png")
    assert headers["Content-Type"] == "image/png"
    margin = (len(explained) - len(served)) // 2
    np.testing.assert_array_equal(served, explained[margin:-margin, margin:-margin])
    assert "feature maps, from 0 on" in problem(server, "/api/figure", layer=name, map=count)
    assert "no layer of that name" in problem(server, "/api/figure", layer="../logit")


def test_activations_are_those_of_the_discriminator(server, trained):
    latent = latents([3], 5)[0]
    name = ask_json(server, "/api/layers")[0]["name"]
    answer = ask_json(server, "/api/activations", layer=name, latent=encode(latent))
    network = load_discriminator(trained, (8, 8), 3)
    value = to_float(ask_image(trained, latent)[None].astype(np.uint8))
    for layer in network.layers[1 : [layer.name for layer in network.layers].index(name) + 1]:
        value = layer(value, training=False)
    maps = np.moveaxis(np.asarray(value)[0], -1, 0)
    expected = 255 * (maps - maps.min()) / np.ptp(maps)
    found = np.frombuffer(base64.b64decode(answer["pixels"]), np.uint8).reshape(maps.shape)
    np.testing.assert_allclose(found, expected, atol=1)


# The command


def test_a_port_that_is_taken_is_an_error(run, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["explore", "--run-dir", str(run.path), "--port", port, "--no-browser"]) == 2
    assert f"--port {port} can't be used: Address already in use" in capsys.readouterr().err


def test_a_run_that_does_not_exist_is_an_error(capsys):
    assert main(["explore", "--run-dir", "nowhere", "--no-browser"]) == 2
    assert "There is no run directory nowhere." in capsys.readouterr().err


@contextlib.contextmanager
def started(run):
    """Run the command; yields its process and the host and port that it prints."""
    command = [sys.executable, "-m", "dcgan", "explore", "--run-dir", str(run.path), "--no-browser"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        line = process.stdout.readline()
        assert line.startswith(f"{run.path}: http://127.0.0.1:")
        yield process, urlsplit(line.split()[1]).netloc
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_without_tensorflow_until_it_is_stopped(run, number):
    with started(run) as (process, address):
        connection = http.client.HTTPConnection(address, timeout=60)
        for path in ("/", "/api/training"):
            connection.request("GET", path)
            assert connection.getresponse().read()
            connection.close()
        maps = Path(f"/proc/{process.pid}/maps")
        assert not maps.exists() or "tensorflow" not in maps.read_text()
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, "", "")


@pytest.mark.slow
def test_the_command_can_be_stopped_while_it_loads_tensorflow(trained):
    with (
        started(trained) as (process, address),
        contextlib.closing(http.client.HTTPConnection(address, timeout=60)) as connection,
    ):
        connection.request("GET", "/api/generator")
        time.sleep(1)
        process.terminate()
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, "Waiting for a computation to end.\n", "")
