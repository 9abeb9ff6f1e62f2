"""Build the NYC pack from the data folder beside the checkout, or from the small sample in this package where there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cities.data import DATA
from cities.nyc.convert import convert

__all__ = ["SAMPLE", "build"]

SAMPLE = Path(__file__).resolve().parent / "sample"


def build(target: Path, *, data: Path | None = None, progress: Callable[[int, int, str], None] | None = None) -> dict[str, int]:
    """Write the pack into `target` and return how many rows each file has; `data` names another source."""
    source = data or (DATA if (DATA / "nyc311").is_dir() else SAMPLE)
    return convert(source, target, progress=progress)
