"""The person on the line: what a caller's data must be like, and numbers in one form so that the same one is found again."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from dispatch.reports import Caller
from storage.errors import FieldError

__all__ = ["caller_errors", "normal_phone", "normalised"]

_SEPARATORS = re.compile(r"[\s()（）./\-－—]+")
_PHONE = re.compile(r"^\+?\d{3,15}$")
MOST_NAME = 50


def normal_phone(phone: str) -> str | None:
    """Return a number without separators and the country code of China, None for what is no number.

    >>> normal_phone("+86 138-1234-1234"), normal_phone("0851 8580 1234"), normal_phone("call me")
    ('13812341234', '085185801234', None)
    """
    bare = _SEPARATORS.sub("", phone)
    if _PHONE.match(bare) is None:
        return None
    for prefix in ("+86", "0086"):
        if bare.startswith(prefix):
            return bare[len(prefix) :]
    return bare


def caller_errors(caller: Caller) -> Iterator[FieldError]:
    """Give everything that is wrong with a caller: a number or the wish to stay anonymous is needed, never both."""
    named = bool(caller.phone or caller.name)
    if caller.anonymous and named:
        yield FieldError(field="caller.anonymous", code="contradiction", message="an anonymous caller has no name and no phone")
    if not caller.anonymous and not caller.phone:
        yield FieldError(field="caller.phone", code="required", message="a phone number, or anonymous: true")
    if caller.phone and normal_phone(caller.phone) is None:
        yield FieldError(field="caller.phone", code="phone", message="3 to 15 digits, with separators or a leading + if you like")
    if caller.name and len(caller.name) > MOST_NAME:
        yield FieldError(field="caller.name", code="too_long", message=f"at most {MOST_NAME} characters")


def normalised(caller: Caller) -> Caller:
    """Return the caller with the phone in its one form and the name trimmed."""
    phone = normal_phone(caller.phone) if caller.phone else None
    return msgspec.structs.replace(caller, phone=phone, name=(caller.name or "").strip() or None)
