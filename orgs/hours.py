"""Opening hours as a cell of the city pack writes them: `24x7`, `09:00-12:00,13:00-17:00` or empty (always).

Spans are local time of the city, half-open: 17:00 itself is closed. A span may cross midnight (`22:00-06:00`).
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["ALWAYS", "Hours", "is_open", "parse", "parse_or_none"]

Hours = tuple[tuple[int, int], ...]  # minutes of the day, (from, to); empty: always

ALWAYS: Hours = ()
DAY = 24 * 60
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-–~]\s*(\d{1,2}):(\d{2})")


@lru_cache(maxsize=4096)
def parse(cell: str) -> Hours:
    """Return the spans of a cell; raises `ValueError` that says what is allowed.

    >>> parse("09:00-12:00,13:00-17:00")
    ((540, 720), (780, 1020))
    >>> parse("24x7")
    ()
    """
    text = cell.strip().replace("，", ",")
    if text in ("", "24x7", "24×7", "7x24"):
        return ALWAYS
    return tuple(_span(part.strip()) for part in text.split(","))


def parse_or_none(cell: str) -> Hours | None:
    """Return the spans of a cell, or None when it cannot be read."""
    try:
        return parse(cell)
    except ValueError:
        return None


@lru_cache(maxsize=65_536)
def is_open(hours: Hours, minute: int) -> bool:
    """Tell whether the minute of the local day falls into the spans.

    >>> is_open(parse("22:00-06:00"), 5 * 60), is_open(parse("22:00-06:00"), 6 * 60)
    (True, False)
    """
    if not hours:
        return True
    return any(start <= minute < end if start < end else minute >= start or minute < end for start, end in hours)


def _span(part: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(part)
    if not found:
        raise ValueError(f"`{part}`; allowed: 24x7, or spans like 09:00-12:00,13:00-17:00")
    start_hour, start_minute, end_hour, end_minute = (int(group) for group in found.groups())
    start, end = start_hour * 60 + start_minute, end_hour * 60 + end_minute
    if max(start_minute, end_minute) > 59 or max(start, end) > DAY or start == end:
        raise ValueError(f"`{part}` is not a span of a day; allowed: 00:00 to 24:00, from and to different")
    return start, end % DAY if end == DAY and start == 0 else end
