"""Build the Pingshan pack from the data folder beside the checkout; no licence is stated for the data, so there is no sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cities.data import DATA
from cities.pingshan.convert import convert

__all__ = ["build"]


def build(target: Path, *, data: Path = DATA, progress: Callable[[int, int, str], None] | None = None) -> dict[str, int]:
    """Write the pack into `target` and return how many rows each file has. Raises `FileNotFoundError` without the data."""
    return convert(data, target, progress=progress)
