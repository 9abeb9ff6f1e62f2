"""From when to when a rule holds, as people write it: days of the city, both counted, or exact moments.

A day as a beginning is its midnight, as an end the midnight behind it; a moment is RFC 3339 with its zone, an end half-open.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from math import inf
from zoneinfo import ZoneInfo

__all__ = ["ALLOWED", "begins", "ends", "midnight", "moment_at", "written_begin", "written_end"]

ALLOWED = "a day like 2026-12-01, or a moment like 2026-12-01T00:00:00+08:00"


def begins(text: str, zone: ZoneInfo) -> float:
    """Return the seconds since 1970 at which something begins; raises `ValueError` that says what is allowed.

    >>> begins("2026-01-01", ZoneInfo("Asia/Shanghai"))
    1767196800.0
    """
    return _seconds(text, zone, timedelta())


def ends(text: str, zone: ZoneInfo) -> float:
    """Return the seconds since 1970 at which something is no more; raises `ValueError` that says what is allowed.

    >>> ends("2025-12-31", ZoneInfo("Asia/Shanghai")) == begins("2026-01-01", ZoneInfo("Asia/Shanghai"))
    True
    """
    return _seconds(text, zone, timedelta(days=1))


def midnight(day: date, zone: ZoneInfo) -> float:
    """Return the seconds since 1970 at which a day of the city begins."""
    return datetime.combine(day, time(), zone).timestamp()


def moment_at(seconds: float) -> datetime | None:
    """Return the aware moment of seconds since 1970; None where there is no bound."""
    return None if seconds in (-inf, inf) else datetime.fromtimestamp(seconds, UTC)


def written_begin(seconds: float, zone: ZoneInfo) -> str:
    """Return the text that `begins` reads as these seconds; empty where there is no bound."""
    return _written(seconds, zone, timedelta())


def written_end(seconds: float, zone: ZoneInfo) -> str:
    """Return the text that `ends` reads as these seconds; empty where there is no bound."""
    return _written(seconds, zone, timedelta(days=1))


def _seconds(text: str, zone: ZoneInfo, behind: timedelta) -> float:
    try:
        if len(text) == len("2026-12-01"):
            return midnight(date.fromisoformat(text) + behind, zone)
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError
        return round(at.timestamp(), 3)
    except (ValueError, OverflowError):
        raise ValueError(f"`{text[:40]}`; allowed: {ALLOWED}") from None


def _written(seconds: float, zone: ZoneInfo, behind: timedelta) -> str:
    at = moment_at(seconds)
    if at is None:
        return ""
    local = at.astimezone(zone)
    if local.time() == time():
        return (local.date() - behind).isoformat()
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
