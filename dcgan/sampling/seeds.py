"""Lists of seeds and their text form: `0-63`, or `3,5,9-12`."""

import bisect
import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from typing import overload

from dcgan.core.errors import UserError

LARGEST = 2**63 - 1
"""Largest seed: the largest signed 64-bit integer, the type of seeds in an `.npz` file."""


class Seeds(Sequence[int]):
    """Sequence of seeds, stored as ranges: `0-999999` takes no more memory than `0-9`.

    Order and repetitions are kept. `str` returns a text that `parse_seeds` accepts.

    Args:
        ranges: at least one range, each with step 1 and at least one seed.
    """

    def __init__(self, ranges: Sequence[range]):
        self._ranges = tuple(ranges)
        self._ends = list(itertools.accumulate(len(part) for part in self._ranges))

    def __len__(self) -> int:
        return self._ends[-1]

    def __iter__(self) -> Iterator[int]:
        return itertools.chain.from_iterable(self._ranges)

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> list[int]: ...

    def __getitem__(self, index: int | slice) -> int | list[int]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = range(len(self))[index]  # resolves negative indices, raises IndexError
        part = bisect.bisect_right(self._ends, position)
        return self._ranges[part][position - self._ends[part]]  # a negative index, counted from the end of the range

    def __str__(self) -> str:
        return ",".join(f"{p[0]}-{p[-1]}" if len(p) > 1 else str(p[0]) for p in self._ranges)

    @property
    def largest(self) -> int:
        """The largest seed."""
        return max(part[-1] for part in self._ranges)

    def __repr__(self) -> str:
        return f"Seeds({self})"


def parse_seeds(text: str) -> Seeds:
    """Parse a list of seeds.

    Args:
        text: integers and inclusive ranges, separated by commas, such as `3,5,9-12`.

    Returns:
        The seeds in the given order, repetitions included.

    Raises:
        UserError: the text has another form, a range is descending, or a seed is above 2**63 - 1.
    """
    ranges = [_parse_range(part.strip()) for part in str(text).split(",")]
    if sum(part.stop - part.start for part in ranges) > sys.maxsize:
        raise UserError(f"Seeds {text} are more than this machine can count.", "Generate them in parts.")
    return Seeds(ranges)


def _parse_range(part: str) -> range:
    """Parse `N` or `first-last`."""
    match = re.fullmatch(r"([0-9]+)\s*(?:-\s*([0-9]+))?", part)
    if not match:
        raise UserError(f"{part!r} is neither a seed nor a range of seeds.", "Examples: 7, or 0-63, or 3,5,9-12.")
    first, last = _parse_seed(match[1]), _parse_seed(match[2] or match[1])
    if last < first:
        raise UserError(f"The range of seeds {part} is descending.", f"Write {last}-{first}.")
    return range(first, last + 1)


def _parse_seed(digits: str) -> int:
    """Parse one seed and check its range; longer digit strings than `LARGEST` are not converted at all."""
    digits = digits.lstrip("0") or "0"
    if len(digits) > len(str(LARGEST)) or int(digits) > LARGEST:
        shown = digits if len(digits) <= 24 else f"{digits[:20]}…"
        raise UserError(f"Seed {shown} is too large.", f"The largest is {LARGEST}.")
    return int(digits)
