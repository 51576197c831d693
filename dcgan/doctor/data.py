"""What there is to say about the images of a training."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from dcgan.config import TrainConfig
from dcgan.config.train import FEW_IMAGES
from dcgan.data.preparation import MAX_SKIPPED, describe_skipped
from dcgan.doctor.duplicates import Duplicates, find_duplicates
from dcgan.doctor.findings import Finding
from dcgan.doctor.sample import Sample
from dcgan.training.conditioning import MAX_CLASSES
from dcgan.training.preflight import augmentation_note, class_balance_warning, gray_note

MUCH_CUT = 0.25
"""Median fraction of an image that is cropped away from which on it is worth a line."""

SMALL_FACTOR = 0.75
"""An image is enlarged noticeably if its shorter side has less than this fraction of the pixels that it gets."""

MANY = 0.1
"""Fraction of the images from which on what concerns some of them is worth a line."""

VERY_FEW_IMAGES = 500

FEW_PER_CLASS = 50
"""Number of images of a class below which its generated images are close to copies."""


def describe_data(sample: Sample, duplicates: Duplicates) -> dict[str, Any]:
    """Return the facts about the images as numbers and texts, for the report.

    Args:
        sample: the images.
        duplicates: of the images.
    """
    facts: dict[str, Any] = {
        "description": sample.description,
        "images": sample.total,
        "looked_at": len(sample.images),
        "complete": sample.is_complete,
        "cached": sample.is_cached,
        "height": sample.images.shape[1],
        "width": sample.images.shape[2],
        "channels": sample.images.shape[3],
        "gray_images": int(_are_gray(sample.images).sum()),
        "broken": [{"name": item.name, "reason": item.reason} for item in sample.skipped],
        "tried": sample.tried,
        "classes": dict(zip(sample.class_names, sample.class_counts.tolist(), strict=True)),
        "equal_files": [list(pair) for pair in sample.equal_files],
        "files_not_compared": sample.not_compared,
        "compared": duplicates.compared,
        "equal_images": duplicates.equal,
        "near_duplicates": duplicates.near,
        "blank_images": duplicates.blank,
    }
    if sample.facts:
        facts |= _describe_files(sample)
    return facts


def _describe_files(sample: Sample) -> dict[str, Any]:
    """Return the facts about the files of a sample, before anything is cropped and resized."""
    widths = np.array([fact.width for fact in sample.facts])
    heights = np.array([fact.height for fact in sample.facts])
    cut = cut_fractions(sample)
    return {
        "formats": dict(Counter(fact.format or "array" for fact in sample.facts).most_common()),
        "modes": dict(Counter(fact.mode for fact in sample.facts).most_common()),
        "widths": _quartiles(widths),
        "heights": _quartiles(heights),
        "aspect_ratios": _quartiles(np.round(widths / heights, 3)),
        "cut_away": _quartiles(np.round(cut, 3)),
        "enlarged": int((enlargement(sample) > 1 / SMALL_FACTOR).sum()),
        "with_transparency": sum(fact.has_alpha for fact in sample.facts),
        "with_16_bits": sum(fact.is_deep for fact in sample.facts),
    }


def _quartiles(values: np.ndarray) -> list[float]:
    """Return the smallest value, the quartiles and the largest value."""
    return [float(value) for value in np.quantile(values, [0, 0.25, 0.5, 0.75, 1])]


def cut_fractions(sample: Sample) -> np.ndarray:
    """Return the fraction of every image that cropping removes, float64 (n,) for the files of a sample."""
    assert sample.transform is not None  # there are facts about files
    result = []
    for fact in sample.facts:
        left, top, right, bottom = sample.transform.box(fact.width, fact.height)
        result.append(1 - (right - left) * (bottom - top) / (fact.width * fact.height))
    return np.array(result)


def enlargement(sample: Sample) -> np.ndarray:
    """Return by which factor the used part of every image is enlarged, below 1 where it shrinks; float64 (n,)."""
    assert sample.transform is not None
    return np.array([sample.transform.enlargement(fact.width, fact.height) for fact in sample.facts])


def _are_gray(images: np.ndarray) -> np.ndarray:
    """Return for every image whether it is gray throughout, bool (n,)."""
    if images.shape[3] == 1:
        return np.ones(len(images), bool)
    chunks = (images[start : start + 1024] for start in range(0, len(images), 1024))
    gray = [(chunk[..., :1] == chunk[..., :3]).all(axis=(1, 2, 3)) for chunk in chunks]
    return np.concatenate(gray) if gray else np.zeros(0, bool)


def find_in_data(config: TrainConfig, sample: Sample) -> tuple[dict[str, Any], list[Finding]]:
    """Return the facts about the images, and what to know about them.

    Args:
        config: options of the training that is planned.
        sample: its images.
    """
    duplicates = find_duplicates(sample.images)
    facts = describe_data(sample, duplicates)
    checks: list[Callable[[TrainConfig, Sample, dict[str, Any]], list[Finding]]] = [
        _broken,
        _few,
        _classes,
        _channels,
        _sizes,
    ]
    findings = [finding for check in checks for finding in check(config, sample, facts)]
    return facts, findings + _repeated(sample, duplicates)


def _broken(config: TrainConfig, sample: Sample, facts: dict[str, Any]) -> list[Finding]:
    if not sample.skipped:
        return []
    count, tried = len(sample.skipped), sample.tried
    text = f"{count} of {tried} images that were tried can't be used: {describe_skipped(sample.skipped)}."
    if len(sample.images) and (count <= MAX_SKIPPED * tried or config.skip_unreadable):
        return [Finding("warning", "broken_images", f"{text} They are left out; repair or remove them.")]
    hint = "--skip-unreadable leaves them out." if len(sample.images) else "Check --data-dir."
    return [Finding("error", "broken_images", f"{text} So many are taken for a mistake. {hint}")]


def _few(config: TrainConfig, sample: Sample, facts: dict[str, Any]) -> list[Finding]:
    findings = []
    if sample.total < VERY_FEW_IMAGES:
        text = f"The images are few ({sample.total}): expect images close to copies of them. More images help most"
        hint = "." if config.augment not in (None, "auto") else "; --augment color,translation,cutout may help, too."
        findings.append(Finding("warning", "few_images", text + hint))
    elif sample.total < FEW_IMAGES and config.augment is None:
        text = f"{sample.total} images without augmentation are learned by heart. Leave --augment none out."
        findings.append(Finding("warning", "no_augmentation", text))
    elif note := augmentation_note(sample.total, sample.images.shape[3], config.augment == "auto"):
        findings.append(Finding("note", "augmentation", note))
    if sample.total < FEW_IMAGES and not config.flip and facts["gray_images"] < len(sample.images):
        text = "If a mirrored image is as good as the image (not with text or digits), --flip doubles their number."
        findings.append(Finding("note", "flip", text))
    return findings


def _classes(config: TrainConfig, sample: Sample, facts: dict[str, Any]) -> list[Finding]:
    names, counts, findings = sample.class_names, sample.class_counts, []
    if config.conditional is False or len(names) < 2:
        return []
    if warning := class_balance_warning(names, counts):
        findings.append(Finding("warning", "uneven_classes", warning))
    if few := int((counts < FEW_PER_CLASS).sum()):
        least = int(np.argmin(counts))
        text = (
            f"{few} of {len(names)} classes have fewer than {FEW_PER_CLASS} images ({names[least]} {counts[least]}): "
            "expect copies of them. With --no-conditional, all images learn from each other."
        )
        findings.append(Finding("warning", "small_classes", text))
    if len(names) > MAX_CLASSES and config.conditional is None:
        text = f"{len(names)} classes are too many to be used by default; --conditional uses them."
        findings.append(Finding("note", "many_classes", text))
    return findings


def _channels(config: TrainConfig, sample: Sample, facts: dict[str, Any]) -> list[Finding]:
    findings, count = [], len(sample.images)
    if sample.images.shape[3] == 3 and count and facts["gray_images"] == count:
        findings.append(Finding("note", "gray_images", gray_note("All images" if sample.is_complete else "All seen")))
    elif sample.images.shape[3] == 3 and MANY * count <= facts["gray_images"]:
        text = f"{facts['gray_images']} of {count} images are gray, the others have color: the generator learns both."
        findings.append(Finding("note", "some_gray_images", text))
    if (alpha := facts.get("with_transparency", 0)) and sample.images.shape[3] < 4:
        text = (
            f"{alpha} of {len(sample.facts)} images have transparency: it is replaced by --background, by default "
            "white. --channels 4 keeps it."
        )
        findings.append(Finding("note", "transparency", text))
    if deep := facts.get("with_16_bits", 0):
        text = (
            f"{deep} of {len(sample.facts)} images have 16 bits per channel, and are reduced to 8 by one factor for "
            "all: look at the contact sheet (--out)."
        )
        findings.append(Finding("note", "16_bits", text))
    return findings


def _sizes(config: TrainConfig, sample: Sample, facts: dict[str, Any]) -> list[Finding]:
    if not sample.facts or sample.transform is None:
        return []
    findings, count = [], len(sample.facts)
    height, width = sample.transform.size
    sides = np.array([min(fact.width, fact.height) for fact in sample.facts])
    if facts["enlarged"] > MANY * count:
        text = (
            f"{facts['enlarged']} of {count} images have less than {SMALL_FACTOR:.0%} of the {height}x{width} pixels "
            f"that they are enlarged to (median {np.median(sides):.0f}): the generator learns to blur. A smaller "
            "--image-size is faster and loses nothing."
        )
        findings.append(Finding("warning", "small_images", text))
    cut = float(np.median(cut_fractions(sample)))
    if cut > MUCH_CUT:
        option = f"--crop {config.crop}" if config.crop is not None else f"--image-size {height}x{width}"
        text = (
            f"{option} cuts away {cut:.0%} of the median image. Look at the contact sheet (--out); "
            + ("a larger --crop" if config.crop is not None else "an --image-size of the images' shape")
            + " keeps more, and --fit pad keeps all."
        )
        findings.append(Finding("warning", "much_cut_away", text))
    return findings


def _repeated(sample: Sample, duplicates: Duplicates) -> list[Finding]:
    findings = []
    of = f"{duplicates.compared} images" if sample.is_complete else f"{duplicates.compared} images that were compared"
    if sample.equal_files:
        examples = "; ".join(f"{one} and {other}" for one, other in sample.equal_files[:3])
        text = f"{len(sample.equal_files)} of {sample.total} files repeat another one, byte by byte ({examples})."
        findings.append(Finding("warning", "equal_files", f"{text} Remove them: training sees them more often."))
    if duplicates.equal > len(sample.equal_files):
        text = f"{duplicates.equal} of {of} have the same pixels as another one{_pair(sample, duplicates.equal_pairs)}."
        findings.append(Finding("warning", "equal_images", f"{text} Remove them: training sees them more often."))
    if duplicates.near > max(1, duplicates.compared // 100):
        text = f"{duplicates.near} of {of} are nearly the same as another one{_pair(sample, duplicates.near_pairs)}."
        findings.append(Finding("note", "near_duplicates", f"{text} Frames of a video add little; thin them out."))
    if duplicates.blank > max(1, duplicates.compared // 100):
        text = f"{duplicates.blank} of {of} have one color only. Remove them if that is a mistake."
        findings.append(Finding("warning", "blank_images", text))
    return findings


def _pair(sample: Sample, pairs: tuple[tuple[int, int], ...]) -> str:
    """Return the names of the first pair in parentheses; empty without names."""
    if not pairs or not sample.names:
        return ""
    return f" ({sample.names[pairs[0][0]]} and {sample.names[pairs[0][1]]})"
