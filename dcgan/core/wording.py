"""Parts of sentences: a count with its noun, and several words."""

from collections.abc import Iterable


def counted(count: int, noun: str) -> str:
    """Return a number and a noun, in the plural unless the number is 1: `2 images`, `2 classes`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}{'es' if noun.endswith('s') else 's'}"


def join_words(words: Iterable[str]) -> str:
    """Join words as in a sentence: `a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
