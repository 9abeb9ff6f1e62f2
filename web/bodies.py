"""From bytes to typed values: what is not JSON is 400, what has the wrong shape is 422 with the path of the field.

Decoding and validation are one pass of msgspec. Unknown fields are refused by name, so that a misspelt field is noticed
and a `$` key never travels on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from storage.errors import FieldError, Invalid, Malformed

__all__ = ["Body", "check_keys", "decode", "query_values", "shape_error"]

T = TypeVar("T")
_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_NAMED = re.compile(r"`([^`]*)`")
_CODES = (
    ("Object missing required field", "required"),
    ("Object contains unknown field", "unknown_field"),
    ("Expected `datetime`", "datetime"),
    ("Invalid RFC3339", "datetime"),
    ("Invalid enum value", "choice"),
    ("Expected `str` of length <=", "too_long"),
    ("Expected `str` of length >=", "too_short"),
    ("Expected `array` of length <=", "too_many"),
    ("Expected `array` of length >=", "too_few"),
    ("Number out of range", "range"),
)


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Base of everything that is sent in: a field that is not declared is refused by name."""


def decode(decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    """Return the typed value of a JSON body. Raises `Malformed` (not JSON) or `Invalid` (wrong shape, with the field)."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise shape_error(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed from None


def shape_error(error: msgspec.ValidationError) -> Invalid:
    """Turn msgspec's sentence into field, code and what is allowed."""
    found = _AT.match(str(error))
    what, path = (found["what"], found["path"] or "$") if found else (str(error), "$")
    code = next((code for start, code in _CODES if what.startswith(start)), "type")
    field = path.removeprefix("$").removeprefix(".")
    if code in {"required", "unknown_field"} and (named := _NAMED.search(what)):
        field = f"{field}.{named[1]}" if field else named[1]
        what = ""
    return Invalid(errors=[FieldError(field=field, code=code, message=what if code == "type" else "")])


def check_keys(value: Any, path: str = "") -> None:
    """Refuse names that a database could take for an operator or a path: `$…`, a dot, a zero byte. Raises `Invalid`."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key.startswith("$") or "." in key or "\0" in key:
                raise Invalid(errors=[FieldError(field=f"{path}{key}", code="unknown_field")])
            check_keys(inner, f"{path}{key}.")
    elif isinstance(value, list):
        for inner in value:
            check_keys(inner, path)


def query_values(arguments: Mapping[str, list[bytes]], shape: type[T]) -> T:
    """Return the typed value of a query string; the last of repeated names counts. Raises `Invalid` with the name."""
    try:
        plain = {name: values[-1].decode().strip() for name, values in arguments.items()}
        return msgspec.convert({name: value for name, value in plain.items() if value}, shape, strict=False)
    except UnicodeDecodeError:
        raise Malformed from None
    except msgspec.ValidationError as error:
        raise shape_error(error) from None
