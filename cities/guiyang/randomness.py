"""Chance that is the same on every machine: each thing that is drawn has its own stream, named by the seed and a key."""

from __future__ import annotations

import hashlib
import random

import numpy as np

__all__ = ["DEFAULT_SEED", "generator", "numbers"]

DEFAULT_SEED = 520100


def _digest(seed: int, key: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}:{key}".encode(), digest_size=8).digest(), "big")


def generator(seed: int, key: str) -> random.Random:
    """Return the stream of choices for `key`; adding another key never changes this one."""
    return random.Random(_digest(seed, key))  # demo data, not secrets


def numbers(seed: int, key: str) -> np.random.Generator:
    """Return the stream of numbers for `key` (numpy), independent of every other key."""
    return np.random.default_rng(_digest(seed, key))
