"""Where recorded data of other cities lie, and how their tables are read."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

__all__ = ["DATA", "read_features", "read_rows"]

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"  # beside the checkout; may be missing


def read_rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a table (.csv or .csv.gz, UTF-8) as dictionaries; every cell is text."""
    compressed = path.suffix == ".gz"
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") if compressed else _open(path) as file:
        yield from csv.DictReader(file)


def _open(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", newline="")


def read_features(path: Path) -> list[dict[str, Any]]:
    """Return the features of a GeoJSON file (.geojson or .geojson.gz)."""
    data = path.read_bytes()
    features: list[dict[str, Any]] = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)["features"]
    return features
