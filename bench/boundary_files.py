"""Files of boundaries as map tools write them: zipped Shapefiles and GeoPackages, made here as a test wants them."""

from __future__ import annotations

import io
import sqlite3
import struct
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import shapefile
import shapely

__all__ = ["Feature", "geopackage", "package_geometry", "shapefile_parts", "zipped"]

Feature = tuple[Any, Mapping[str, Any]]


def shapefile_parts(
    features: Iterable[Feature], *, encoding: str = "utf-8", cpg: str | None = "UTF-8", prj: str | None = None
) -> dict[str, bytes]:
    """The files of a Shapefile by ending."""
    shp, dbf = io.BytesIO(), io.BytesIO()
    features = list(features)
    with shapefile.Writer(shp=shp, dbf=dbf, shapeType=shapefile.POLYGON, encoding=encoding) as writer:
        for name in features[0][1]:
            writer.field(name, "C", size=60)
        for shape, properties in features:
            writer.shape(shapely.geometry.mapping(shape)) if shape is not None else writer.null()
            writer.record(**properties)
    parts = {".shp": shp.getvalue(), ".dbf": dbf.getvalue()}
    parts |= {".cpg": cpg.encode()} if cpg else {}
    return parts | ({".prj": prj.encode()} if prj else {})


def zipped(layers: Mapping[str, Mapping[str, bytes]]) -> bytes:
    """A zip of layers: the files of each by ending, under its name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, parts in layers.items():
            for ending, content in parts.items():
                archive.writestr(f"{name}{ending}", content)
    return out.getvalue()


def package_geometry(shape: Any, system: int = 4490, *, envelope: bool = True) -> bytes | None:
    """A shape as a GeoPackage holds it: header, box, WKB."""
    if shape is None:
        return None
    west, south, east, north = shape.bounds
    box = struct.pack("<4d", west, east, south, north) if envelope else b""
    return b"GP\0" + bytes([0b11 if envelope else 0b01]) + struct.pack("<i", system) + box + shapely.to_wkb(shape)


def geopackage(
    tables: Mapping[str, Sequence[Feature]], *, system: int = 4490, definition: str = "", extra: Sequence[str] = ()
) -> bytes:
    """A GeoPackage with these tables of features; `extra` statements are run last."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.gpkg"
        connection = sqlite3.connect(path)
        connection.executescript(_SCHEMA)
        connection.execute("INSERT INTO gpkg_spatial_ref_sys VALUES ('x', ?, 'EPSG', ?, ?)", (system, system, definition))
        for name, features in tables.items():
            columns = list(features[0][1])
            connection.execute("INSERT INTO gpkg_contents VALUES (?, 'features', ?)", (name, system))
            connection.execute("INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', 'GEOMETRY', ?, 0, 0)", (name, system))
            quoted = ", ".join(f'"{column}"' for column in columns)
            connection.execute(f'CREATE TABLE "{name}" (fid INTEGER PRIMARY KEY, geom BLOB, {quoted})')
            for shape, properties in features:
                blob = shape if isinstance(shape, bytes) else package_geometry(shape, system)
                marks = ", ".join("?" * (len(columns) + 1))
                connection.execute(f'INSERT INTO "{name}" (geom, {quoted}) VALUES ({marks})', (blob, *properties.values()))
        for statement in extra:
            connection.execute(statement)
        connection.commit()
        connection.close()
        return path.read_bytes()


_SCHEMA = """
PRAGMA application_id = 1196444487;
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT, srs_id INTEGER PRIMARY KEY, organization TEXT,
  organization_coordsys_id INTEGER, definition TEXT);
CREATE TABLE gpkg_contents (table_name TEXT PRIMARY KEY, data_type TEXT, srs_id INTEGER);
CREATE TABLE gpkg_geometry_columns (table_name TEXT, column_name TEXT, geometry_type_name TEXT, srs_id INTEGER, z INT, m INT);
"""
