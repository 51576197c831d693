"""What a file is, by its first bytes: a format that is read, or the reason why it is not."""

import importlib
import re

from PIL import (  # the modules register the formats; Pillow would load its forty others too
    AvifImagePlugin,  # noqa: F401
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Image,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    PpmImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from dcgan.core.git_lfs import is_pointer

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM", "AVIF")
"""Formats that Pillow reads, by its names; `JPEG` includes MPO, and `PPM` is PBM, PGM and PPM."""

FIRST_BYTES = 64
"""Number of bytes at the beginning of a file that tell its format."""

_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NETPBM = re.compile(rb"P[1-6][ \t\r\n#]")
_BITMAP_HEADERS = (12, 40, 52, 56, 108, 124)  # sizes of the headers that follow BITMAPFILEHEADER
_AVIF_BRANDS = (b"avif", b"avis")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_WEB_PAGE = (b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<!--")
_MAGIC = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript file"),
    (b"8BPS", "a Photoshop document"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"\0\0\1\0", "a Windows icon"),
    (b"qoif", "a QOI image"),
    (b"DDS ", "a DDS texture"),
    (b"\x76\x2f\x31\x01", "an OpenEXR image"),
    (b"#?RADIANCE", "a Radiance image"),
    (b"SIMPLE  =", "a FITS image"),
    (b"gimp xcf", "a GIMP image"),
    (b"PF\n", "a floating-point image"),
    (b"P7\n", "a PAM image"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"OggS", "an Ogg file"),
    (b"ID3", "an MP3 file"),
)


def is_image(start: bytes) -> bool:
    """Return whether a file is an image of a format that is read, with or without an optional package.

    Signatures: ISO 10918-1 (JPEG), ISO 15948 (PNG), GIF89a, TIFF 6.0, RFC 9649 (WebP), ISO 23008-12 (AVIF, HEIC),
    netpbm.sourceforge.net, and Microsoft's BITMAPFILEHEADER.

    Args:
        start: its first bytes, `FIRST_BYTES` of them or all.
    """
    if start.startswith(_SIGNATURES) or _NETPBM.match(start):
        return True
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return True
    if start[4:8] == b"ftyp":
        return start[8:12] in _AVIF_BRANDS + _HEIC_BRANDS
    is_bitmap = start[:2] == b"BM" and start[6:10] == bytes(4)
    return is_bitmap and len(start) > 14 and start[14] in _BITMAP_HEADERS


def is_heic(data: bytes) -> bool:
    """Return whether a file is HEIC, which the optional package pillow-heif decodes.

    Args:
        data: its content, or its first 64 bytes.
    """
    return data[4:8] == b"ftyp" and (data[8:12] in _HEIC_BRANDS and b"avif" not in data[8:64])


def load_heic_decoder() -> tuple[str, ...]:
    """Make Pillow read HEIC in this process.

    Returns:
        Pillow's names of the formats.

    Raises:
        ValueError: pillow-heif is not installed.
    """
    try:
        package = importlib.import_module("pillow_heif")
    except ImportError as error:
        raise ValueError("it is HEIC; to read it, pip install pillow-heif") from error
    if "HEIF" not in Image.OPEN:
        package.register_heif_opener()
    return ("HEIF",)


def describe_unknown(data: bytes) -> str:
    """Say what a file is that is of none of the formats that are read.

    Args:
        data: its content.

    Returns:
        The reason for skipping it, as half a sentence.
    """
    start = data[:1024]
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not data:
        return "the file is empty"
    if not any(start) and not any(data):
        return "it holds nothing but zeros, as a copy or download that was interrupted does"
    if is_pointer(text):
        return "it is a Git LFS pointer and not the image; git lfs pull fetches the images"
    if text.startswith(_WEB_PAGE) or (text.startswith(b"<?xml") and b"<html" in text):
        return "it is a web page, not an image"
    if text.startswith(b"<svg") or (text.startswith(b"<?xml") and b"<svg" in text):
        return "it is an SVG drawing; only images made of pixels are read"
    name = _name_of(data)
    if name is not None:
        return f"it is {name}, which is not read"
    if _is_text(start):
        return "it is a text, not an image"
    return "it is not an image of a known format"


def _name_of(data: bytes) -> str | None:
    """Return the name of a well-known format."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if data[4:8] == b"ftyp":
        return "a video or an image of the MP4 family"
    if data[:4] == b"RIFF":
        return "a RIFF file (video or sound)"
    if data[128:132] == b"DICM":
        return "a DICOM image"
    return None


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:  # else the 1024 bytes end within a character
            return False
        text = start[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\t\r\n\f" for character in text)
