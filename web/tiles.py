"""Vector tiles (Mapbox Vector Tile 2) of the territory, made here: layers district, township, community, grid and a point layer
`label`.

Single grids appear from zoom 12 on only (20,000 polygons in one tile cost seconds and are not readable). A label is a point
of its own, so that a name that crosses tiles is drawn once. Encoding runs in a thread of its own; ready tiles are kept, keyed
by the version of the territory, which is also their ETag.
"""

from __future__ import annotations

import asyncio
import gzip
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import mapbox_vector_tile
import numpy as np
import shapely
from numpy.typing import NDArray

from storage.errors import NotFound
from web.base import ApiHandler, operation

__all__ = ["Shape", "TileHandler", "TileSet", "Tiles", "tile_bounds"]

EXTENT = 4096
BUFFER = 64
MAX_ZOOM = 20
CACHE_BYTES = 48 * 1024 * 1024
FIRST_ZOOM = {"district": 0, "township": 9, "community": 11, "grid": 12}
LABEL_ZOOMS = {"district": (0, 12), "township": (10, 14), "community": (12, 17), "grid": (14, MAX_ZOOM)}
_RADIUS = 6378137.0  # metres, of web mercator
_HALF = math.pi * _RADIUS

Feature = dict[str, Any]
Bounds = tuple[float, float, float, float]


class Shape(Protocol):
    """One area as it is drawn (`grid.areas.Feature`): its polygon and its label's place in WGS-84 degrees."""

    code: str
    name: str
    name_en: str
    geometry: Any
    label: tuple[float, float]


class Snapshot(Protocol):
    """The territory at one moment."""

    version: str

    def features(self, level: str) -> Sequence[Any]:
        """Return all areas of a level with their polygons."""


