"""The routes of the `explore` page: a fixed table of paths, none of which names a file."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import numpy as np

from dcgan.config import ExploreConfig
from dcgan.core.errors import UserError
from dcgan.core.printable import printable
from dcgan.explore.feature_maps import FeatureMaps
from dcgan.explore.models import WEIGHTS, Models
from dcgan.explore.neighbors import Neighbors
from dcgan.explore.server import Answer, RequestError, Route
from dcgan.explore.training import CURVES, Training
from dcgan.runs import Run
from dcgan.web import read_web_file, web_modules

IMAGE = "weights", "version", "latent", "class"
"""Parameters that name a generated image: the generator and its inputs."""

RULES = "guided", "deconvnet", "gradient"
MAX_NUMBERS = 10_000
"""Largest number of values in a latent or class input."""

Parameters = Mapping[str, str]


class Page:
    """The routes of a page about some runs.

    Args:
        runs: the runs, the one that the page is about first.
        config: options of the command.
    """

    def __init__(self, runs: Sequence[Run], config: ExploreConfig):
        self.runs = runs
        self.training = [Training(run) for run in runs]
        self.models = [Models(run, config) for run in runs]
        self.neighbors = [Neighbors(models) for models in self.models]
        self.feature_maps = [FeatureMaps(models) for models in self.models]

    def routes(self) -> dict[str, Route]:
        """Return the route of each path."""
        html = read_web_file("explore.html").replace("{views}", read_web_file("views.html"))
        files = {
            "/": Answer(html.encode("utf-8"), "text/html; charset=utf-8"),
            "/favicon.ico": Answer(b"", "image/x-icon"),  # browsers ask for it
            "/style.css": Answer(read_web_file("style.css").encode("utf-8"), "text/css; charset=utf-8"),
        }
        for name, code in web_modules("explore.js").items():
            files[f"/{name}"] = Answer(code.encode("utf-8"), "text/javascript; charset=utf-8")
        return {path: _constant(answer) for path, answer in files.items()} | {
            "/api/runs": self._runs,
            "/api/training": self._training,
            "/api/grid": self._grid,
            "/api/real": self._real,
            "/api/generator": self._generator,
            "/api/neighbors": self._neighbors,
            "/api/layers": self._layers,
            "/api/activations": self._activations,
            "/api/figure": self._figure,
        }

    def _runs(self, parameters: Parameters) -> Answer:
        """The names of the runs, and the curves that there are."""
        _check_names(parameters)
        names = [printable(run.name) for run in self.runs]
        return Answer.json({"names": names, "curves": CURVES, "rules": RULES})

    def _training(self, parameters: Parameters) -> Answer:
        """What is new in the log, the sample grids, and the weights that there are."""
        _check_names(parameters, "run", "after", "generation")
        index, count = self._index(parameters), _integer(parameters, "after")
        found = self.training[index].since(count, parameters.get("generation", ""))
        return Answer.json({**found, "weights": self.models[index].versions()})

    def _grid(self, parameters: Parameters) -> Answer:
        _check_names(parameters, "run", "step")
        step = _integer(parameters, "step")
        return Answer(self.training[self._index(parameters)].grid(step), "image/png")

    def _real(self, parameters: Parameters) -> Answer:
        _check_names(parameters, "run")
        return Answer(self.training[self._index(parameters)].real_grid(), "image/png")

    def _generator(self, parameters: Parameters) -> Answer:
        """What a page needs to compute a generator."""
        _check_names(parameters, "run", "weights")
        generator = self.models[self._index(parameters)].generator(_choice(parameters, "weights", WEIGHTS))
        if generator.problem:
            raise UserError(generator.problem)
        return Answer(generator.content, "application/json")

    def _neighbors(self, parameters: Parameters) -> Answer:
        _check_names(parameters, "run", *IMAGE)
        return Answer.json(self.neighbors[self._index(parameters)].nearest(*_image(parameters)))

    def _layers(self, parameters: Parameters) -> Answer:
        _check_names(parameters, "run")
        return Answer.json(self.feature_maps[self._index(parameters)].layers())

    def _activations(self, parameters: Parameters) -> Answer:
        _check_names(parameters, "run", "layer", *IMAGE)
        maps = self.feature_maps[self._index(parameters)]
        return Answer.json(maps.activations(parameters.get("layer", ""), *_image(parameters)))

    def _figure(self, parameters: Parameters) -> Answer:
        _check_names(parameters, "run", "layer", "map", "rule")
        rule, feature = _choice(parameters, "rule", RULES), _integer(parameters, "map")
        maps = self.feature_maps[self._index(parameters)]
        return Answer(maps.figure(parameters.get("layer", ""), feature, rule), "image/png")

    def _index(self, parameters: Parameters) -> int:
        index = _integer(parameters, "run")
        if index >= len(self.runs):
            raise _bad_request("run")
        return index


def _constant(answer: Answer) -> Route:
    """Return a route with always the same answer and no parameters."""

    def route(parameters: Parameters) -> Answer:
        _check_names(parameters)
        return answer

    return route


def _check_names(parameters: Parameters, *known: str) -> None:
    if unknown := parameters.keys() - set(known):
        raise _bad_request(min(unknown))


def _integer(parameters: Parameters, name: str) -> int:
    """Return a parameter of up to 15 digits; 0 where it is not given."""
    text = parameters.get(name, "0")
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise _bad_request(name)
    return int(text)


def _choice(parameters: Parameters, name: str, choices: Sequence[str]) -> str:
    """Return a parameter that is one of some values; the first of them where it is not given."""
    value = parameters.get(name, choices[0])
    if value not in choices:
        raise _bad_request(name)
    return value


def _image(parameters: Parameters) -> tuple[str, str, list[np.ndarray]]:
    """Return the weights and the version of a generator, and its inputs."""
    return _choice(parameters, "weights", WEIGHTS), parameters.get("version", ""), _inputs(parameters)


def _inputs(parameters: Parameters) -> list[np.ndarray]:
    """Return the inputs of a generator, float32, from base64 (with - and _) of little-endian numbers."""
    arrays = []
    for name in ("latent", "class"):
        try:
            content = base64.b64decode(parameters.get(name, ""), altchars=b"-_", validate=True)
            array = np.frombuffer(content, "<f4").astype(np.float32)
        except (ValueError, binascii.Error) as error:
            raise _bad_request(name) from error
        if len(array) > MAX_NUMBERS or not np.isfinite(array).all():
            raise _bad_request(name)
        arrays += [array] if len(array) or name == "latent" else []
    return arrays


def _bad_request(name: str) -> RequestError:
    return RequestError(HTTPStatus.BAD_REQUEST, f"The parameter {printable(name)[:100]} is unknown or not valid.")
