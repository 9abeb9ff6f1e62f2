"""Coordinate systems that reports arrive in, and WGS-84, in which everything is stored (domain: 坐标系).

CGCS2000 differs from WGS-84 by centimetres and is taken as equal. GCJ-02 (AMap, Tencent, phones) lies about half a
kilometre away, BD-09 (Baidu) about 900 m further; both are converted with the well-known public formula, back by
iteration, so that a round trip stays within 1e-6° (a tenth of a metre; in fact within 1e-9°). Outside China GCJ-02
and BD-09 equal WGS-84.

The functions take degrees, longitude first, as floats or as numpy arrays of one shape.

>>> to_wgs84(106.6335684, 26.6433304, "GCJ-02")  # doctest: +ELLIPSIS
(106.6300..., 26.6469...)
>>> [round(value, 7) for value in from_wgs84(106.63, 26.647, "BD-09")]
[106.6401323, 26.6490888]
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dispatch.errors import UnknownCrs
from dispatch.model import CRS_NAMES

__all__ = ["from_wgs84", "to_wgs84"]

_SAME = frozenset({"WGS-84", "CGCS2000"})
_WEST, _SOUTH, _EAST, _NORTH = 72.004, 0.8293, 137.8347, 55.8271  # the box in which the formula shifts
_AXIS, _ECCENTRICITY = 6378245.0, 0.00669342162296594323  # Krasovsky 1940, as in the published formula
_BAIDU = math.pi * 3000.0 / 180.0
_LAST_STEP = 1e-7  # degrees; a step leaves less than a thousandth of its own length, so 1e-10
_MOST_STEPS = 12


def to_wgs84(lon: Any, lat: Any, crs: str) -> tuple[Any, Any]:
    """Return the position in WGS-84 degrees. Raises `UnknownCrs` for a name that is not in `dispatch.model.CRS_NAMES`."""
    if crs in _SAME:
        return lon, lat
    forward = _forward(crs)
    if isinstance(lon, np.ndarray):
        return _invert_arrays(forward, lon, lat)
    return _invert(forward, lon, lat)


def from_wgs84(lon: Any, lat: Any, crs: str) -> tuple[Any, Any]:
    """Return a WGS-84 position in the system `crs`. Raises `UnknownCrs`.

    >>> from_wgs84(-73.98, 40.75, "GCJ-02")  # outside China nothing moves
    (-73.98, 40.75)
    """
    if crs in _SAME:
        return lon, lat
    forward = _forward(crs)
    if isinstance(lon, np.ndarray):
        there_lon, there_lat = forward(lon, lat, np)
        inside = _in_china(lon, lat)
        return np.where(inside, there_lon, lon), np.where(inside, there_lat, lat)
    return forward(lon, lat, math) if _in_china(lon, lat) else (lon, lat)


def _forward(crs: str) -> Any:
    if crs == "GCJ-02":
        return _to_gcj02
    if crs == "BD-09":
        return _to_bd09
    raise UnknownCrs(f"crs {crs!r} is not one of {', '.join(CRS_NAMES)}", crs=crs, allowed=list(CRS_NAMES))


def _in_china(lon: Any, lat: Any) -> Any:
    return (lon >= _WEST) & (lon <= _EAST) & (lat >= _SOUTH) & (lat <= _NORTH)


def _is_near_china(lon: Any, lat: Any) -> Any:
    return (lon > _WEST - 0.1) & (lon < _EAST + 0.1) & (lat > _SOUTH - 0.1) & (lat < _NORTH + 0.1)


def _invert(forward: Any, lon: float, lat: float) -> tuple[float, float]:
    """Fixed-point iteration: the shift hardly changes over its own length, so each step gains about three digits."""
    if not _is_near_china(lon, lat):
        return lon, lat
    here_lon, here_lat = lon, lat
    for _ in range(_MOST_STEPS):
        there_lon, there_lat = forward(here_lon, here_lat, math)
        step_lon, step_lat = lon - there_lon, lat - there_lat
        here_lon += step_lon
        here_lat += step_lat
        if -_LAST_STEP < step_lon < _LAST_STEP and -_LAST_STEP < step_lat < _LAST_STEP:
            break
    return (here_lon, here_lat) if _in_china(here_lon, here_lat) else (lon, lat)


def _invert_arrays(forward: Any, lon: Any, lat: Any) -> tuple[Any, Any]:
    near = _is_near_china(lon, lat)
    here_lon, here_lat = np.where(near, lon, 0.0), np.where(near, lat, 0.0)  # far away the formula means nothing
    for _ in range(_MOST_STEPS):
        there_lon, there_lat = forward(here_lon, here_lat, np)
        here_lon, here_lat = here_lon + np.where(near, lon - there_lon, 0.0), here_lat + np.where(near, lat - there_lat, 0.0)
    inside = _in_china(here_lon, here_lat)
    return np.where(inside, here_lon, lon), np.where(inside, here_lat, lat)


def _to_gcj02(lon: Any, lat: Any, m: Any) -> tuple[Any, Any]:
    """Shift by the public formula; `m` is `math` or `numpy`."""
    x, y = lon - 105.0, lat - 35.0
    sin, pi = m.sin, math.pi
    root = m.sqrt(abs(x))
    common = (20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + common
    north += (20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi)) * 2.0 / 3.0
    north += (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y * pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + common
    east += (20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi)) * 2.0 / 3.0
    east += (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi)) * 2.0 / 3.0
    radians = lat / 180.0 * pi
    sine = sin(radians)
    magic = 1.0 - _ECCENTRICITY * sine * sine
    square = m.sqrt(magic)
    north = north * 180.0 / (_AXIS * (1.0 - _ECCENTRICITY) / (magic * square) * pi)
    east = east * 180.0 / (_AXIS / square * m.cos(radians) * pi)
    return lon + east, lat + north


def _to_bd09(lon: Any, lat: Any, m: Any) -> tuple[Any, Any]:
    x, y = _to_gcj02(lon, lat, m)
    radius = m.sqrt(x * x + y * y) + 0.00002 * m.sin(y * _BAIDU)
    angle = m.atan2(y, x) + 0.000003 * m.cos(x * _BAIDU)
    return radius * m.cos(angle) + 0.0065, radius * m.sin(angle) + 0.006
