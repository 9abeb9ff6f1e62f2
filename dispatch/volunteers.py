"""The hours of each volunteer, as an organization gives them with what it did: by a number of its own, never by name. Pure.

A record of volunteer service is kept for each person (志愿服务记录与证明出具办法, Ministry of Civil Affairs, 2020). Who has
which number is known to the organization alone: numbers that are telephone or identity numbers are refused, and so are names.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from storage.errors import FieldError

__all__ = ["MOST_HOURS", "Volunteered", "normal_volunteer", "read_volunteers"]

FIELD = "volunteers"
MOST_HOURS = 1000.0
_NUMBER = re.compile(r"[0-9A-Z](?:[0-9A-Z-]{0,30}[0-9A-Z])")
_TELEPHONE = re.compile(r"(?:\+?86-?)?1[3-9]\d{9}")
_IDENTITY = re.compile(r"[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX]")


class Volunteered(msgspec.Struct, frozen=True):
    """How many hours a volunteer served, by the number that the organization knows them under."""

    number: str
    hours: float


def normal_volunteer(text: str) -> str:
    """Return a number as it is stored, however it was typed.

    >>> normal_volunteer(" ｖ－0012 ")
    'V-0012'
    """
    return "".join(unicodedata.normalize("NFKC", text).upper().split())


def read_volunteers(raw: Any, most: int) -> tuple[list[dict[str, Any]], list[FieldError]]:
    """Return the rows as they are stored, hours to a hundredth, and everything that is wrong with them, by row from 1 on.

    >>> read_volunteers([{"number": "v-1", "hours": 2}], 10)
    ([{'number': 'V-1', 'hours': 2.0}], [])
    >>> [(wrong.row, wrong.field, wrong.code) for wrong in read_volunteers([{"number": "13812341234", "hours": 0}], 10)[1]]
    [(1, 'volunteers.number', 'personal_data'), (1, 'volunteers.hours', 'range')]
    """
    if not isinstance(raw, list | tuple):
        return [], [FieldError(field=FIELD, code="type", message="a list of objects with number and hours")]
    if len(raw) > most:
        return [], [FieldError(field=FIELD, code="length", message=f"at most {most} of them")]
    wrong = [error for row, one in enumerate(raw, 1) for error in _wrong_row(one, row)]
    if wrong:
        return [], wrong
    rows = [{"number": normal_volunteer(one["number"]), "hours": round(float(one["hours"]), 2)} for one in raw]
    return rows, list(_twice(rows))


def _wrong_row(one: Any, row: int) -> Iterator[FieldError]:
    if not isinstance(one, Mapping) or set(one) != {"number", "hours"}:
        yield FieldError(field=FIELD, code="type", message="an object with number and hours", row=row)
        return
    number, hours = one["number"], one["hours"]
    if not isinstance(number, str) or not _NUMBER.fullmatch(normal_volunteer(number)):
        yield FieldError(field=f"{FIELD}.number", code="number", message="2 to 32 letters, digits and dashes", row=row)
    elif _TELEPHONE.fullmatch(normal_volunteer(number)) or _IDENTITY.fullmatch(normal_volunteer(number)):
        message = "a number of your own, neither a telephone nor an identity number"
        yield FieldError(field=f"{FIELD}.number", code="personal_data", message=message, row=row)
    if not _is_hours(hours):
        yield FieldError(field=f"{FIELD}.hours", code="range", message=f"from 0.01 to {MOST_HOURS:.0f}", row=row)


def _is_hours(hours: Any) -> bool:
    is_number = isinstance(hours, int | float) and not isinstance(hours, bool)
    return is_number and math.isfinite(hours) and 0.01 <= hours <= MOST_HOURS


def _twice(rows: Sequence[Mapping[str, Any]]) -> Iterator[FieldError]:
    counts: Counter[str] = Counter()
    for row, one in enumerate(rows, 1):
        counts[one["number"]] += 1
        if counts[one["number"]] > 1:
            yield FieldError(field=f"{FIELD}.number", code="twice", message="each number once", row=row)
