"""Reading a zipped Shapefile: `.shp` and `.dbf`, with `.prj` for the coordinate system and `.cpg` for the characters.

The characters of a table are those that `.cpg` names, else those of its own mark, else UTF-8 if all of it is, else GBK.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from struct import error as StructError
from typing import Any, NamedTuple

import msgspec
import numpy as np
import shapefile
import shapely
from numpy.typing import NDArray

from grid.files.archives import members_of
from grid.files.layers import RawLayer, check_size, choose
from grid.files.limits import MAX_FEATURES, MAX_VERTICES, BadBoundaryFile, broken, too_much
from grid.files.systems import FileSystem, by_wkt

__all__ = ["read_shapefile"]

_PARTS = (".shp", ".dbf", ".prj", ".cpg")
_CHARACTERS = {"utf-8": "utf-8", "utf8": "utf-8", "65001": "utf-8", "gbk": "gb18030", "936": "gb18030", "cp936": "gb18030",
               "gb2312": "gb18030", "gb18030": "gb18030", "oem 936": "gb18030", "ansi 936": "gb18030"}  # fmt: skip
_CHINESE_MARK = 0x4D  # of a dBASE table: code page 936
_DAMAGED = (
    shapefile.ShapefileException, shapefile.RingSamplingError, StructError, ValueError, KeyError, IndexError, TypeError,
    OverflowError,
)  # fmt: skip


class _Parts(NamedTuple):
    """The files of one layer."""

    shp: bytes
    dbf: bytes
    prj: bytes | None
    cpg: bytes | None


def read_shapefile(data: bytes, layer: str | None) -> RawLayer:
    """Return the features of a layer of a zip. Raises `BadBoundaryFile` naming the file in it and the feature."""
    files = members_of(data, _PARTS)
    layers = _layers(files)
    if not layers:
        raise broken(
            "boundary_file", "the archive has no .shp; allowed: a zipped Shapefile, GeoJSON, gzipped GeoJSON, GeoPackage"
        )
    name = choose(sorted(layers), layer)
    parts = layers[name]
    if parts is None:
        raise broken("boundary_file_broken", "the table (.dbf) of the layer is missing in the archive", file=f"{name}.dbf")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of characters and winding; what matters of it is judged later
        properties = _properties(name, parts)
        shapes = _shapes(name, parts)
    if len(properties) != len(shapes):
        words = f"{len(shapes)} shapes but {len(properties)} rows"
        raise broken("boundary_file_broken", words, file=f"{name}.dbf")
    check_size(shapes)
    return RawLayer("shapefile", name, tuple(sorted(layers)), properties, shapes, {}, _system(name, parts))


def _layers(files: Mapping[str, bytes]) -> dict[str, _Parts | None]:
    """The layers by name; None for one without a table."""
    by_stem: dict[str, dict[str, bytes]] = {}
    for path, content in files.items():
        pure = PurePosixPath(path)
        by_stem.setdefault(str(pure.with_suffix("")), {})[pure.suffix.casefold()] = content
    stems = [stem for stem, parts in by_stem.items() if ".shp" in parts]
    names = [PurePosixPath(stem).name for stem in stems]
    short = len(set(names)) == len(names)  # of two folders with one name each path stands for itself
    return {
        (PurePosixPath(stem).name if short else stem): (
            _Parts(parts[".shp"], parts[".dbf"], parts.get(".prj"), parts.get(".cpg")) if ".dbf" in parts else None
        )
        for stem in stems
        for parts in [by_stem[stem]]
    }


def _system(name: str, parts: _Parts) -> FileSystem | None:
    if parts.prj is None:
        return None
    try:
        return by_wkt(parts.prj.decode("utf-8", errors="replace"))
    except BadBoundaryFile as error:
        errors = [msgspec.structs.replace(one, file=f"{name}.prj") for one in error.errors]
        raise BadBoundaryFile(error.detail, code=error.code, errors=errors, **error.data) from error


def _properties(name: str, parts: _Parts) -> list[dict[str, Any]]:
    if int.from_bytes(parts.dbf[4:8], "little") > MAX_FEATURES:
        raise too_much("features", int.from_bytes(parts.dbf[4:8], "little"), MAX_FEATURES)
    declared = _declared(name, parts)
    wrong: Exception | None = None
    for encoding in declared:
        try:
            with shapefile.Reader(dbf=io.BytesIO(parts.dbf), encoding=encoding) as reader:
                return [dict(record.as_dict()) for record in reader.iterRecords()]
        except (UnicodeDecodeError, *_DAMAGED) as error:
            wrong = error
    words = f"the table cannot be read as {' or '.join(declared)}: {str(wrong)[:120]}"
    raise broken("boundary_file_broken", words, file=f"{name}.dbf") from wrong


def _declared(name: str, parts: _Parts) -> Sequence[str]:
    """The encodings to try, in order."""
    if parts.cpg is not None and parts.cpg.strip(b"\xef\xbb\xbf \r\n\0"):
        text = parts.cpg.decode("ascii", errors="replace").strip("\ufffd \r\n\0").casefold()
        if text in _CHARACTERS:
            return [_CHARACTERS[text]]
        words = f"the characters `{text[:40]}` are not read; allowed: UTF-8, GBK, GB2312, GB18030, 936"
        raise broken("boundary_file_broken", words, file=f"{name}.cpg")
    return ["gb18030"] if len(parts.dbf) > 29 and parts.dbf[29] == _CHINESE_MARK else ["utf-8", "gb18030"]


def _shapes(name: str, parts: _Parts) -> NDArray[Any]:
    found: list[Any] = []
    vertices = 0
    try:
        with shapefile.Reader(shp=io.BytesIO(parts.shp)) as reader:
            for shape in reader.iterShapes():
                vertices += len(shape.points)
                if vertices > MAX_VERTICES:
                    raise too_much("vertices", vertices, MAX_VERTICES)
                found.append(_shape(shape))
                if len(found) > MAX_FEATURES:
                    raise too_much("features", len(found), MAX_FEATURES)
    except _DAMAGED as error:
        words = f"the shape cannot be read: {str(error)[:120]}"
        raise broken("boundary_file_broken", words, file=f"{name}.shp", row=len(found) + 1) from error
    shapes = np.empty(len(found), dtype=object)
    shapes[:] = found
    return np.asarray(shapely.force_2d(shapes))


def _shape(shape: Any) -> Any:
    """The shapely geometry of one shape; what is no polygon stays what it is, and is judged later."""
    if shape.shapeType == shapefile.NULL or not shape.points:
        return None
    if shape.shapeType not in (shapefile.POLYGON, shapefile.POLYGONZ, shapefile.POLYGONM):
        return shapely.MultiPoint([point[:2] for point in shape.points])
    ends = [*shape.parts[1:], len(shape.points)]
    rings = [[point[:2] for point in shape.points[start:end]] for start, end in zip(shape.parts, ends, strict=True)]
    closed = [ring if ring[0] == ring[-1] else [*ring, ring[0]] for ring in rings if len(ring) > 2]
    groups = shapefile.organize_polygon_rings([[tuple(point) for point in ring] for ring in closed])
    polygons = [shapely.Polygon(group[0], group[1:]) for group in groups]
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
