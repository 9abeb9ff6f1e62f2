"""Open cases as memory keeps them, for the tests of what is in memory."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dispatch.board import Board, OpenCase

__all__ = ["live_part", "open_case"]


def live_part(
    category: str | None, lon: float | None, lat: float | None, at: datetime, line: str, **other: Any
) -> dict[str, Any]:
    """Return the `live` part of a case."""
    return {
        "rev": 1, "state": "filed", "open": True, "light": "green", "urgency": "normal", "category": category,
        "areas": ["52", "5201"], "units": [], "orgs": [], "reporter": "walker", "sensitive": False, "lon": lon, "lat": lat,
        "line": line, "reported_at": at, "due_at": None, **other,
    }  # fmt: skip


def open_case(id: str, case_no: str, category: str, lon: float, lat: float, at: datetime, line: str = "") -> OpenCase:
    """Return an open case at a place."""
    return Board().compact(id, live_part(category, lon, lat, at, line), case_no)
