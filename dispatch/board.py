"""The open cases in memory, as lists on a map and counts on tabs need them: fed by the own writes and by the change feed.

Holds only the `live` part of each open case (about 1 KB). Answers are cut to what a scope may see.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set
from datetime import datetime
from typing import Any

from dispatch.actors import Scope
from dispatch.keys import sees

__all__ = ["Board"]

Live = dict[str, Any]
MOST_POINTS = 400
LIGHT_ORDER = ("green", "yellow", "red", "deep_red")


class Board:
    """Open cases by id. `apply` may be called with the same or an older state any number of times: the higher rev stays."""

    def __init__(self) -> None:
        self._open: dict[str, Live] = {}

    def __len__(self) -> int:
        return len(self._open)

    def apply(self, identity: str, live: Live | None) -> None:
        """Take in the live part of a case as it is after a write; None or a closed case leaves the board."""
        if live is None or not live["open"]:
            self._open.pop(identity, None)
            return
        known = self._open.get(identity)
        if known is None or known["rev"] <= live["rev"]:
            self._open[identity] = live

    def get(self, identity: str) -> Live | None:
        """Return the live part of an open case, or None."""
        return self._open.get(identity)

    def keep(self, identities: Set[str], since: datetime) -> None:
        """Forget what is not among the open cases just read, unless it was reported after `since` (the reading had begun)."""
        gone = [key for key, live in self._open.items() if key not in identities and live["reported_at"] < since]
        for key in gone:
            del self._open[key]

    def visible(self, scope: Scope) -> Iterator[tuple[str, Live]]:
        """Give the open cases that the scope may see."""
        if scope.city and scope.sensitive:
            return iter(self._open.items())
        return ((identity, live) for identity, live in self._open.items() if sees(scope, live))

    def summary(self, scope: Scope) -> dict[str, dict[str, int]]:
        """Return how many open cases stand in each state, show each light and wait for a decision on each kind of request."""
        states: Counter[str] = Counter()
        lights: Counter[str] = Counter()
        requests: Counter[str] = Counter()
        for _, live in self.visible(scope):
            states[live["state"]] += 1
            lights[live["light"]] += 1
            requests.update(set(live.get("pending", ())))
        return {"states": dict(states), "lights": dict(lights), "requests": dict(requests)}

    def points(self, scope: Scope, bbox: tuple[float, float, float, float], zoom: int) -> dict[str, list[dict[str, Any]]]:
        """Return the cases inside west, south, east, north (edges belong to it): one by one, or in clusters when many."""
        west, south, east, north = bbox
        inside = [
            (identity, live)
            for identity, live in self.visible(scope)
            if live["lon"] is not None and west <= live["lon"] <= east and south <= live["lat"] <= north
        ]
        if len(inside) <= MOST_POINTS or zoom >= 17:
            return {"items": [_point(identity, live) for identity, live in inside[: MOST_POINTS * 5]], "clusters": []}
        return _clustered(inside, zoom)


def _point(identity: str, live: Live) -> dict[str, Any]:
    names = ("lon", "lat", "light", "urgency", "state", "line")
    return {"id": identity, **{name: live[name] for name in names}}


def _clustered(inside: list[tuple[str, Live]], zoom: int) -> dict[str, list[dict[str, Any]]]:
    """Cells of about 64 pixels; a cell with one case shows the case."""
    size = 360.0 / 2**zoom / 4
    cells: dict[tuple[int, int], list[tuple[str, Live]]] = {}
    for identity, live in inside:
        cells.setdefault((int(live["lon"] // size), int(live["lat"] // size)), []).append((identity, live))
    items = [_point(*members[0]) for members in cells.values() if len(members) == 1]
    clusters = [_cluster([live for _, live in members]) for members in cells.values() if len(members) > 1]
    return {"items": items, "clusters": clusters}


def _cluster(members: list[Live]) -> dict[str, Any]:
    count = len(members)
    worst = max((live["light"] for live in members), key=LIGHT_ORDER.index)
    lon, lat = sum(live["lon"] for live in members) / count, sum(live["lat"] for live in members) / count
    return {"lon": lon, "lat": lat, "count": count, "worst": worst}
