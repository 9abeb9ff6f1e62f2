"""The open cases in memory, as lists on a map and counts on tabs need them: fed by the own writes and by the change feed.

An open case takes about half a kilobyte: what cases have in common (areas, units, words) is kept once. Answers are cut to what
a scope may see.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from dispatch.actors import Scope
from dispatch.keys import sees

__all__ = ["Board", "OpenCase"]

MOST_POINTS = 400
MOST_SHARED = 200_000
LIGHT_ORDER = ("green", "yellow", "red", "deep_red")
_BETWEEN = " · "
T = TypeVar("T")


class OpenCase(msgspec.Struct, frozen=True, gc=False):
    """What memory keeps of a case: the fields of `live` that scopes, map, counts and the search of duplicates read, by name."""

    id: str
    case_no: str
    rev: int
    state: str
    light: str
    urgency: str
    category: str | None
    areas: tuple[str, ...]
    units: tuple[str, ...]
    orgs: tuple[str, ...]
    reporter: str | None
    sensitive: bool
    pending: tuple[str, ...]
    lon: float | None
    lat: float | None
    what: str
    where: str | None
    reported_at: datetime

    def __getitem__(self, name: str) -> Any:
        """Return a field as the stored `live` does."""
        return getattr(self, name)

    @property
    def line(self) -> str:
        """The short line by which lists and the map name the case."""
        return self.what if self.where is None else self.what + _BETWEEN + self.where


class Board:
    """Open cases by id. `apply` may be called with the same or an older state any number of times: the higher rev stays."""

    def __init__(self) -> None:
        self._open: dict[str, OpenCase] = {}
        self._shared: dict[Any, Any] = {}

    def __len__(self) -> int:
        return len(self._open)

    def apply(self, identity: str, live: dict[str, Any], case_no: str) -> OpenCase | None:
        """Take in the live part of a case as it is after a write and return what is kept; a closed case leaves the board."""
        if not live["open"]:
            self._open.pop(identity, None)
            return None
        known = self._open.get(identity)
        if known is not None and known.rev > live["rev"]:
            return known
        found = self._open[identity] = self.compact(identity, live, case_no)
        return found

    def compact(self, identity: str, live: dict[str, Any], case_no: str) -> OpenCase:
        """Return what memory keeps of a live part, open or not; what the board holds already is given again."""
        known = self._open.get(identity)
        if known is not None and known.rev == live["rev"] and known.light == live["light"]:
            return known
        if len(self._shared) > MOST_SHARED:
            self._shared.clear()
        same, codes = self._same, self._codes
        what, between, where = live["line"].partition(_BETWEEN)
        return OpenCase(
            known.id if known else identity, known.case_no if known else case_no, live["rev"], same(live["state"]),
            same(live["light"]), same(live["urgency"]), same(live["category"]), codes(live["areas"]), codes(live["units"]),
            codes(live["orgs"]), same(live["reporter"]), live["sensitive"], codes(live.get("pending", ())), live["lon"],
            live["lat"], same(what), same(where) if between else None, live["reported_at"],
        )  # fmt: skip

    def _same(self, value: T) -> T:
        """Return the first one of equal values."""
        return self._shared.setdefault(value, value)  # type: ignore[no-any-return]

    def _codes(self, codes: Sequence[str]) -> tuple[str, ...]:
        given = tuple(codes)
        if not given:
            return given
        found = self._shared.get(given)
        return found if found is not None else self._same(tuple([self._same(code) for code in given]))

    def __iter__(self) -> Iterator[OpenCase]:
        return iter(self._open.values())

    def get(self, identity: str) -> OpenCase | None:
        """Return an open case, or None."""
        return self._open.get(identity)

    def keep(self, identities: Set[str], since: datetime) -> list[OpenCase]:
        """Forget what is not among the open cases just read, unless it was reported after `since` (the reading had begun);
        returns what was forgotten."""
        gone = [case for key, case in self._open.items() if key not in identities and case.reported_at < since]
        for case in gone:
            del self._open[case.id]
        return gone

    def visible(self, scope: Scope) -> Iterator[OpenCase]:
        """Give the open cases that the scope may see."""
        if scope.city and scope.sensitive:
            return iter(self._open.values())
        return (case for case in self._open.values() if sees(scope, case))

    def summary(self, scope: Scope) -> dict[str, dict[str, int]]:
        """Return how many open cases stand in each state, show each light and wait for a decision on each kind of request."""
        states: Counter[str] = Counter()
        lights: Counter[str] = Counter()
        requests: Counter[str] = Counter()
        for case in self.visible(scope):
            states[case.state] += 1
            lights[case.light] += 1
            if case.pending:
                requests.update(set(case.pending))
        return {"states": dict(states), "lights": dict(lights), "requests": dict(requests)}

    def points(self, scope: Scope, bbox: tuple[float, float, float, float], zoom: int) -> dict[str, list[dict[str, Any]]]:
        """Return the cases inside west, south, east, north (edges belong to it): one by one, or in clusters when many."""
        west, south, east, north = bbox
        inside = [
            case
            for case in self.visible(scope)
            if case.lon is not None and case.lat is not None and west <= case.lon <= east and south <= case.lat <= north
        ]
        if len(inside) <= MOST_POINTS or zoom >= 17:
            return {"items": [_point(case) for case in inside[: MOST_POINTS * 5]], "clusters": []}
        return _clustered(inside, zoom)


def _point(case: OpenCase) -> dict[str, Any]:
    names = ("id", "lon", "lat", "light", "urgency", "state", "line")
    return {name: getattr(case, name) for name in names}


def _clustered(inside: list[OpenCase], zoom: int) -> dict[str, list[dict[str, Any]]]:
    """Cells of about 64 pixels; a cell with one case shows the case."""
    size = 360.0 / 2**zoom / 4
    cells: dict[tuple[int, int], list[OpenCase]] = {}
    for case in inside:
        cells.setdefault((int((case.lon or 0.0) // size), int((case.lat or 0.0) // size)), []).append(case)
    items = [_point(members[0]) for members in cells.values() if len(members) == 1]
    clusters = [_cluster(members) for members in cells.values() if len(members) > 1]
    return {"items": items, "clusters": clusters}


def _cluster(members: list[OpenCase]) -> dict[str, Any]:
    count = len(members)
    worst = max((case.light for case in members), key=LIGHT_ORDER.index)
    lon, lat = sum(case.lon or 0.0 for case in members) / count, sum(case.lat or 0.0 for case in members) / count
    return {"lon": lon, "lat": lat, "count": count, "worst": worst}
