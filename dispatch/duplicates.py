"""Open cases nearby that may be the same matter: an index in memory over what was reported in the last days (domain.md §2.7).

Candidates are shown to a person; nothing is ever merged here. The index is fed from the change feed and answers in
microseconds: cases lie in cells as wide as their category's radius, newest last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from heapq import nsmallest
from itertools import islice
from math import ceil, cos, floor, hypot, radians
from typing import NamedTuple

import msgspec

from dispatch.board import OpenCase

__all__ = ["Duplicate", "RecentCases", "common_words", "likeness"]

_METRES_PER_DEGREE = 111_195.0
_NARROWEST = cos(radians(66.0))  # cells are wide enough up to this latitude
_MOST_IN_CELL = 32  # newest first: a place with more open cases of one category has its duplicates among these

_STEPS = 1 << 24  # cells from one end of the earth to the other, at a radius of three metres


class Duplicate(msgspec.Struct, frozen=True):
    """An open case that may be the same: how far (metres), how old, and how alike the texts are where both are known."""

    id: str
    case_no: str
    category: str
    distance_m: int
    reported_at: datetime
    line: str
    likeness: float | None = None


class RecentCases:
    """The open cases of the last `days` by category and place.

    `radii` gives metres by category, `radius_m` the rest; `majors` the major of each category, for cases of a neighbouring
    category with a text that is alike.

    It holds what the board holds (`dispatch.board.OpenCase`) and costs about 150 bytes a case besides.
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
        self._cells: dict[int, OpenCase | list[OpenCase]] = {}
        self._scales: dict[str, _Scale] = {}
        self._count = 0
        self._siblings = _siblings(majors or {})

    def __len__(self) -> int:
        """Return how many cases are known."""
        return self._count

    def radius(self, category: str) -> int:
        """Return the radius of a category in metres."""
        return self._radii.get(category, self._radius_m)

    def add(self, case: OpenCase, before: OpenCase | None = None) -> None:
        """Put an open case in, in place of what it was `before`. Cases without point or category are left out."""
        if before is not None:
            self.remove(before)
        if case.category is None or case.lon is None or case.lat is None:
            return
        key = _key(self._scale(case.category), case.lon, case.lat)
        there = self._cells.get(key)
        if there is None:
            self._cells[key] = case
        elif isinstance(there, list):
            there.append(case)
        else:
            self._cells[key] = [there, case]
        self._count += 1

    def remove(self, case: OpenCase) -> None:
        """Take a case out (closed, merged, cancelled) as it was put in; an unknown one is no error."""
        if case.category is None or case.lon is None or case.lat is None:
            return
        key = _key(self._scale(case.category), case.lon, case.lat)
        there = self._cells.get(key)
        if there is None:
            return
        others = [other for other in (there if isinstance(there, list) else (there,)) if other.id != case.id]
        self._count -= (len(there) if isinstance(there, list) else 1) - len(others)
        if len(others) > 1:
            self._cells[key] = others
        elif others:
            self._cells[key] = others[0]
        else:
            del self._cells[key]

    def prune(self, now: datetime) -> int:
        """Take out what is older than the days that count; return how many."""
        oldest = now - self._age
        known = (case for there in self._cells.values() for case in (there if isinstance(there, list) else (there,)))
        old = [case for case in known if case.reported_at < oldest]
        for case in old:
            self.remove(case)
        return len(old)

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
        shown: Callable[[OpenCase], bool] | None = None,
    ) -> list[Duplicate]:
        """Return the open cases that may be the same matter, nearest first.

        Same category within its radius (boundary included), reported at most the days that count before `at`. With `text`,
        cases of the same major whose line is alike count too. `exclude` is the id of the case asked for. With `shown`, only cases
        of which it is true count.
        """
        reach = self.radius(category) if radius is None else radius
        found = self._within(category, lon, lat, at, reach, exclude)
        if text is None:
            found.sort()
            wanted = found if shown is None else (one for one in found if shown(one[2]))
            return [_duplicate(distance, case) for distance, _, case in islice(wanted, limit)]
        answer = [
            _duplicate(distance, case, likeness(text, case.line)) for distance, _, case in found if shown is None or shown(case)
        ]
        for sibling in self._siblings.get(category, ()):
            for distance, _, case in self._within(sibling, lon, lat, at, reach, exclude):
                if (alike := likeness(text, case.line)) >= self._similarity and (shown is None or shown(case)):
                    answer.append(_duplicate(distance, case, alike))
        return nsmallest(limit, answer, key=lambda duplicate: (duplicate.distance_m, duplicate.id))

    def _within(
        self, category: str, lon: float, lat: float, at: datetime, reach: float, exclude: str | None
    ) -> list[tuple[float, str, OpenCase]]:
        around = self._around(category, lon, lat, reach)
        found: list[tuple[float, str, OpenCase]] = []
        if not around:
            return found
        width = cos(radians(lat)) * _METRES_PER_DEGREE
        oldest = at - self._age
        for there in around:
            for case in there[: -_MOST_IN_CELL - 1 : -1] if isinstance(there, list) else (there,):
                distance = hypot((case.lon - lon) * width, (case.lat - lat) * _METRES_PER_DEGREE)  # type: ignore[operator]
                if distance <= reach and oldest <= case.reported_at and case.id != exclude:
                    found.append((distance, case.id, case))
        return found

    def _around(self, category: str, lon: float, lat: float, reach: float) -> list[OpenCase | list[OpenCase]]:
        """What lies in the cells that the reach touches."""
        scale = self._scales.get(category)
        if scale is None:
            return []
        steps = ceil(reach / scale.radius)
        first, get = _key(scale, lon, lat) - steps * _STEPS - steps, self._cells.get
        rows = 2 * steps + 1
        columns = range(first, first + rows * _STEPS, _STEPS)
        return [there for start in columns for key in range(start, start + rows) if (there := get(key)) is not None]

    def _scale(self, category: str) -> _Scale:
        scale = self._scales.get(category)
        if scale is None:
            radius = self.radius(category)
            scale = self._scales[category] = _Scale(radius, radius / _METRES_PER_DEGREE, len(self._scales) * _STEPS * _STEPS)
        return scale


class _Scale(NamedTuple):
    """How the cells of a category lie: its radius (metres), the height of a cell (degrees), where its numbers begin."""

    radius: int
    height: float
    begin: int


def _key(scale: _Scale, lon: float, lat: float) -> int:
    """Return the number of the cell that holds a point."""
    return scale.begin + floor(lon * _NARROWEST / scale.height) * _STEPS + floor(lat / scale.height)


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


def _duplicate(distance: float, case: OpenCase, alike: float | None = None) -> Duplicate:
    return Duplicate(
        case.id, case.case_no, case.category or "", round(distance), case.reported_at, case.line,
        None if alike is None else round(alike, 2),
    )  # fmt: skip


def _siblings(majors: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    grouped: dict[str, list[str]] = {}
    for category, major in majors.items():
        grouped.setdefault(major, []).append(category)
    return {
        category: tuple(other for other in members if other != category) for members in grouped.values() for category in members
    }
