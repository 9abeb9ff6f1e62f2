"""The units of a city over time: one tree for each stretch between two moments at which a unit comes or goes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from math import isfinite

from orgs.units import Unit, UnitTree

__all__ = ["Eras"]


class Eras:
    """The trees of units by time; a tree is made when it is first asked for. The present one is there at once."""

    def __init__(self, units: Iterable[Unit], now: float | None = None) -> None:
        """`now` in seconds since 1970; None: all units are taken as being there, whatever the time."""
        self._units = tuple(units)
        moments = {moment for unit in self._units for moment in (unit.since, unit.until)} if now is not None else set[float]()
        self.edges = sorted(moment for moment in moments if isfinite(moment))
        self.number = 0 if now is None else self.number_at(now)
        self.present = UnitTree(self._units, now)
        self._trees = {self.number: self.present}

    def number_at(self, at: float) -> int:
        """Return the number of the stretch that an instant lies in."""
        return bisect_right(self.edges, at)

    def tree(self, number: int) -> UnitTree:
        """Return the tree of a stretch."""
        found = self._trees.get(number)
        if found is None:
            at = self.edges[number - 1] if number else self.edges[0] - 1.0
            found = self._trees[number] = UnitTree(self._units, at)
        return found

    def next_edge(self) -> float | None:
        """Return when the present stretch ends; None: never."""
        return self.edges[self.number] if self.number < len(self.edges) else None
