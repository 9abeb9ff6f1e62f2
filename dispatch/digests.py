"""The daily digest: which open cases of a unit are yellow or red, told to its leaders as the working day begins (domain.md §3.4).

The memory of open cases is counted, no database is asked. A digest's id is made of the day and the unit, so that however many
processes come to it, and however often, each unit is told once a day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

from dispatch.board import Board, OpenCase
from dispatch.relay import Relay
from dispatch.rules import Rules
from dispatch.transition import HELD
from storage.shared import Shared

__all__ = ["KIND", "LIGHTS", "Digests", "pressing"]

KIND = "digest"
LIGHTS = ("yellow", "red", "deep_red")
ALL = "*"  # who stands for all units gets one digest of them all
_HELD = frozenset(HELD)


def pressing(cases: Iterable[OpenCase]) -> dict[str, Counter[str]]:
    """Return by unit how many of its cases show each light that presses, and under `ALL` how many there are in all."""
    found: dict[str, Counter[str]] = {}
    for case in cases:
        if case.light in LIGHTS and case.state in _HELD and case.units:
            for unit in (ALL, *case.units):
                found.setdefault(unit, Counter())[case.light] += 1
    return found


class Digests:
    """Tells the digests of a day, at its first working instant or as soon after as somebody runs."""

    def __init__(self, board: Board, rules: Rules, relay: Relay, clock: Callable[[], datetime]) -> None:
        self._board = board
        self._rules = rules
        self._relay = relay
        self._clock = clock
        self._told: date | None = None

    async def run(self) -> int:
        """Tell what has not been told today; returns how many digests were new. Nothing outside working hours."""
        now, calendar = self._clock(), self._rules.calendar
        day = calendar.local_date(now)
        if day == self._told or not calendar.is_working(now):
            return 0
        counted = pressing(self._board)
        told = await self._relay.put_once([self._digest(unit, counts, day, now) for unit, counts in counted.items()])
        self._told = day
        return told

    def _digest(self, unit: str, counts: Counter[str], day: date, now: datetime) -> Shared:
        named = self._rules.directory.unit(unit)
        document: dict[str, Any] = {
            "_id": f"digest:{day.isoformat()}:{unit}", "kind": KIND, "keys": [f"head:{unit}"], "at": now, "by": "system",
            "case": "", "case_no": "", "line": "" if named is None else named.name, "urgency": "normal",
            "counts": {light: counts[light] for light in LIGHTS}, "read_by": [],
        }  # fmt: skip
        return Shared(document)
