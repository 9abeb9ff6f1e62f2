"""What may be written into the registry of organizations: the checks of an entry, its polygon, what a change changes. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import shapely
from shapely.geometry import shape

from dispatch.masking import mask_phone
from orgs import hours
from orgs.credit import is_credit_code
from orgs.organizations import KIND_WORDS, Organization
from storage.errors import FieldError, Invalid

__all__ = [
    "MOST_VERTICES", "OWN_FIELDS", "STANDINGS", "ToWgs84", "difference", "errors_of", "is_personal", "polygon", "shown_contact",
]  # fmt: skip

STANDINGS = ("normal", "abnormal", "revoked", "deregistered")
OWN_FIELDS = frozenset({"hours", "capacity", "contact"})  # what a coordinator may change of the own organization
MOST_VERTICES = 2_000
_MOBILE = re.compile(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)")
_OFFICE = "室处部站队会心社局办线话台科组院所店司团"  # how the name of an office ends
_HAN_NAME = re.compile(rf"(?<![\u4e00-\u9fff])[\u4e00-\u9fff]{{1,3}}(?![{_OFFICE}])[\u4e00-\u9fff](?![\u4e00-\u9fff])")

ToWgs84 = Callable[[float, float, str], tuple[float, float]]


def is_personal(contact: str) -> bool:
    """Tell whether a contact is a person's: it holds a mobile number or a name beside the number. An office's line is not.

    >>> is_personal("138 0013 8000"), is_personal("值班室 0851-85801234"), is_personal("王小明 0851-85801234")
    (True, False, True)
    """
    return _MOBILE.search(contact) is not None or _HAN_NAME.search(contact) is not None


def shown_contact(contact: str) -> str:
    """Return what is stored in the clear: the contact itself, of a person's only the masked number.

    >>> shown_contact("王小明 13800138000"), shown_contact("0851-85801234")
    ('** 138****8000', '0851-85801234')
    """
    return _HAN_NAME.sub("**", mask_phone(contact)) if is_personal(contact) else contact


def errors_of(found: Organization) -> list[FieldError]:
    """Return all that is wrong with an entry, by field, each with what is allowed."""
    errors = [
        *_unless(is_credit_code(found.credit_code) or not found.credit_code, "credit_code", "credit_code"),
        *_unless(bool(found.kinds) and set(found.kinds) <= set(KIND_WORDS), "kinds", "kind", f"of {', '.join(KIND_WORDS)}"),
        *_unless(hours.parse_or_none(found.hours) is not None, "hours", "hours", "24x7, or spans like 09:00-12:00,13:00-17:00"),
        *_unless((found.lon is None) == (found.lat is None), "lon", "required", "lon and lat together, or none"),
        *_unless(_serves_somewhere(found), "area_codes", "no_service", "areas, a polygon, or a point with radius_m"),
    ]
    first, last = found.valid_from, found.valid_to
    if first and last and last < first:
        errors.append(FieldError(field="valid_to", code="days", message=f"a day not before {first}"))
    return errors


def _unless(right: bool, field: str, code: str, message: str = "") -> list[FieldError]:
    return [] if right else [FieldError(field=field, code=code, message=message)]


def _serves_somewhere(found: Organization) -> bool:
    return bool(found.area_codes or found.wkb or (found.lon is not None and found.radius_m > 0))


def polygon(geometry: Mapping[str, Any], crs: str, to_wgs84: ToWgs84) -> tuple[bytes, float, float]:
    """Return a GeoJSON polygon as WKB in WGS-84 with a point inside of it (lon, lat).

    Raises `Invalid` naming the field `polygon` for what is no polygon, has too many points, or crosses itself.
    """
    try:
        found = shape(geometry)
    except (shapely.errors.ShapelyError, KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise _bad_polygon("a GeoJSON Polygon or MultiPolygon") from None
    if found.geom_type not in ("Polygon", "MultiPolygon") or found.is_empty:
        raise _bad_polygon("a GeoJSON Polygon or MultiPolygon")
    if shapely.get_num_coordinates(found) > MOST_VERTICES:
        raise _bad_polygon(f"at most {MOST_VERTICES} points")
    found = _in_wgs84(found, crs, to_wgs84)
    if not found.is_valid:
        raise _bad_polygon(shapely.is_valid_reason(found))
    inside = found.representative_point()
    return shapely.to_wkb(shapely.force_2d(found)), inside.x, inside.y


def _in_wgs84(found: Any, crs: str, to_wgs84: ToWgs84) -> Any:
    west, south, east, north = found.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise _bad_polygon("degrees, longitude first")
    if crs in ("WGS-84", "CGCS2000"):
        return found
    return shapely.transform(found, lambda points: [to_wgs84(lon, lat, crs) for lon, lat in points])


def _bad_polygon(message: str) -> Invalid:
    return Invalid(errors=[FieldError(field="polygon", code="polygon", message=message)])


def difference(before: Organization | None, after: Organization) -> dict[str, dict[str, Any]]:
    """Return what a change changes, as it is written down: field → before, after. Polygons are only named, never copied."""
    old = {} if before is None else _told(before)
    new = _told(after)
    return {name: {"before": old.get(name), "after": new[name]} for name in new if old.get(name) != new[name] and name != "rev"}


def _told(found: Organization) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(found)
    told["wkb"] = f"{len(found.wkb)} bytes, {_hash_of(found.wkb)}" if found.wkb else ""
    return told


def _hash_of(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=8).hexdigest()
