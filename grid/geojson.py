"""Reading the GeoJSON files of a city pack: typed properties and shapely geometries, what is wrong named by feature number."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np
import shapely

from dispatch.packs import PackReport

__all__ = ["MAX_BYTES", "FeatureCollection", "Read", "features_of", "shapes_of"]

MAX_BYTES = 512 * 1024 * 1024  # unpacked

T = TypeVar("T", bound=msgspec.Struct)


class Read(NamedTuple, Generic[T]):
    """One valid feature: its number in the file (the first is 1), its properties, its geometry as the file has it (or None)."""

    number: int
    properties: T
    geometry: Any


class GeoFeature(msgspec.Struct):
    """One feature as it was read; its geometry is not decoded yet."""

    properties: dict[str, Any] | None = None
    geometry: msgspec.Raw = msgspec.Raw()  # also holds null

    @property
    def has_no_shape(self) -> bool:
        """Whether the geometry is missing or null."""
        return bytes(self.geometry) in (b"", b"null")


class FeatureCollection(msgspec.Struct, tag="FeatureCollection"):
    """The shape of a GeoJSON file; `crs` is what files of before 2016 may say of their coordinates."""

    features: list[GeoFeature]
    crs: Any = None


def features_of(
    folder: Path,
    name: str,
    properties_type: type[T],
    geometry_types: Sequence[str],
    report: PackReport,
    *,
    required: bool = False,
    may_be_empty: bool = False,
) -> list[Read[T]]:
    """Return the valid features of `folder/name`; what is wrong goes into `report`. Codes must not repeat.

    A missing file is an error only when `required`; `may_be_empty` allows features without geometry.
    """
    collection = _decode(folder, name, report, required)
    if collection is None:
        return []
    geometries = shapes_of(collection.features)
    found: list[Read[T]] = []
    first: dict[str, int] = {}
    for number, (feature, geometry) in enumerate(zip(collection.features, geometries, strict=True), start=1):
        problem = _geometry_problem(feature, geometry, geometry_types, may_be_empty)
        if problem:
            report.error(name, number, "geometry", problem, code="geometry")
        properties = _properties(feature, properties_type, name, number, report)
        if properties is None:
            continue
        code = str(getattr(properties, "code", number))
        if first.setdefault(code, number) != number:
            report.error(name, number, "code", f"`{code}` stands in feature {first[code]} already", code="repeated")
        elif not problem:
            found.append(Read(number, properties, geometry))
    report.count(name, len(found))
    return found


def _decode(folder: Path, name: str, report: PackReport, required: bool) -> FeatureCollection | None:
    path = folder / name
    if not path.is_file():
        if required:
            report.error(name, None, "", "the file is missing; a pack must have it", code="missing_file")
        return None
    try:
        data = _bytes_of(path)
        return msgspec.json.decode(data, type=FeatureCollection)
    except (msgspec.MsgspecError, UnicodeDecodeError, EOFError, OSError, zlib.error, ValueError) as error:
        report.error(name, None, "", f"is not a GeoJSON FeatureCollection: {error}", code="malformed")
        return None


def _bytes_of(path: Path) -> bytes:
    if path.suffix != ".gz":
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES // 1024 // 1024} MB")
        return path.read_bytes()
    with gzip.open(path) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES // 1024 // 1024} MB unpacked")
    return data


def shapes_of(features: Sequence[GeoFeature]) -> Any:
    """Return the shapes as an array, flat; None where there is none or where it cannot be read."""
    texts = np.array([None if feature.has_no_shape else bytes(feature.geometry).decode() for feature in features], dtype=object)
    geometries = shapely.from_geojson(texts, on_invalid="ignore")
    return shapely.force_2d(geometries)


def _geometry_problem(feature: GeoFeature, geometry: Any, allowed: Sequence[str], may_be_empty: bool) -> str | None:
    words = f"allowed: a valid {' or '.join(allowed)} in degrees"
    if feature.has_no_shape:
        return None if may_be_empty else f"is missing; {words}"
    if geometry is None:
        return f"cannot be read; {words}"
    if geometry.geom_type not in allowed:
        return f"is a {geometry.geom_type}; {words}"
    if geometry.is_empty:
        return f"is empty; {words}"
    west, south, east, north = geometry.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        return f"leaves the range of longitude and latitude; {words}"
    if not geometry.is_valid:
        return f"is not valid ({shapely.is_valid_reason(geometry)}); {words}"
    return None


def _properties(feature: GeoFeature, kind: type[T], name: str, number: int, report: PackReport) -> T | None:
    """Convert the properties; those that the type does not know are left alone (a GIS adds its own)."""
    try:
        return msgspec.convert(feature.properties or {}, kind)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        field = place.strip("`").removeprefix("$.").removeprefix("$") or _missing_field(message)
        report.error(name, number, field, message, code="property")
        return None


def _missing_field(message: str) -> str:
    return message.rpartition("required field ")[2].strip("`") if "required field" in message else "properties"
