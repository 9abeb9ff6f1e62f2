"""What a file says of its own coordinates: a `.prj`, the reference system of a GeoPackage, an old GeoJSON's `crs`.

Understood are WGS 84 and CGCS2000, in degrees or projected by Gauss-Krüger (as land surveys in China have them) or UTM. Neither
GCJ-02 nor BD-09 has an official name, so that no file can say it of itself: a file that names WGS 84 and is said to be GCJ-02
contradicts, until somebody says that its own word does not count.

>>> by_epsg(4547).name, by_epsg(4547).projection.meridian
('EPSG:4547', 114.0)
>>> by_epsg(4490).datum, by_epsg(4490).projection
('CGCS2000', None)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite, nan
from typing import NamedTuple

from grid.files.limits import BadBoundaryFile, broken
from grid.files.transverse import Transverse

__all__ = ["FileSystem", "agree", "by_epsg", "by_name", "by_wkt"]

_MOST_TEXT = 20_000  # characters of a description; real ones have below 3,000
_DEEPEST = 12
_SAME = ("WGS-84", "CGCS2000")
_FLATTENINGS = {"WGS-84": 1 / 298.257223563, "CGCS2000": 1 / 298.257222101}
_DATUMS = {
    "wgs1984": "WGS-84", "wgs84": "WGS-84", "worldgeodeticsystem1984": "WGS-84", "china2000": "CGCS2000", "cgcs2000": "CGCS2000",
    "chinageodeticcoordinatesystem2000": "CGCS2000", "chinageodetic2000": "CGCS2000",
}  # fmt: skip
_TRANSVERSE = ("transversemercator", "gausskruger")
_TOKEN = re.compile(
    r'\s*(?:"(?P<text>[^"]*)"|(?P<word>[A-Za-z_]\w*)|(?P<number>[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)|(?P<mark>[\[\](),]))'
)
_EPSG = re.compile(r"(?:EPSG|epsg):{1,2}(?:[\d.]*:)?(\d{4,5})\Z")


class FileSystem(NamedTuple):
    """A coordinate system: its datum (`WGS-84`, `CGCS2000`) and, when it is in metres, the projection. `name` is for people."""

    name: str
    datum: str
    projection: Transverse | None = None


class _Node(NamedTuple):
    """KEYWORD["name", …] of well-known text."""

    word: str
    parts: list[object]

    @property
    def name(self) -> str:
        return next((part for part in self.parts if isinstance(part, str)), "")

    def all(self, *words: str) -> Iterator[_Node]:
        """The nodes directly below with one of these keywords."""
        return (part for part in self.parts if isinstance(part, _Node) and part.word in words)

    def number(self) -> float:
        """The first number."""
        return next((part for part in self.parts if isinstance(part, float)), nan)


def by_epsg(code: int) -> FileSystem | None:
    """Return the system with this number of the EPSG register, or None for one that is not read.

    4326 and 4490 in degrees; 4491–4554 are CGCS2000 in Gauss-Krüger zones of 6° and 3°, with the zone's number before the easting
    or without; 32601–32660 are UTM.
    """
    if code in (4326, 4490):
        return FileSystem(f"EPSG:{code}", "WGS-84" if code == 4326 else "CGCS2000")
    for first, zones, zone, wide in ((4491, 11, 13, 6), (4502, 11, 0, 6), (4513, 21, 25, 3), (4534, 21, 0, 3)):
        if first <= code < first + zones:
            easting = 500_000.0 + (1_000_000.0 * (zone + code - first) if zone else 0.0)
            projection = Transverse(75.0 + wide * (code - first), easting, flattening=_FLATTENINGS["CGCS2000"])
            return FileSystem(f"EPSG:{code}", "CGCS2000", projection)
    if 32601 <= code <= 32660:
        projection = Transverse(6.0 * (code - 32600) - 183.0, 500_000.0, scale=0.9996, flattening=_FLATTENINGS["WGS-84"])
        return FileSystem(f"EPSG:{code}", "WGS-84", projection)
    return None


def by_name(name: str) -> FileSystem:
    """Return the system of an URN or a short name as GeoJSON files have them. Raises `BadBoundaryFile`."""
    if name.upper().endswith("CRS84"):
        return FileSystem("CRS84", "WGS-84")
    found = _EPSG.search(name)
    system = by_epsg(int(found[1])) if found else None
    if system is None:
        raise _unsupported(name)
    return system


def by_wkt(text: str) -> FileSystem:
    """Return the system that a well-known text describes. Raises `BadBoundaryFile` for one that is not read."""
    try:
        root = _parse(text)
    except ValueError as error:
        raise broken("boundary_crs", f"the coordinate system cannot be read: {error}", field="crs") from error
    if root.word in ("GEOGCS", "GEOGCRS", "GEODCRS"):
        return FileSystem(root.name, _datum_or_raise(root))
    if root.word != "PROJCS":
        raise _unsupported(root.name or root.word)
    geographic = next(root.all("GEOGCS"), root)
    return FileSystem(root.name, datum := _datum_or_raise(geographic), _projection(root, datum))


def agree(said: str, system: FileSystem | None, *, ignore_file: bool = False) -> None:
    """Raise `BadBoundaryFile` when the file says another system than the caller (WGS-84 and CGCS2000 count as one).

    `ignore_file` lets the caller's word stand for degrees; metres are always read as the file says.
    """
    if system is not None and said not in _SAME and not (ignore_file and system.projection is None):
        raise broken(
            "boundary_crs",
            f"the file says {system.name} ({system.datum}), the request {said}; take the file's own word out, "
            "or say that it does not count (ignore_file_crs)",
            field="crs", file_crs=system.name, crs=said,
        )  # fmt: skip


def _datum_or_raise(geographic: _Node) -> str:
    names = [geographic.name, *(node.name for node in geographic.all("DATUM", "ENSEMBLE"))]
    for name in names:
        plain = re.sub(r"[^a-z0-9]", "", name.casefold())
        datum = _DATUMS.get(plain.removeprefix("gcs").removeprefix("d")) or _DATUMS.get(plain.removesuffix("ensemble"))
        if datum:
            return datum
    raise _unsupported(geographic.name)


def _projection(root: _Node, datum: str) -> Transverse:
    method = re.sub(r"[^a-z]", "", next((node.name for node in root.all("PROJECTION")), "").casefold())
    numbers = {re.sub(r"[^a-z]", "", node.name.casefold()): node.number() for node in root.all("PARAMETER")}
    metre = next((node.number() for node in root.all("UNIT")), 1.0)
    if method not in _TRANSVERSE or metre != 1.0 or numbers.get("latitudeoforigin", 0.0) != 0.0:
        raise _unsupported(root.name)
    if not -180.0 <= numbers.get("centralmeridian", nan) <= 180.0 or not all(map(isfinite, numbers.values())):
        raise _unsupported(root.name)
    return Transverse(
        numbers["centralmeridian"], numbers.get("falseeasting", 0.0), numbers.get("falsenorthing", 0.0),
        numbers.get("scalefactor", 1.0), _FLATTENINGS[datum],
    )  # fmt: skip


def _unsupported(name: str) -> BadBoundaryFile:
    allowed = "WGS 84, CGCS2000, in degrees, Gauss-Krüger zones or UTM"
    return broken("boundary_crs", f"`{name[:80]}` is not read; allowed: {allowed}", field="crs", file_crs=name[:80])


def _parse(text: str) -> _Node:
    """Parse well-known text; ValueError for what is none."""
    if len(text) > _MOST_TEXT:
        raise ValueError(f"longer than {_MOST_TEXT} characters")
    stack: list[_Node] = [_Node("", [])]
    word, position = "", 0
    text = text.strip("\ufeff \r\n\t\0")
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None or len(stack) > _DEEPEST:
            raise ValueError(f"not well-known text at character {position + 1}")
        position = token.end()
        word = _take(token, stack, word)
    (root,) = [part for part in stack[0].parts if isinstance(part, _Node)] if len(stack) == 1 else []
    return root


def _take(token: re.Match[str], stack: list[_Node], word: str) -> str:
    """Put one token into the innermost node; returns the word that waits for its bracket."""
    if token["word"]:
        return token["word"].upper()
    if token["mark"] in ("[", "("):
        node = _Node(word, [])
        stack[-1].parts.append(node)
        stack.append(node)
    elif token["mark"] in ("]", ")"):
        if len(stack) == 1:
            raise ValueError("a bracket too many")
        stack.pop()
    elif token["text"] is not None:
        stack[-1].parts.append(token["text"])
    elif token["number"]:
        stack[-1].parts.append(float(token["number"]))
    return ""
