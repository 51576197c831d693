"""Stacked MNIST: three digits at random are the three channels, 1,000 classes in all.

As in Srivastava et al. 2017 (VEEGAN, section 4.2), where a generator is asked how many of the classes it draws.
"""

import numpy as np

CLASS_NAMES = tuple(f"{label:03d}" for label in range(1000))
COUNT = {"train": 60_000, "test": 10_000}

_SEED = 0x57AC
_DRAWS = 4  # 64-bit words that Philox makes at a time; three are used


def stack(digits: np.ndarray, labels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw triples of digits, with replacement.

    Item i is a function of i and the digits alone, so it stays the same when `count` changes.

    Args:
        digits: uint8 (M, H, W, 1).
        labels: whole numbers (M,), 0 to 9.
        count: how many items.

    Returns:
        images, uint8 (count, H, W, 3), and labels, int64 (count,): 100·red + 10·green + blue.
    """
    chosen = triples(0, count, len(digits))
    images = np.empty((count, *digits.shape[1:3], 3), np.uint8)
    for channel in range(3):
        np.take(digits[..., 0], chosen[:, channel], axis=0, out=images[..., channel])
    return images, labels.astype(np.int64)[chosen] @ (100, 10, 1)


def triples(first: int, count: int, digits: int) -> np.ndarray:
    """Which digits items first to first+count-1 are made of: int64 (count, 3), each below `digits`.

    Philox (Salmon et al. 2011, Parallel Random Numbers: As Easy as 1, 2, 3) computes its block i from i.
    """
    words = np.random.Philox(key=_SEED, counter=first).random_raw(_DRAWS * count)
    return (words.reshape(count, _DRAWS)[:, :3] % np.uint64(digits)).astype(np.int64)
