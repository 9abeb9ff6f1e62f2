"""Open cases nearby that may be the same matter: an index in memory over what was reported in the last days (domain.md §2.7).

Candidates are shown to a person; nothing is ever merged here. The index is fed from the change feed and answers in
microseconds: cases lie in cells as wide as their category's radius, newest last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from heapq import nsmallest
from math import ceil, cos, floor, hypot, radians
from typing import NamedTuple

import msgspec

__all__ = ["Duplicate", "RecentCases", "common_words", "likeness"]

_METRES_PER_DEGREE = 111_195.0
_NARROWEST = cos(radians(66.0))  # cells are wide enough up to this latitude
_MOST_IN_CELL = 32  # newest first: a place with more open cases of one category has its duplicates among these

_SLACK = 1024  # arrivals that may have gone again before the list is tidied

_Key = tuple[str, int, int]


class Duplicate(msgspec.Struct, frozen=True):
    """An open case that may be the same: how far (metres), how old, and how alike the texts are where both are known."""

    id: str
    case_no: str
    category: str
    distance_m: int
    reported_at: datetime
    line: str
    likeness: float | None = None


class _Case(NamedTuple):
    id: str
    case_no: str
    category: str
    lon: float
    lat: float
    reported_at: datetime
    line: str


class RecentCases:
    """The open cases of the last `days` by category and place.

    `radii` gives metres by category, `radius_m` the rest; `majors` the major of each category, for cases of a neighbouring
    category with a text that is alike.

    >>> from datetime import UTC
    >>> cases = RecentCases()
    >>> at = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
    >>> cases.add("a", "GY20261121-000001", "0101", 106.70, 26.60, at, "垃圾成堆")
    >>> [(found.id, found.distance_m) for found in cases.near("0101", 106.7005, 26.60, at)]
    [('a', 50)]
    """

    def __init__(
        self,
        radii: Mapping[str, int] | None = None,
        *,
        radius_m: int = 100,
        days: int = 15,
        similarity: float = 0.6,
        majors: Mapping[str, str] | None = None,
    ) -> None:
        self._radii = dict(radii or {})
        self._radius_m = radius_m
        self._age = timedelta(days=days)
        self._similarity = similarity
        self._cells: dict[_Key, dict[str, _Case]] = {}
        self._keys: dict[str, _Key] = {}
        self._arrivals: deque[tuple[datetime, str]] = deque()
        self._newest: datetime | None = None
        self._siblings = _siblings(majors or {})

    def __len__(self) -> int:
        """Return how many cases are known."""
        return len(self._keys)

    def radius(self, category: str) -> int:
        """Return the radius of a category in metres."""
        return self._radii.get(category, self._radius_m)

    def add(self, id: str, case_no: str, category: str, lon: float, lat: float, reported_at: datetime, line: str = "") -> None:
        """Put an open case in; one that is known already is put in anew (it may have moved or changed its category)."""
        self.remove(id)
        key = self._key(category, lon, lat)
        self._cells.setdefault(key, {})[id] = _Case(id, case_no, category, lon, lat, reported_at, line)
        self._keys[id] = key
        self._arrivals.append((reported_at, id))
        self._newest = reported_at if self._newest is None else max(self._newest, reported_at)
        if len(self._arrivals) > 2 * len(self._keys) + _SLACK:
            self.prune(self._newest)

    def remove(self, id: str) -> None:
        """Take a case out (closed, merged, cancelled); an unknown one is no error."""
        key = self._keys.pop(id, None)
        if key is None:
            return
        cell = self._cells[key]
        del cell[id]
        if not cell:
            del self._cells[key]

    def prune(self, now: datetime) -> int:
        """Take out what is older than the days that count; return how many. `add` does it by itself when much has gathered."""
        dropped = 0
        kept: deque[tuple[datetime, str]] = deque()
        for reported_at, id in dict.fromkeys(self._arrivals):
            case = self._get(id)
            if case is None or case.reported_at != reported_at:
                continue
            if now - reported_at > self._age:
                self.remove(id)
                dropped += 1
            else:
                kept.append((reported_at, id))
        self._arrivals = kept
        return dropped

    def near(
        self,
        category: str,
        lon: float,
        lat: float,
        at: datetime,
        radius: float | None = None,
        *,
        text: str | None = None,
        limit: int = 5,
        exclude: str | None = None,
    ) -> list[Duplicate]:
        """Return the open cases that may be the same matter, nearest first.

        Same category within its radius (boundary included), reported at most the days that count before `at`. With `text`,
        cases of the same major whose line is alike count too. `exclude` is the id of the case asked for.
        """
        reach = self.radius(category) if radius is None else radius
        found = self._within(category, lon, lat, at, reach, exclude)
        if text is None:
            return [_duplicate(distance, case) for distance, case in nsmallest(limit, found)]
        answer = [_duplicate(distance, case, likeness(text, case.line)) for distance, case in found]
        for sibling in self._siblings.get(category, ()):
            for distance, case in self._within(sibling, lon, lat, at, reach, exclude):
                if (alike := likeness(text, case.line)) >= self._similarity:
                    answer.append(_duplicate(distance, case, alike))
        return nsmallest(limit, answer, key=lambda duplicate: (duplicate.distance_m, duplicate.id))

    def _within(
        self, category: str, lon: float, lat: float, at: datetime, reach: float, exclude: str | None
    ) -> list[tuple[float, _Case]]:
        found: list[tuple[float, _Case]] = []
        width = cos(radians(lat)) * _METRES_PER_DEGREE
        oldest = at - self._age
        for cell in self._around(category, lon, lat, reach):
            for seen, case in enumerate(reversed(cell.values())):
                if seen >= _MOST_IN_CELL:
                    break
                distance = hypot((case.lon - lon) * width, (case.lat - lat) * _METRES_PER_DEGREE)
                if distance <= reach and oldest <= case.reported_at and case.id != exclude:
                    found.append((distance, case))
        return found

    def _around(self, category: str, lon: float, lat: float, reach: float) -> Iterator[dict[str, _Case]]:
        _, column, row = self._key(category, lon, lat)
        steps = ceil(reach / self.radius(category))
        cells = self._cells
        for x in range(column - steps, column + steps + 1):
            for y in range(row - steps, row + steps + 1):
                if cell := cells.get((category, x, y)):
                    yield cell

    def _key(self, category: str, lon: float, lat: float) -> _Key:
        height = self.radius(category) / _METRES_PER_DEGREE
        return category, floor(lon * _NARROWEST / height), floor(lat / height)

    def _get(self, id: str) -> _Case | None:
        key = self._keys.get(id)
        return None if key is None else self._cells[key][id]


def likeness(one: str, other: str) -> float:
    """Return how alike two texts are, 0 to 1: the share of the shorter one's pairs of characters that the other has too.

    >>> likeness("门口井盖缺失", "小区门口井盖缺失很危险"), likeness("井盖", "路灯"), likeness("", "路灯")
    (1.0, 0.0, 0.0)
    """
    first, second = _pairs(one), _pairs(other)
    smaller = min(len(first), len(second))
    return len(first & second) / smaller if smaller else 0.0


def common_words(one: str, other: str, *, most: int = 5) -> tuple[str, ...]:
    """Return the longest stretches of at least two characters that both texts hold, to show why they look alike.

    >>> common_words("门口井盖缺失", "小区井盖缺失，在门口")
    ('井盖缺失', '门口')
    """
    found: list[str] = []
    at = 0
    while at < len(one) - 1:
        end = at + 2
        if one[at:end] not in other or not one[at:end].isalnum():
            at += 1
            continue
        while end < len(one) and one[end].isalnum() and one[at : end + 1] in other:
            end += 1
        found.append(one[at:end])
        at = end
    return tuple(sorted(dict.fromkeys(found), key=lambda word: (-len(word), word)))[:most]


def _pairs(text: str) -> set[str]:
    kept = "".join(character for character in text if character.isalnum())
    return {kept[at : at + 2] for at in range(len(kept) - 1)}


def _duplicate(distance: float, case: _Case, alike: float | None = None) -> Duplicate:
    return Duplicate(
        case.id, case.case_no, case.category, round(distance), case.reported_at, case.line,
        None if alike is None else round(alike, 2),
    )  # fmt: skip


def _siblings(majors: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    grouped: dict[str, list[str]] = {}
    for category, major in majors.items():
        grouped.setdefault(major, []).append(category)
    return {
        category: tuple(other for other in members if other != category) for members in grouped.values() for category in members
    }
