"""What the feature maps of a discriminator respond to: their activations for an image, and figures of `explain`."""

import base64
from typing import Any

import numpy as np

from dcgan.core.errors import UserError
from dcgan.data.image_dataset import evenly_spaced
from dcgan.explore.models import Models, computing
from dcgan.interpretation.explain import feature_panel
from dcgan.visualization.png import encode_png

MAX_SEARCHED = 10_000
"""Training images that are searched for the largest activations, evenly spaced where there are more."""

NUM_IMAGES = 9
"""Images of a figure, as of `dcgan explain`."""

MAX_FIGURES = 200
"""Figures that are kept in memory."""


class FeatureMaps:
    """The feature maps of a run's discriminator.

    Args:
        models: the run's.
    """

    def __init__(self, models: Models):
        self.models = models
        self._network: Any = None
        self._top: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._figures: dict[tuple[str, int, str], bytes] = {}

    def layers(self) -> list[dict[str, Any]]:
        """Return `name`, number of `maps` and `size` [h, w] of the last layer of each convolution stage.

        Raises:
            UserError: as `Models.discriminator`.
        """
        with computing:
            from dcgan.core.imports import import_tensorflow

            import_tensorflow()
            from dcgan.networks.submodel import convolution_stages, layers_to

            network = self._discriminator()
            last: dict[str, Any] = {name: layers_to(network, name)[-1] for name in convolution_stages(network)}
        shapes = {name: layer.output.shape for name, layer in last.items()}
        return [{"name": name, "maps": shape[3], "size": list(shape[1:3])} for name, shape in shapes.items()]

    def activations(self, layer: str, weights: str, version: str, inputs: list[np.ndarray]) -> dict[str, Any]:
        """Return the feature maps of a layer for a generated image.

        Args:
            layer: a name of `layers`.
            weights: weights of the generator.
            version: version of the generator, as for `Models.generator`.
            inputs: latent and perhaps class input of the image, float32.

        Returns:
            `pixels`, uint8 (maps, h, w) in base64, from 0 for the smallest activation of all maps to 255 for the
            largest one.

        Raises:
            UserError: as `Models.generator` and `layers`, or there is no such layer.
        """
        self._check_layer(layer)
        with computing:
            from dcgan.core.image_range import to_float
            from dcgan.networks.submodel import layers_to

            values: Any = to_float(self.models.generator(weights, version).image(inputs)[None])
            for step in layers_to(self._discriminator(), layer):
                values = step(values, training=False)
            maps = np.moveaxis(np.asarray(values)[0], -1, 0)
        scaled = 255 * (maps - maps.min()) / max(float(np.ptp(maps)), 1e-12)
        return {"pixels": base64.b64encode(np.rint(scaled).astype(np.uint8).tobytes()).decode("ascii")}

    def figure(self, layer: str, feature: int, rule: str) -> bytes:
        """Return the figure of a feature map as `dcgan explain` makes it, a PNG file; it is made once.

        Args:
            layer: a name of `layers`.
            feature: index of the map.
            rule: a key of `dcgan.interpretation.deconvnet.RULES`.

        Raises:
            UserError: as `Models.discriminator` and `Models.images`, or there is no such layer, map or rule.
        """
        count = self._check_layer(layer)["maps"]
        if not 0 <= feature < count:
            raise UserError(f"{layer} has {count} feature maps, from 0 on.")
        with computing:
            network, images = self._discriminator(), self.models.images()
            if (layer, feature, rule) not in self._figures:
                indices, positions = (values[feature] for values in self._top_activations(network, layer, count))
                caption = f"map {feature}"
                panel = feature_panel(network, layer, feature, images[indices], positions, caption=caption, rule=rule)
                if len(self._figures) >= MAX_FIGURES:
                    self._figures.clear()
                self._figures[layer, feature, rule] = encode_png(panel)
            return self._figures[layer, feature, rule]

    def _discriminator(self) -> Any:
        """Return the network; when training has replaced it, what was computed with the earlier one is dropped."""
        network = self.models.discriminator()
        if network is not self._network:
            self._network = network
            self._top.clear()
            self._figures.clear()
        return network

    def _check_layer(self, name: str) -> dict[str, Any]:
        layers = {layer["name"]: layer for layer in self.layers()}
        if name not in layers:
            raise UserError(f"There is no layer of that name; layers: {', '.join(layers)}.")
        return layers[name]

    def _top_activations(self, network: Any, layer: str, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return indices and positions of the top activations of all maps of a layer: one pass serves them all."""
        from dcgan.interpretation.top_activations import find_top_activations

        if layer not in self._top:
            images = self.models.images()
            searched = evenly_spaced(len(images), min(len(images), MAX_SEARCHED))
            top = find_top_activations(network, layer, range(count), images[searched], NUM_IMAGES)
            self._top[layer] = searched[top.indices], top.positions
        return self._top[layer]
