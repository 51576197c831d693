"""Whether the images of a source are smaller than what is made of them, from the headers of a few files."""

import contextlib

import numpy as np

from dcgan.core.sizes import format_shape
from dcgan.data.decoding import open_image, pillow_warnings
from dcgan.data.image_dataset import evenly_spaced
from dcgan.data.image_files import ImageFiles
from dcgan.data.transforms import CropResize, upright_size

PROBES = 8
"""Number of files that are read."""

MUCH_ENLARGED = 1.5
"""Median factor of enlargement from which on it is worth a line."""

_MAX_BYTES = 1 << 19  # a larger file has more pixels than anybody trains on; reading it would take time


def enlargement_warning(image_files: ImageFiles, transform: CropResize) -> str:
    """Return a line if the images have to be enlarged much; empty otherwise. It takes milliseconds.

    Args:
        image_files: the source; the first bytes of a few evenly spaced files decide.
        transform: how its images are prepared.
    """
    entries = image_files.entries
    factors, sides = [], []
    with pillow_warnings():
        for index in evenly_spaced(len(entries), min(PROBES, len(entries))):
            if entries[index].size > _MAX_BYTES:
                return ""
            with contextlib.suppress(Exception):  # a broken file is reported when it is decoded
                with open_image(image_files.read(entries[index])) as image:
                    size = upright_size(image)
                factors.append(transform.enlargement(*size))
                box = transform.box(*size)
                sides.append(min(box[2] - box[0], box[3] - box[1]))
    if not factors or np.median(factors) < MUCH_ENLARGED:
        return ""
    return (
        f"The images have about {np.median(sides):.0f} pixels per side and are enlarged to "
        f"{format_shape(transform.size)}: the generator learns to blur. A smaller --image-size is faster and loses "
        "nothing."
    )
