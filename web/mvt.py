"""Encoder for Mapbox Vector Tile 2 (https://github.com/mapbox/vector-tile-spec/tree/master/2.1): polygons and points with text
properties.

Written for speed with many small polygons: coordinates are scaled and rounded in bulk, only the bytes are made one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["EXTENT", "Feature", "encode_tile"]

EXTENT = 4096
_POINT, _POLYGON = 1, 3
_MOVE_TO_ONE, _CLOSE = 9, 15


class Feature(msgspec.Struct, frozen=True):
    """One thing on a layer: a polygon, multipolygon or point in the coordinates of the tile's bounds, and its text properties."""

    geometry: Any
    properties: Mapping[str, str]


def varint(value: int) -> bytes:
    """Return an unsigned number in base-128.

    >>> varint(300).hex()
    'ac02'
    """
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def _packed(numbers: Iterable[int]) -> bytes:
    return b"".join([bytes((number,)) if number < 128 else varint(number) for number in numbers])


def encode_tile(layers: Mapping[str, Iterable[Feature]], bounds: tuple[float, float, float, float]) -> bytes:
    """Return a tile whose `bounds` (west, south, east, north) become 0…EXTENT, y downwards; empty layers are left out."""
    return b"".join(_field(3, body) for name, features in layers.items() if (body := _layer(name, features, bounds)))


def _layer(name: str, features: Iterable[Feature], bounds: tuple[float, float, float, float]) -> bytes:
    keys: dict[str, int] = {}
    values: dict[str, int] = {}
    encoded = [_field(2, body) for feature in features if (body := _feature(feature, bounds, keys, values))]
    if not encoded:
        return b""
    head = _number(15, 2) + _field(1, name.encode())
    tail = [_field(3, key.encode()) for key in keys] + [_field(4, _field(1, value.encode())) for value in values]
    return head + b"".join(encoded) + b"".join(tail) + _number(5, EXTENT)


def _feature(feature: Feature, bounds: tuple[float, float, float, float], keys: dict[str, int], values: dict[str, int]) -> bytes:
    kind, geometry = _geometry(feature.geometry, bounds)
    if not geometry:
        return b""
    tags: list[int] = []
    for key, value in feature.properties.items():
        tags += (keys.setdefault(key, len(keys)), values.setdefault(value, len(values)))
    return _field(2, _packed(tags)) + _number(3, kind) + _field(4, _packed(geometry))


def _geometry(shape: Any, bounds: tuple[float, float, float, float]) -> tuple[int, list[int]]:
    if shape.geom_type == "Point":
        x, y = _scale(shapely.get_coordinates(shape), bounds)[0].tolist()
        return _POINT, [_MOVE_TO_ONE, _zigzag(x), _zigzag(y)]
    commands: list[int] = []
    last = np.zeros(2, dtype=np.int64)
    for polygon in shapely.get_parts(shape):
        for place, ring in enumerate(shapely.get_rings(polygon)):
            points = _ring(_scale(shapely.get_coordinates(ring), bounds), clockwise=place == 0)
            if points is None:
                if place == 0:
                    break  # an outside too small to be drawn takes its holes with it
                continue
            _append_ring(commands, points, last)
            last = points[-1]
    return _POLYGON, commands


def _scale(points: NDArray[np.float64], bounds: tuple[float, float, float, float]) -> NDArray[np.int64]:
    west, south, east, north = bounds
    scaled = (points - (west, north)) * (EXTENT / (east - west), -EXTENT / (north - south))
    return np.rint(scaled).astype(np.int64)


def _ring(points: NDArray[np.int64], *, clockwise: bool) -> NDArray[np.int64] | None:
    """Return the open ring without repeated points in the asked direction (y downwards), or None when it has no area."""
    keep = np.ones(len(points), dtype=bool)
    keep[1:] = (points[1:] != points[:-1]).any(axis=1)
    points = points[keep][:-1]
    if len(points) < 3:
        return None
    x, y = points[:, 0], points[:, 1]
    doubled = int(np.dot(x, np.roll(y, -1)) - np.dot(np.roll(x, -1), y))
    if doubled == 0:
        return None
    return points if (doubled > 0) == clockwise else points[::-1]


def _append_ring(commands: list[int], points: NDArray[np.int64], last: NDArray[np.int64]) -> None:
    steps = np.diff(points, axis=0, prepend=last.reshape(1, 2))
    zigzag = ((steps << 1) ^ (steps >> 63)).ravel().tolist()
    commands += [_MOVE_TO_ONE, *zigzag[:2], (len(points) - 1) << 3 | 2, *zigzag[2:], _CLOSE]


def _zigzag(value: int) -> int:
    return value << 1 ^ value >> 63
