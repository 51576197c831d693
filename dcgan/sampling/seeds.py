"""Seeds as a person writes them: `0-63`, or `3,5,9-12`."""

import bisect
import itertools
import re
import sys
from collections.abc import Iterator, Sequence

from dcgan.core.errors import UserError

LARGEST = 2**63 - 1
"""The largest seed: what a signed 64-bit integer of an `.npz` file holds."""


class Seeds(Sequence[int]):
    """Numbers in the order they were written, repeats kept, in the memory of their ranges.

    `0-999999` takes no more room than `0-9`. `str` gives back a text that `parse_seeds` reads.

    Args:
        ranges: the parts, each with step 1 and at least one number.
    """

    def __init__(self, ranges: Sequence[range]):
        self._ranges = tuple(ranges)
        self._ends = list(itertools.accumulate(len(part) for part in self._ranges))

    def __len__(self) -> int:
        return self._ends[-1]

    def __iter__(self) -> Iterator[int]:
        return itertools.chain.from_iterable(self._ranges)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = range(len(self))[index]  # negative ones, and IndexError
        part = bisect.bisect_right(self._ends, position)
        return self._ranges[part][position - self._ends[part]]  # the end is behind the part: counts from its back

    def __str__(self) -> str:
        return ",".join(f"{p[0]}-{p[-1]}" if len(p) > 1 else str(p[0]) for p in self._ranges)

    def __repr__(self) -> str:
        return f"Seeds({self})"


def parse_seeds(text: str) -> Seeds:
    """Read seeds as a person writes them.

    Args:
        text: whole numbers and ranges (both ends belong to them), with commas between, such as `3,5,9-12`.

    Returns:
        The seeds in that order; a seed written twice is there twice.

    Raises:
        UserError: something else, a range that runs backwards, or a seed above 2**63 - 1.
    """
    ranges = [_range(part.strip()) for part in str(text).split(",")]
    if sum(part.stop - part.start for part in ranges) > sys.maxsize:
        raise UserError(f"Seeds {text} are more than this machine can count.", "Draw them in parts.")
    return Seeds(ranges)


def _range(part: str) -> range:
    """One number, or first-last."""
    match = re.fullmatch(r"([0-9]+)\s*(?:-\s*([0-9]+))?", part)
    if not match:
        raise UserError(f"{part!r} is neither a seed nor a range of seeds.", "Examples: 7, or 0-63, or 3,5,9-12.")
    first, last = _seed(match[1]), _seed(match[2] or match[1])
    if last < first:
        raise UserError(f"The seeds {part} run backwards.", f"Write {last}-{first}.")
    return range(first, last + 1)


def _seed(digits: str) -> int:
    """A seed that is not too large; more digits than `LARGEST` has are not even read."""
    digits = digits.lstrip("0") or "0"
    if len(digits) > len(str(LARGEST)) or int(digits) > LARGEST:
        shown = digits if len(digits) <= 24 else f"{digits[:20]}…"
        raise UserError(f"Seed {shown} is too large.", f"The largest is {LARGEST}.")
    return int(digits)