def mercator(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn rows of lon, lat (degrees) into web mercator metres."""
    lon, lat = points[:, 0], np.clip(points[:, 1], -85.05112878, 85.05112878)
    x = np.radians(lon) * _RADIUS
    y = np.log(np.tan(np.pi / 4 + np.radians(lat) / 2)) * _RADIUS
    return np.column_stack([x, y])


def tile_bounds(z: int, x: int, y: int) -> Bounds:
    """Return west, south, east, north of a tile in web mercator metres.

    >>> [round(side) for side in tile_bounds(0, 0, 0)]
    [-20037508, -20037508, 20037508, 20037508]
    """
    side = 2 * _HALF / (1 << z)
    west, north = -_HALF + x * side, _HALF - y * side
    return west, north - side, west + side, north


class _Layer:
    """The areas of one level, projected and indexed."""

    def __init__(self, level: str, shapes: Iterable[Shape]) -> None:
        self.level = level
        self.shapes = list(shapes)
        geometries = np.array([shape.geometry for shape in self.shapes], dtype=object)
        self.geometries = shapely.transform(geometries, mercator)
        self.tree = shapely.STRtree(self.geometries)
        self.labels = shapely.points(mercator(np.array([shape.label for shape in self.shapes]).reshape(-1, 2)))
        self.label_tree = shapely.STRtree(self.labels)

    def polygons(self, bounds: Bounds) -> list[Feature]:
        """Return the features whose polygons touch the tile, clipped to it and simplified to a pixel."""
        west, south, east, north = bounds
        pad = (east - west) * BUFFER / EXTENT
        found = np.sort(self.tree.query(shapely.box(west - pad, south - pad, east + pad, north + pad)))
        simple = shapely.simplify(self.geometries[found], (east - west) / EXTENT * 4, preserve_topology=True)
        clipped = shapely.clip_by_rect(simple, west - pad, south - pad, east + pad, north + pad)
        return [
            {"geometry": piece, "properties": {"code": self.shapes[index].code, "name": self.shapes[index].name}}
            for index, piece in zip(found, clipped, strict=True)
            if not piece.is_empty and piece.geom_type in ("Polygon", "MultiPolygon")
        ]

    def label_points(self, bounds: Bounds) -> list[Feature]:
        """Return one point for each area whose label lies in the tile (west and south sides in, east and north out)."""
        west, south, east, north = bounds
        features = []
        for index in np.sort(self.label_tree.query(shapely.box(*bounds))):
            point, shape = self.labels[index], self.shapes[index]
            if west <= point.x < east and south <= point.y < north:
                properties = {"code": shape.code, "name": shape.name, "name_en": shape.name_en, "level": self.level}
                features.append({"geometry": point, "properties": properties})
        return features


class TileSet:
    """The tiles of one version of the territory; immutable."""

    def __init__(self, version: str, levels: Mapping[str, Iterable[Shape]]) -> None:
        self.version = version
        self._layers = {level: _Layer(level, shapes) for level, shapes in levels.items() if level in FIRST_ZOOM}

    def encode(self, z: int, x: int, y: int) -> bytes:
        """Return one tile, gzipped; empty where there is nothing to draw."""
        bounds = tile_bounds(z, x, y)
        layers: dict[str, list[Feature]] = {}
        labels: list[Feature] = []
        for level, layer in self._layers.items():
            if z >= FIRST_ZOOM[level]:
                layers[level] = layer.polygons(bounds)
            first, last = LABEL_ZOOMS[level]
            if first <= z <= last:
                labels += layer.label_points(bounds)
        filled = [{"name": name, "features": found} for name, found in (layers | {"label": labels}).items() if found]
        if not filled:
            return b""
        raw = mapbox_vector_tile.encode(filled, default_options={"quantize_bounds": bounds, "extents": EXTENT})
        return gzip.compress(raw, 6, mtime=0)


class Tiles:
    """Gives tiles of the present territory; `present` returns the snapshot that answers now."""

    def __init__(self, present: Callable[[], Snapshot]) -> None:
        self._present = present
        self._set: TileSet | None = None
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tiles")
        self._ready: OrderedDict[tuple[str, int, int, int], bytes] = OrderedDict()
        self._bytes = 0
        self._running: dict[tuple[str, int, int, int], asyncio.Future[bytes]] = {}

    @property
    def version(self) -> str:
        """The version of the territory that is drawn now."""
        return str(self._present().version)

    async def tile(self, z: int, x: int, y: int) -> bytes:
        """Return a gzipped tile. Raises `NotFound` for an address outside the pyramid."""
        if not (0 <= z <= MAX_ZOOM and 0 <= x < 1 << z and 0 <= y < 1 << z):
            raise NotFound
        key = (self.version, z, x, y)
        if key in self._ready:
            self._ready.move_to_end(key)
            return self._ready[key]
        running = self._running.get(key)
        if running is None:
            running = asyncio.get_running_loop().run_in_executor(self._pool, self._make, key)
            self._running[key] = running
            running.add_done_callback(lambda future: self._keep(key, future))
        return await asyncio.shield(running)

    def _make(self, key: tuple[str, int, int, int]) -> bytes:
        version, z, x, y = key
        if self._set is None or self._set.version != version:
            snapshot = self._present()
            self._set = TileSet(version, {level: snapshot.features(level) for level in FIRST_ZOOM})
        return self._set.encode(z, x, y)

    def _keep(self, key: tuple[str, int, int, int], future: asyncio.Future[bytes]) -> None:
        del self._running[key]
        if future.cancelled() or future.exception() is not None:
            return
        self._ready[key] = future.result()
        self._bytes += len(self._ready[key])
        while self._bytes > CACHE_BYTES:
            self._bytes -= len(self._ready.popitem(last=False)[1])

    def close(self) -> None:
        """Take no more work."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class TileHandler(ApiHandler):
    """GET /api/v1/tiles/{z}/{x}/{y}.mvt."""

    @operation("A vector tile of the territory", permission="directory.read", media="application/vnd.mapbox-vector-tile")
    async def get(self, z: str, x: str, y: str) -> None:
        """Send the tile; 304 while the territory has not changed."""
        if not (z.isdecimal() and x.isdecimal() and y.isdecimal()):
            raise NotFound
        tiles = self.services.tiles
        self.set_header("ETag", f'"{tiles.version}-{z}-{x}-{y}"')
        self.set_header("Cache-Control", "private, max-age=60")
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
            return
        data = await tiles.tile(int(z), int(x), int(y))
        self.set_header("Content-Type", "application/vnd.mapbox-vector-tile")
        if data:
            self.set_header("Content-Encoding", "gzip")
        self.finish(data)
