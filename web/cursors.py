"""Where a page of a list by time ends: instant and id together, so that nothing of the same millisecond is lost or comes twice.

>>> cursor_of(datetime(2026, 11, 22, 4, 0, 0, 7000, tzinfo=UTC), "0c9b")
'1795320000007-0c9b'
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from web.base import field_error

__all__ = ["behind", "cursor_of"]

_SHAPE = re.compile(r"(\d{1,15})-([0-9a-f]{1,64})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 253_402_300_799_999  # milliseconds until the year 10000: what a datetime can hold


def cursor_of(at: datetime, id: str) -> str:
    """Return the cursor behind what happened at an instant (kept to the millisecond) under an id of hexadecimal digits."""
    return f"{(at - _EPOCH) // timedelta(milliseconds=1)}-{id}"


def behind(cursor: str | None) -> tuple[datetime, str] | None:
    """Return the instant and id that a page begins behind, None for the first page. Raises `Invalid` for what is no cursor.

    >>> behind("1795320000007-0c9b")
    (datetime.datetime(2026, 11, 22, 4, 0, 0, 7000, tzinfo=datetime.timezone.utc), '0c9b')
    """
    if cursor is None:
        return None
    found = _SHAPE.fullmatch(cursor)
    if found is None or int(found[1]) > _LAST:
        raise field_error("cursor", "invalid")
    return _EPOCH + timedelta(milliseconds=int(found[1])), found[2]
