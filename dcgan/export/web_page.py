"""A generator as one HTML file that generates images in a browser, without a network.

The modules in `dcgan/web` compute the generator in JavaScript. The file holds them, the weights in float16 with
BatchNorm folded into them, and some images of the Keras generator, which the page compares with its own when it opens.
"""

import base64
import json
import re
from html import escape
from pathlib import Path
from typing import Any

import keras
import numpy as np

from dcgan.core.classes import Classes
from dcgan.core.image_range import to_uint8
from dcgan.core.printable import printable
from dcgan.core.sizes import format_shape
from dcgan.export.format import Forward, Inputs, call_generator
from dcgan.export.generator_arrays import fold_batch_norm
from dcgan.export.numpy_generator import transposed
from dcgan.runs import Run
from dcgan.runs.directions import load_directions
from dcgan.sampling.latents import latents
from dcgan.sampling.projection import longest_latent
from dcgan.web import build_page, json_in_html, read_web_file

NUM_DIRECTIONS = 8
"""Number of principal directions of the latent space that the page has sliders for."""

REFERENCE_SEEDS = (0, 1, 2, 3)
"""Seeds of the images that the page compares with its own."""


def write_web_page(generator: keras.Model, path: Path, run: Run) -> None:
    """Write a page that generates images.

    Args:
        generator: a generator in float32.
        path: file to write.
        run: its name, its classes and the directions that `edit` has found are on the page.

    Raises:
        UserError: the generator was not built by `dcgan.networks.build_generator`, or a file of a direction is damaged.
    """
    directions = load_directions(run, generator.inputs[0].shape[-1])
    content, weights = page_content(generator, run.name, run.classes(), directions)
    values = {
        "title": escape(printable(content["name"])),
        "size": format_shape(tuple(content["sizes"]["maps"][-1])),
        "weights": f"{len(weights) // 2:,}",
        "style": read_web_file("style.css"),
        "views": read_web_file("views.html"),
        "content": json_in_html(content),
        "encoded_weights": base64.b64encode(weights).decode("ascii"),
    }
    path.write_text(build_page("page.html", "page.js", values), encoding="utf-8")


def load_web_page(path: Path) -> Forward:
    """Read the weights of a page, for a generator in NumPy.

    Args:
        path: the file.

    Returns:
        A function from inputs to images.
    """
    page = path.read_text(encoding="utf-8")
    content = json.loads(_element(page, "content"))
    numbers = np.frombuffer(base64.b64decode(_element(page, "weights")), "<f2").astype(np.float32)
    sizes = content["sizes"]
    ends = np.cumsum([size for _, size in content["weights"]])
    parts = np.split(numbers, ends[:-1])
    weights = {name: part for (name, _), part in zip(content["weights"], parts, strict=True)}

    def forward(inputs: Inputs) -> np.ndarray:
        x = inputs["latent"] @ weights["project"].reshape(sizes["latent"], -1) + weights["project_bias"]
        if sizes["classes"]:
            x = x + inputs["class"] @ weights["project_class"].reshape(sizes["classes"], -1)
        x = x.reshape(-1, *sizes["maps"][0])
        for stage, kernel in enumerate(sizes["kernels"]):
            outputs = sizes["maps"][stage + 1][2]
            x = transposed(np.maximum(x, 0), weights[f"up_{stage}"].reshape(kernel, kernel, outputs, -1))
            x = x + weights[f"bias_{stage}"]
        return np.tanh(x)

    return forward


def page_content(
    generator: keras.Model,
    name: str,
    classes: Classes | None,
    directions: dict[str, np.ndarray] | None = None,
) -> tuple[dict[str, Any], bytes]:
    """Return what the page has to know of a generator, and its weights.

    Args:
        generator: a generator in float32.
        name: name of the run.
        classes: its classes; None for an unconditional generator, or where they are not known.
        directions: unit vectors (latent_dim,) by their labels; their sliders come before those of the principal
            directions.

    Returns:
        Values that JSON can represent, and the weights as float16, little-endian, in the order of `weights`.

    Raises:
        UserError: the generator was not built by `dcgan.networks.build_generator`.
    """
    sizes, weights = fold_batch_norm(generator)
    known = classes is not None and len(classes.input_names) == sizes["classes"]
    if not known:
        count = sizes["classes"]
        classes = Classes(tuple(map(str, range(count))), (1 / count,) * count) if count else None
    content = {
        "name": name,
        "sizes": sizes,
        "classes": classes
        and {
            "names": [printable(name) for name in classes.names],
            "probabilities": classes.probabilities,
            "clusters": classes.clusters,
        },
        "directions": [
            *(_direction(printable(label), vector) for label, vector in (directions or {}).items()),
            *principal_directions(weights["project"]),
        ],
        "maxLength": longest_latent(sizes["latent"]),
        "references": _references(generator, classes),
        "weights": [(name, array.size) for name, array in weights.items()],
    }
    return content, b"".join(array.astype("<f2").tobytes() for array in weights.values())


def principal_directions(projection: np.ndarray, count: int = NUM_DIRECTIONS) -> list[dict[str, Any]]:
    """Return the directions of the latent space that change the generator's first layer most.

    They are the eigenvectors of the projection's Gram matrix (Shen and Zhou 2021, "Closed-Form Factorization of Latent
    Semantics in GANs", section 3.2).

    Args:
        projection: (latent_dim, units).
        count: maximum number of directions.

    Returns:
        Name and values of each: unit vectors, orthogonal, those that change most first.
    """
    vectors = np.linalg.svd(projection, full_matrices=False)[0].T[:count]
    signs = np.sign(vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)])
    return [
        _direction(f"direction {number}", vector) for number, vector in enumerate(vectors * signs[:, None], start=1)
    ]


def _direction(name: str, vector: np.ndarray) -> dict[str, Any]:
    """Return a direction as the page's sliders need it."""
    return {"name": name, "values": [round(float(value), 5) for value in vector]}


def _references(generator: keras.Model, classes: Classes | None) -> list[dict[str, Any]]:
    """Return the images that the Keras generator makes of some seeds, in their default classes."""
    inputs = {"latent": latents(REFERENCE_SEEDS, generator.inputs[0].shape[1])}
    if classes is not None:
        pairs = zip(REFERENCE_SEEDS, classes.labels_for(REFERENCE_SEEDS), strict=True)
        inputs["class"] = classes.one_hot([classes.input_for(seed, int(label)) for seed, label in pairs])
    images = np.asarray(to_uint8(call_generator(generator, inputs)))
    return [
        {"seed": seed, "pixels": base64.b64encode(image.tobytes()).decode("ascii")}
        for seed, image in zip(REFERENCE_SEEDS, images, strict=True)
    ]


def _element(page: str, name: str) -> str:
    """Return the text of a `script` element of a page."""
    found = re.search(rf'<script type="[^"]+" id="{name}">([^<]*)</script>', page)
    if found is None:
        raise ValueError(f"the page has no {name}")
    return found[1]
