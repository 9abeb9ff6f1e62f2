"""How busy each organization is, and how often each was asked of late: kept from the cases that this process follows anyway.

Derived from the cases as they are, so that every process counts alike: an organization is busy with an open case on which it is
invited, has claimed or serves, and was asked for every case of the last thirty days that still names it. Who declined is named no
longer: declining costs neither a place nor a turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from storage.feed import Change

__all__ = ["RECENT", "Workload"]

RECENT = timedelta(days=30)
NOBODY: frozenset[str] = frozenset()


class Workload:
    """Counts by organization; `loads` and `asked` hold those that are not nought, and go on changing."""

    def __init__(self) -> None:
        self.loads: dict[str, int] = Counter()
        self.asked: dict[str, int] = Counter()
        self._cases: dict[str, tuple[frozenset[str], bool, datetime]] = {}

    def load(self, cases: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Begin anew with these cases, each by id and live part."""
        for case in list(self._cases):
            self._put(case, frozenset(), False, None)
        for case, live in cases:
            self.follow(case, live)

    def follow(self, case: str, live: Mapping[str, Any]) -> frozenset[str]:
        """Take over what a case has become; returns the organizations that have left it."""
        organizations = live["orgs"]
        if not organizations and case not in self._cases:
            return NOBODY
        before = self._cases[case][0] if case in self._cases else NOBODY
        self._put(case, frozenset(organizations), bool(live["open"]), live["reported_at"])
        return before.difference(organizations)

    def on_change(self, change: Change) -> frozenset[str]:
        """Take a change of `cases` from the feed; returns the organizations that have left the case."""
        if change.document is None or "live" not in change.document:
            return NOBODY
        return self.follow(change.key, change.document["live"])

    def forget_old(self, now: datetime) -> None:
        """Drop closed cases that were reported too long ago to count as asked of late."""
        for case, (_, is_open, reported_at) in list(self._cases.items()):
            if not is_open and reported_at < now - RECENT:
                self._put(case, frozenset(), False, None)

    def _put(self, case: str, organizations: frozenset[str], is_open: bool, reported_at: datetime | None) -> None:
        before, was_open, _ = self._cases.pop(case, (frozenset[str](), False, None))
        _move(self.asked, before, organizations)
        _move(self.loads, before if was_open else frozenset(), organizations if is_open else frozenset())
        if organizations and reported_at is not None:
            self._cases[case] = organizations, is_open, reported_at


def _move(counts: dict[str, int], before: frozenset[str], after: frozenset[str]) -> None:
    for code in after - before:
        counts[code] = counts.get(code, 0) + 1
    for code in before - after:
        counts[code] -= 1
        if not counts[code]:
            del counts[code]
