"""From the colors of an ICC profile to sRGB."""

import functools
import io

from PIL import Image, ImageCms

_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
"""Color space that the profile of an image of a mode must have."""


def to_srgb(image: Image.Image) -> Image.Image:
    """Convert an image from its ICC profile to sRGB, with the profile's own intent; transparency is left as it is.

    Args:
        image: of at most 8 bits per channel, with its profile in `info["icc_profile"]`.

    Returns:
        The converted image, of mode `L`, `LA`, `RGB` or `RGBA`; `image` itself where it has no profile, or one that is
        damaged or of another color space, as browsers do.
    """
    profile, alpha = image.info.get("icc_profile"), None
    if not profile:
        return image
    mode = {"1": "L", "LA": "L", "P": "RGB", "PA": "RGB", "RGBA": "RGB"}.get(image.mode, image.mode)
    if image.has_transparency_data:
        transparent = image.convert(f"{mode}A")
        alpha, colors = transparent.getchannel("A"), transparent.convert(mode)
    else:
        colors = image.convert(mode)
    transform = _transform(bytes(profile), mode)
    if transform is None:
        return image
    converted = ImageCms.applyTransform(colors, transform)
    assert converted is not None  # as it isn't done in place
    converted = converted.convert("L") if mode == "L" else converted
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


@functools.lru_cache(64)  # the images of a folder share a few profiles
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the conversion to 8-bit RGB in sRGB; None where the profile can't be used for images of this mode."""
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        if source.profile.xcolor_space != _SPACES.get(mode):  # type: ignore[attr-defined]
            return None
        target = ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent(ImageCms.getDefaultIntent(source))
        return ImageCms.buildTransform(source, target, mode, "RGB", intent)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
