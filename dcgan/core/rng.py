"""Stateless randomness: every draw is a function of (seed, purpose, step or index)."""

import hashlib


def derived_seed(seed: int, purpose: str) -> int:
    """Mix a run's seed and the name of what is drawn into one seed.

    Args:
        seed: the run's seed, not negative.
        purpose: what the numbers are for, for example `"latents"`; another purpose is another stream.

    Returns:
        An integer in [0, 2**31), the same on every machine.
    """
    digest = hashlib.blake2b(f"{purpose}/{seed}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") & 0x7FFFFFFF
