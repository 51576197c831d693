"""Stateless randomness: every random number is a function of (seed, purpose, step or index)."""

import hashlib


def derived_seed(seed: int, purpose: str) -> int:
    """Derive the seed of one random stream from the seed of a run.

    Args:
        seed: seed of the run, not negative.
        purpose: name of the stream, for example `"latents"`; streams of different purposes are independent.

    Returns:
        An integer in [0, 2**31), the same on every machine.
    """
    digest = hashlib.blake2b(f"{purpose}/{seed}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") & 0x7FFFFFFF
