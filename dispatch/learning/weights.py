"""A model as plain data: what a training program hands over, what the database keeps, what a service reads. No code in it."""

from __future__ import annotations

import zlib

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["FORM", "Counts", "Weights", "pack", "unpack"]

FORM = 2  # of this structure, of the features (`questions`) and of how they are read: weights of another form are not

Floats = NDArray[np.float32]


class Counts(msgspec.Struct, frozen=True):
    """How often each item (a unit or a role, by number) was seen under each key: one row of (item, count) pairs a key."""

    keys: tuple[str, ...]
    lengths: tuple[int, ...]
    items: bytes  # uint16
    counts: bytes  # float32


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """All that a model is. `linear` is a matrix of float32: its first row the leaning to each unit, then one row a feature.

    `mix` weighs the three parts (linear, role, place); `smoothing` is how many cases the wider level is worth.
    """

    form: int = FORM
    units: tuple[str, ...]
    roles: tuple[str, ...]  # of each unit
    features: tuple[str, ...]
    linear: bytes
    by_role: Counts
    within_role: Counts
    by_place: Counts
    mix: tuple[float, float, float]
    smoothing: float = 2.0


def pack(weights: Weights) -> bytes:
    """Return the weights as bytes."""
    return zlib.compress(msgspec.msgpack.encode(weights), 6)


def unpack(data: bytes) -> Weights:
    """Return the weights again. Raises `ValueError` for those of another form."""
    weights = msgspec.msgpack.decode(zlib.decompress(data), type=Weights)
    if weights.form != FORM:
        raise ValueError(f"weights of form {weights.form}; this program reads form {FORM}")
    return weights
