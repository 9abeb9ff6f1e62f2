"""From the bytes of a file to boundaries in WGS-84: which kind of file, which layer, which properties, which coordinates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from dispatch.model import CRS_NAMES
from grid.boundaries import Boundary, Finding, wrong_property
from grid.coordinates import to_wgs84
from grid.files.archives import gunzip
from grid.files.geojson import read_geojson
from grid.files.geopackage import read_geopackage
from grid.files.layers import RawLayer
from grid.files.limits import MAX_UPLOAD, broken, too_much
from grid.files.properties import as_code, as_kind, as_level, as_moment, as_text, columns_for
from grid.files.shapefile import read_shapefile
from grid.files.systems import agree
from grid.numbering import level_of, parent_of

__all__ = ["BoundaryFile", "ReadOptions", "read_boundaries"]

_ZIP, _GZIP, _SQLITE = b"PK\x03\x04", b"\x1f\x8b", b"SQLite format 3\0"


class ReadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller says of a file: always its coordinate system (`dispatch.model.CRS_NAMES`); which layer, if it has several.

    `field_map` names the property of a part (`grid.files.properties.FIELDS`). `level` and `kind` are for features that say none.
    `ignore_file_crs`: the system that the file names itself does not count. Days in the file are days of `zone`.
    """

    crs: str
    layer: str | None = None
    level: str = ""
    kind: str = "duty"
    field_map: dict[str, str] = {}
    ignore_file_crs: bool = False
    zone: str = "Asia/Shanghai"


class BoundaryFile(msgspec.Struct, frozen=True, kw_only=True):
    """What was read: the kind of file, the layer and all there are, the system that it names itself, which property held which
    part, the boundaries in WGS-84, and findings of properties that could not be understood."""

    form: str
    layer: str
    layers: tuple[str, ...]
    file_crs: str
    fields: dict[str, str]
    boundaries: list[Boundary]
    findings: list[Finding] = []


def read_boundaries(data: bytes, options: ReadOptions) -> BoundaryFile:
    """Return the boundaries of a file, whose kind is told by its content.

    Raises `BadBoundaryFile` for a file that is not read, is too large, or contradicts the caller; what is wrong with one feature
    is left to `grid.inspection`, or stands in `findings`.
    """
    if options.crs not in CRS_NAMES:
        raise broken("boundary_crs", f"`{options.crs}` is not known; allowed: {', '.join(CRS_NAMES)}", field="crs")
    if len(data) > MAX_UPLOAD:
        raise too_much("bytes", len(data), MAX_UPLOAD)
    layer = _layer_of(data, options.layer)
    if not layer.properties:
        raise broken("boundary_file", "the file has no features", file=layer.name or None)
    agree(options.crs, layer.system, ignore_file=options.ignore_file_crs)
    fields = columns_for((name for one in layer.properties for name in one), options.field_map)
    boundaries, findings = _boundaries(layer, fields, _wkb(layer, options), options)
    return BoundaryFile(
        form=layer.form, layer=layer.name, layers=layer.names, file_crs=layer.system.name if layer.system else "", fields=fields,
        boundaries=boundaries, findings=findings,
    )  # fmt: skip


def _layer_of(data: bytes, wanted: str | None) -> RawLayer:
    if data.startswith(_SQLITE):
        return read_geopackage(data, wanted)
    if data.startswith(_ZIP):
        return read_shapefile(data, wanted)
    text = gunzip(data) if data.startswith(_GZIP) else data
    if not text.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        words = "is of no kind that is read; allowed: GeoJSON, gzipped GeoJSON, zipped Shapefile, GeoPackage"
        raise broken("boundary_file", words)
    return read_geojson(text)


def _wkb(layer: RawLayer, options: ReadOptions) -> Sequence[bytes | None]:
    """The shapes in WGS-84 degrees, as WKB."""
    shapes = layer.shapes
    if layer.system is not None and layer.system.projection is not None:
        shapes = shapely.transform(shapes, layer.system.projection.to_degrees)
    elif _in_metres(shapes):
        words = "the coordinates are no degrees, and the file does not say by which projection; add its .prj"
        raise broken("boundary_crs", words, field="crs")
    if options.crs in ("GCJ-02", "BD-09"):
        shapes = shapely.transform(shapes, lambda at: np.column_stack(to_wgs84(at[:, 0], at[:, 1], options.crs)))
    wkb: Sequence[bytes | None] = shapely.to_wkb(shapes).tolist()
    return wkb


def _in_metres(shapes: NDArray[Any]) -> bool:
    """Whether no shape at all can be degrees: one or two that are not are mistakes of drawing."""
    extent = np.abs(shapely.bounds(shapes))
    there = extent[~np.isnan(extent).any(axis=1)]
    return len(there) > 0 and bool((there.max(axis=1) > 360.0).all())


def _boundaries(
    layer: RawLayer, fields: Mapping[str, str], wkb: Sequence[bytes | None], options: ReadOptions
) -> tuple[list[Boundary], list[Finding]]:
    zone = ZoneInfo(options.zone)
    boundaries: list[Boundary] = []
    findings: list[Finding] = []
    for position, properties in enumerate(layer.properties):
        of = {field: properties.get(name) for field, name in fields.items()}
        code = as_code(of.get("code"))
        moments = {field: _moment(of.get(field), zone) for field in ("valid_from", "valid_to")}
        for field, moment in moments.items():
            if isinstance(moment, str):
                findings.append(wrong_property(position + 1, code, field, "day", moment))
        begin, end = (None if isinstance(moment, str) else moment for moment in moments.values())
        level = as_level(of.get("level")) or options.level or level_of(code) or ""
        boundaries.append(
            Boundary(
                number=position + 1, code=code, name=as_text(of.get("name")), level=level,
                kind=as_kind(of.get("kind")) or (options.kind if level == "grid" else ""),
                parent=None if level == "city" else as_code(of.get("parent")) or parent_of(code),
                name_en=as_text(of.get("name_en")), wkb=wkb[position] or b"", unread=layer.unread.get(position, ""),
                valid_from=begin, valid_to=end,
            )
        )  # fmt: skip
    return boundaries, findings


def _moment(value: Any, zone: ZoneInfo) -> datetime | str | None:
    """The moment, or the text that is none."""
    try:
        return as_moment(value, zone)
    except (ValueError, OverflowError):
        return as_text(value)
