"""Reading a GeoPackage: a SQLite database with tables of features, shapes in a header of its own and WKB (OGC 12-128).

The bytes go to a private temporary file and are opened read-only. A database may hold views and triggers of its maker's: only
plain tables are read, an authorizer permits nothing but reading them, and a limit of steps ends what would run for ever.
"""

from __future__ import annotations

import sqlite3
import struct
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from grid.files.layers import RawLayer, check_size, choose
from grid.files.limits import MAX_FEATURES, broken, too_much
from grid.files.systems import FileSystem, by_epsg, by_wkt

__all__ = ["read_geopackage"]

_STEPS = 10_000  # of SQLite's machine between two looks at the count
_MOST_LOOKS = 10_000  # 100 million steps: a table of 50,000 features takes about a million
_ENVELOPES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}  # bytes of the box after the header, by its code
_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_PRAGMA})
_PRAGMAS = frozenset({"table_info"})
_LAYERS = """
SELECT c.table_name, g.column_name, g.srs_id FROM gpkg_contents AS c
JOIN gpkg_geometry_columns AS g ON g.table_name = c.table_name
JOIN sqlite_master AS m ON m.name = c.table_name AND m.type = 'table' AND m.rootpage > 0
WHERE c.data_type = 'features' ORDER BY c.table_name
"""
_SYSTEM = "SELECT srs_name, organization, organization_coordsys_id, definition FROM gpkg_spatial_ref_sys WHERE srs_id = ?"


class _Table(NamedTuple):
    """A table of features."""

    name: str
    column: str
    system: int


def read_geopackage(data: bytes, layer: str | None) -> RawLayer:
    """Return the features of a table. Raises `BadBoundaryFile` naming the tables there are, or what cannot be read."""
    with tempfile.TemporaryDirectory(prefix="heyun-boundaries-") as folder:
        path = Path(folder) / "file.gpkg"
        path.write_bytes(data)
        try:
            with _opened(path) as connection:
                return _read(connection, layer)
        except (sqlite3.Error, sqlite3.Warning, UnicodeError, OverflowError) as error:
            raise broken("boundary_file_broken", f"the GeoPackage cannot be read: {str(error)[:120]}") from error


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "query_only=ON", "mmap_size=0"):
            connection.execute(f"PRAGMA {pragma}")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 64 * 1024 * 1024)
        connection.setlimit(sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 20)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        looks = iter(range(_MOST_LOOKS))
        connection.set_progress_handler(lambda: int(next(looks, None) is None), _STEPS)
        connection.set_authorizer(_authorize)
        yield connection


def _authorize(action: int, first: str | None, second: str | None, database: str | None, source: str | None) -> int:
    """Permit reading; `source` names the view or trigger on whose behalf something is asked, which nothing here needs."""
    if action not in _ALLOWED or source is not None or (action == sqlite3.SQLITE_PRAGMA and first not in _PRAGMAS):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _read(connection: sqlite3.Connection, layer: str | None) -> RawLayer:
    tables = {name: _Table(name, column, system) for name, column, system in connection.execute(_LAYERS)}
    if not tables:
        raise broken("boundary_file", "the GeoPackage has no table of features")
    table = tables[choose(sorted(tables), layer)]
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(table.name)})")]
    if table.column not in columns:
        raise broken("boundary_file_broken", f"`{table.name}` has no column `{table.column}`")
    rows = _rows(connection, table, columns)
    place = columns.index(table.column)
    shapes, unread = _shapes([row[place] for row in rows], table.system)
    check_size(shapes)
    properties = [{name: value for name, value in zip(columns, row, strict=True) if not isinstance(value, bytes)} for row in rows]
    return RawLayer("geopackage", table.name, tuple(sorted(tables)), properties, shapes, unread, _system(connection, table))


def _rows(connection: sqlite3.Connection, table: _Table, columns: list[str]) -> list[tuple[Any, ...]]:
    wanted = ", ".join(map(_quoted, columns))
    found = connection.execute(f"SELECT {wanted} FROM {_quoted(table.name)}").fetchmany(MAX_FEATURES + 1)  # noqa: S608
    if len(found) > MAX_FEATURES:
        raise too_much("features", len(found), MAX_FEATURES)
    return found


def _quoted(name: str) -> str:
    """An identifier as SQL takes it; a name with a zero byte is none."""
    if "\0" in name:
        raise broken("boundary_file_broken", "a name in the GeoPackage holds a zero byte")
    return '"' + name.replace('"', '""') + '"'


def _shapes(blobs: list[Any], system: int) -> tuple[NDArray[Any], dict[int, str]]:
    wkb = np.full(len(blobs), None, dtype=object)
    unread: dict[int, str] = {}
    for position, blob in enumerate(blobs):
        try:
            wkb[position] = _wkb_of(blob, system)
        except ValueError as error:
            unread[position] = str(error)
    shapes = shapely.from_wkb(wkb, on_invalid="ignore")
    for position in np.flatnonzero(shapely.is_missing(shapes)).tolist():
        if wkb[position] is not None:
            unread[position] = "the WKB cannot be read"
    return np.asarray(shapely.force_2d(shapes)), unread


def _wkb_of(blob: Any, system: int) -> bytes | None:
    """Return the WKB behind the header of a GeoPackage's shape; None where there is no shape. ValueError says what is wrong."""
    if blob is None:
        return None
    if not isinstance(blob, bytes) or len(blob) < 8 or blob[:2] != b"GP" or blob[2] != 0:
        raise ValueError("is not a GeoPackage geometry")
    flags = blob[3]
    (own,) = struct.unpack("<i" if flags & 1 else ">i", blob[4:8])
    if own not in (system, 0, -1):
        raise ValueError(f"names reference system {own}, its table {system}")
    envelope = _ENVELOPES.get((flags >> 1) & 7)
    if envelope is None or flags & 0x20:
        raise ValueError("is of an extended kind")
    return blob[8 + envelope :]


def _system(connection: sqlite3.Connection, table: _Table) -> FileSystem | None:
    if table.system in (0, -1):  # undefined, by the standard
        return None
    row = connection.execute(_SYSTEM, (table.system,)).fetchone()
    if row is None:
        raise broken("boundary_crs", f"reference system {table.system} is not described in the file", field="crs")
    name, organization, number, definition = row
    known = by_epsg(number) if str(organization).casefold() == "epsg" and isinstance(number, int) else None
    return known or by_wkt(definition if isinstance(definition, str) else str(name))
