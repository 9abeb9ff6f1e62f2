"""Reading a GeoJSON file of boundaries."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import shapely

from grid.files.layers import RawLayer, check_size
from grid.files.limits import MAX_FEATURES, broken, too_much
from grid.files.systems import FileSystem, by_name
from grid.geojson import FeatureCollection, GeoFeature, shapes_of

__all__ = ["read_geojson"]


def read_geojson(data: bytes) -> RawLayer:
    """Return the features of a FeatureCollection. Raises `BadBoundaryFile` for anything else."""
    try:
        collection = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=FeatureCollection)
        if len(collection.features) > MAX_FEATURES:
            raise too_much("features", len(collection.features), MAX_FEATURES)
        shapes = shapes_of(collection.features)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise broken("boundary_file_broken", f"is not a GeoJSON FeatureCollection: {error}") from error
    check_size(shapes)
    properties = [feature.properties or {} for feature in collection.features]
    return RawLayer("geojson", "", (), properties, shapes, _unread(collection.features, shapes), _system(collection.crs))


def _unread(features: list[GeoFeature], shapes: Any) -> dict[int, str]:
    """Why shapes that are there could not be read, by position."""
    found: dict[int, str] = {}
    for position in np.flatnonzero(shapely.is_missing(shapes)).tolist():
        if not features[position].has_no_shape:
            try:
                shapely.from_geojson(bytes(features[position].geometry).decode())
            except shapely.errors.GEOSException as error:
                found[position] = str(error).partition(": ")[2][:200] or "cannot be read"
    return found


def _system(crs: Any) -> FileSystem | None:
    """The old `crs` member; RFC 7946 has none and means WGS 84, which most files with other coordinates do not know."""
    if crs is None:
        return None
    name = crs.get("properties", {}).get("name") if isinstance(crs, dict) and isinstance(crs.get("properties"), dict) else None
    if not isinstance(name, str):
        raise broken(
            "boundary_crs", "`crs` of the file is not understood; allowed: a name like urn:ogc:def:crs:EPSG::4490", field="crs"
        )
    return by_name(name)
