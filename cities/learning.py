"""Responsibility rules from recorded requests: who handled this kind of thing here most often. Pure.

Rules are learned down the tree of areas: one for the whole city, and a finer one only where the majority of an area differs from
what would hold there anyway. Rows that are used to learn and then to measure give agreement with the record, not a forecast.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

__all__ = ["Learned", "learn"]

Observation = tuple[str, tuple[str, ...], str]  # category, areas from the widest to the narrowest, unit


class Learned(msgspec.Struct, frozen=True, order=True):
    """One rule: the unit that handled `agreed` of the `seen` requests of the category in the area."""

    category: str
    area: str
    unit: str
    agreed: int
    seen: int


def learn(observations: Mapping[Observation, int], *, least: int = 1) -> list[Learned]:
    """Return the rules, by category and area. `least` is how many requests an area below the widest needs for its own.

    >>> learn({("a", ("city", "x"), "u"): 5, ("a", ("city", "y"), "v"): 2})
    [Learned(category='a', area='city', unit='u', agreed=5, seen=7), Learned(category='a', area='y', unit='v', agreed=2, seen=2)]
    """
    tallies: dict[tuple[str, tuple[str, ...]], Counter[str]] = {}
    for (category, path, unit), number in observations.items():
        for depth in range(1, len(path) + 1):
            tallies.setdefault((category, path[:depth]), Counter())[unit] += number
    winners: dict[tuple[str, tuple[str, ...]], str] = {}
    found = []
    for (category, path), tally in sorted(tallies.items(), key=_by_depth):
        inherited = winners.get((category, path[:-1]))
        seen = tally.total()
        unit, agreed = min(tally.items(), key=_by_number)
        if inherited is not None and (seen < least or tally[inherited] == agreed):
            unit = inherited
        winners[category, path] = unit
        if unit != inherited:
            found.append(Learned(category, path[-1], unit, agreed, seen))
    return sorted(found)


def _by_depth(item: tuple[tuple[str, tuple[str, ...]], Counter[str]]) -> tuple[int, str, tuple[str, ...]]:
    (category, path), _ = item
    return len(path), category, path


def _by_number(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]
