"""Writing the files of a pack so that the same content is the same bytes on every machine and day."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

__all__ = ["feature", "write_csv", "write_geojson"]

DECIMALS = 6


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write a table with a header in UTF-8 and return how many rows it has."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow(row)
            count += 1
    return count


def feature(geometry: BaseGeometry | None, properties: Mapping[str, Any], *, decimals: int = DECIMALS) -> dict[str, Any]:
    """Return a GeoJSON feature with rounded coordinates (six decimals are about 0.1 m)."""
    if geometry is None:
        return {"type": "Feature", "properties": dict(properties), "geometry": None}
    rounded = shapely.transform(geometry, lambda points: points.round(decimals))
    shape = mapping(rounded)
    return {"type": "Feature", "properties": dict(properties), "geometry": shape}


def write_geojson(path: Path, features: Iterable[Mapping[str, Any]]) -> None:
    """Write a feature collection, one feature a line; a name that ends in .gz is compressed (without the time of day)."""
    lines = ",\n".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in features)
    text = f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'.encode()
    if path.suffix != ".gz":
        path.write_bytes(text)
        return
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0, compresslevel=6) as file:
        file.write(text)
    path.write_bytes(buffer.getvalue())
