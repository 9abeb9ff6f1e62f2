"""The transverse Mercator projection and its way back to degrees: Gauss-Krüger zones and UTM.

Krüger's series in the third flattening to the fourth order, as in the IOGP's guidance note 7-2: exact to less than a millimetre
within 6° of the meridian (`tests/grid/test_systems.py` holds it against PROJ for every zone of CGCS2000).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Transverse"]

_AXIS = 6378137.0  # of WGS 84 and of CGCS2000


class Transverse(NamedTuple):
    """A transverse Mercator projection: central meridian in degrees, false easting and northing in metres, scale on the meridian.

    >>> zone = Transverse(114.0, 500_000.0)
    >>> [round(float(value), 9) for value in zone.to_degrees(np.array([[500_000.0, 0.0]]))[0]]
    [114.0, 0.0]
    """

    meridian: float
    easting: float
    northing: float = 0.0
    scale: float = 1.0
    flattening: float = 1 / 298.257222101

    def to_degrees(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return longitude and latitude of points given as easting and northing, one a row."""
        with np.errstate(all="ignore"):  # what is no easting or northing becomes no longitude or latitude
            return self._inverse(at)

    def _inverse(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        n = self.flattening / (2.0 - self.flattening)
        metres = self.scale * _AXIS / (1.0 + n) * (1.0 + n**2 / 4.0 + n**4 / 64.0)
        north, east = (at[:, 1] - self.northing) / metres, (at[:, 0] - self.easting) / metres
        there_north, there_east = north.copy(), east.copy()
        for times, factor in zip((2.0, 4.0, 6.0, 8.0), _rectifying(n), strict=True):
            there_north -= factor * np.sin(times * north) * np.cosh(times * east)
            there_east -= factor * np.cos(times * north) * np.sinh(times * east)
        conformal = np.arcsin(np.sin(there_north) / np.cosh(there_east))
        lat = conformal.copy()
        for times, factor in zip((2.0, 4.0, 6.0, 8.0), _latitude(n), strict=True):
            lat += factor * np.sin(times * conformal)
        lon = np.arctan2(np.sinh(there_east), np.cos(there_north))
        return np.column_stack([self.meridian + np.degrees(lon), np.degrees(lat)])


def _rectifying(n: float) -> tuple[float, ...]:
    return (
        n / 2 - 2 * n**2 / 3 + 37 * n**3 / 96 - n**4 / 360,
        n**2 / 48 + n**3 / 15 - 437 * n**4 / 1440,
        17 * n**3 / 480 - 37 * n**4 / 840,
        4397 * n**4 / 161280,
    )


def _latitude(n: float) -> tuple[float, ...]:
    return (
        2 * n - 2 * n**2 / 3 - 2 * n**3 + 116 * n**4 / 45,
        7 * n**2 / 3 - 8 * n**3 / 5 - 227 * n**4 / 45,
        56 * n**3 / 15 - 136 * n**4 / 35,
        4279 * n**4 / 630,
    )
