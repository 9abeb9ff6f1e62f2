"""What is sent with an action, field by field: each by its type and bounds, all errors at once (`agreements` holds the rest)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from dispatch.clocks import Limit
from dispatch.fields import Field
from dispatch.limits import LIMIT_WORDS
from dispatch.masking import mask_text
from dispatch.model import CRS_NAMES
from dispatch.registry import CONDITIONS, SOURCES
from dispatch.situation import Situation
from dispatch.volunteers import read_volunteers
from storage.errors import FieldError

__all__ = ["applies", "is_required", "read_fields"]

Values = dict[str, Any]
ID_LENGTH = 80


class _BadRows(ValueError):
    """What is wrong with the rows of one value."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("rows")
        self.errors = errors


class _Bad(ValueError):
    """What is wrong with one value: a stable code and what is allowed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def is_required(field: Field, at: Situation) -> bool:
    """Tell whether the field must be filled for this case as it is."""
    return field.required or (field.required_when is not None and CONDITIONS[field.required_when](at))


def applies(field: Field, at: Situation) -> bool:
    """Tell whether there is the field for this case, or for this request or task of it."""
    return field.only_when is None or CONDITIONS[field.only_when](at)


def read_fields(fields: tuple[Field, ...], sent: Mapping[str, Any], at: Situation) -> tuple[Values, list[FieldError]]:
    """Return the values in their own types and everything that is wrong with what was sent."""
    fields = tuple(field for field in fields if applies(field, at))
    known = {field.name for field in fields}
    errors = [FieldError(field=name, code="unknown", message="no such field") for name in sent if name not in known]
    values: Values = {}
    for field in fields:
        raw = sent.get(field.name)
        if raw is None or raw in ("", []):
            if is_required(field, at):
                errors.append(FieldError(field=field.name, code="required", message="must be given"))
            continue
        try:
            values[field.name] = _READERS[field.type](raw, field, at)
        except _BadRows as error:
            errors += error.errors
        except _Bad as error:
            errors.append(FieldError(field=field.name, code=error.code, message=str(error)))
    return values, errors


def _text(raw: Any, field: Field, at: Situation) -> str:
    if not isinstance(raw, str):
        raise _Bad("type", "a text")
    value = raw.strip()
    least, most = field.min or 0, field.max or 2000
    if not least <= len(value) <= most:
        raise _Bad("length", f"{least} to {most} characters")
    masked = mask_text(value)
    if field.clean and masked != value:
        raise _Bad("personal_data", "will be published: no phone number, identity number, bank card or e-mail address")
    return masked


def _choice(raw: Any, field: Field, at: Situation) -> str:
    options = field.options or SOURCES[field.options_from or ""](at)["options"]
    if not isinstance(raw, str) or raw not in options:
        raise _Bad("choice", f"one of {', '.join(options)}")
    return raw


def _number(raw: Any, field: Field, at: Situation) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        raise _Bad("type", "a number")
    if (field.min is not None and raw < field.min) or (field.max is not None and raw > field.max):
        raise _Bad("range", f"from {field.min} to {field.max}")
    return raw


def _boolean(raw: Any, field: Field, at: Situation) -> bool:
    if not isinstance(raw, bool):
        raise _Bad("type", "true or false")
    return raw


def _datetime(raw: Any, field: Field, at: Situation) -> datetime:
    if isinstance(raw, datetime):
        value = raw
    else:
        try:
            value = datetime.fromisoformat(raw)
        except (TypeError, ValueError):
            raise _Bad("type", "a time in RFC 3339, like 2026-11-21T08:30:00.000Z") from None
    if value.tzinfo is None:
        raise _Bad("zone", "a time with its zone")
    value = value.astimezone(UTC)
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def _limit(raw: Any, field: Field, at: Situation) -> Limit:
    try:
        return Limit.parse(raw)
    except (TypeError, ValueError):
        raise _Bad("type", LIMIT_WORDS) from None


def _ids(raw: Any, field: Field, at: Situation) -> list[str]:
    if not isinstance(raw, list | tuple) or not all(isinstance(item, str) and 0 < len(item) <= ID_LENGTH for item in raw):
        raise _Bad("type", "a list of ids")
    values = list(dict.fromkeys(raw))
    least, most = field.min or 0, field.max or 50
    if not least <= len(values) <= most:
        raise _Bad("length", f"{least} to {most} of them")
    return values


def _point(raw: Any, field: Field, at: Situation) -> dict[str, Any]:
    if not isinstance(raw, Mapping) or set(raw) - {"lon", "lat", "crs", "accuracy_m", "address", "boundary_doubt"}:
        raise _Bad("type", "an object with lon, lat, crs")
    for name in ("lon", "lat"):
        value = raw.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise _Bad("type", f"{name} must be a number of degrees")
    if raw.get("crs") not in CRS_NAMES:
        raise _Bad("unknown_crs", f"crs must be one of {', '.join(CRS_NAMES)}")
    return {"lon": float(raw["lon"]), "lat": float(raw["lat"]), "crs": raw["crs"], "accuracy_m": raw.get("accuracy_m")}


def _id(raw: Any, field: Field, at: Situation) -> str:
    if not isinstance(raw, str) or len(raw) > ID_LENGTH:
        raise _Bad("type", "an id")
    return raw


def _unit(raw: Any, field: Field, at: Situation) -> dict[str, str]:
    unit = at.rules.directory.unit(raw) if isinstance(raw, str) else None
    if unit is None:
        raise _Bad("unknown_unit", "the code of an active unit")
    return {"code": unit.code, "name": unit.name}


def _units(raw: Any, field: Field, at: Situation) -> list[dict[str, str]]:
    return [_unit(code, field, at) for code in _ids(raw, field, at)]


def _volunteers(raw: Any, field: Field, at: Situation) -> list[dict[str, Any]]:
    rows, errors = read_volunteers(raw, field.max or 50)
    if errors:
        raise _BadRows(errors)
    return rows


def _organization(raw: Any, field: Field, at: Situation) -> dict[str, Any]:
    found = at.rules.directory.organization(raw) if isinstance(raw, str) else None
    if found is None:
        raise _Bad("unknown_organization", "the code of an organization")
    return {"code": found.code, "name": found.name}


def _organizations(raw: Any, field: Field, at: Situation) -> list[dict[str, Any]]:
    return [_organization(code, field, at) for code in _ids(raw, field, at)]


def _category(raw: Any, field: Field, at: Situation) -> str:
    category = at.rules.catalogue.get(raw) if isinstance(raw, str) else None
    if category is None or category.disabled_at is not None:
        raise _Bad("unknown_category", "the code of a category in use")
    return category.code


_READERS: dict[str, Callable[[Any, Field, Situation], Any]] = {
    "text": _text,
    "choice": _choice,
    "number": _number,
    "boolean": _boolean,
    "datetime": _datetime,
    "date": _datetime,
    "limit": _limit,
    "photos": _ids,
    "point": _point,
    "unit": _unit,
    "units": _units,
    "organization": _organization,
    "organizations": _organizations,
    "case": _id,
    "category": _category,
    "person": _id,
    "volunteers": _volunteers,
}
