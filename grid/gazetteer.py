"""Finds places by address, offline: areas, roads, house numbers, estates, landmarks and crossings, ranked and explained.

Names repeat (a city of 1,600 communities has about a hundred repeated ones), so a name counts only together with the district
or township that the text also names, or when it is the only one of its kind. What stays open has low confidence; nothing that
is found by its address is ever certain.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from grid import weighing
from grid.address import DOOR, HouseNumber, Reading, ends_as_road, normalise, read, runs
from grid.areas import Part
from grid.calibration import CURVES, Curves
from grid.doors import Guess, KnownDoor, guess
from grid.gazetteer_corrected import NameIndex
from grid.hierarchy import AreaTree
from grid.metric import metres_per_degree
from grid.recognising import EXACT, Mention, parts_of, recognise
from grid.roads import Course, courses_of, meeting
from grid.weighing import Candidate

__all__ = ["Answer", "Gazetteer"]

_NAMED_LEVELS = ("district", "township", "community")
_MOST_OWNERS, _MOST_PIECES, _MOST_COURSES = 60, 400, 12  # places, pieces of roads, roads of one name that are looked at
_LANDMARK_METRES, _ESTATE_METRES, _LONE_METRES, _RELATION_METRES = 150.0, 250.0, 600.0, 100.0
_FEW = 4  # places of one name of which those just across a border are looked for
_BORDER_METRES = 100.0  # roads are borders, and bear the addresses of both sides
_AROUND = ((1.0, 0.0), (0.7, 0.7), (0.0, 1.0), (-0.7, 0.7), (-1.0, 0.0), (-0.7, -0.7), (0.0, -1.0), (0.7, -0.7))
_PIECE, _PIECE_OF_ROAD = 0.75, 0.35  # what is left when a name may be a piece of a longer one
_SHORT = 2  # characters of a name that may be the end of another even when a house number follows: 三条 in 东司三条8号
_BESIDE_UNKNOWN_ROAD = 0.45  # when the address names a road that nobody knows: another name is only somewhere near

Where = Callable[[float, float], str | None]


class Answer(NamedTuple):
    """What an address may mean, best first, and the address piece by piece."""

    candidates: tuple[Candidate, ...]
    parts: tuple[Part, ...]


class _Asked(NamedTuple):
    """One question: the address, the names in it, and the narrowest area that it names."""

    reading: Reading
    mentions: list[Mention]
    within: str | None
    unknown_road: tuple[int, int] | None
    courses: dict[int, list[Course]]  # by text, as they were needed


class Gazetteer:
    """Answers by the names of areas and of the gazetteer. Immutable; answers take milliseconds."""

    __slots__ = ("_curves", "_index", "_tree", "_where")

    def __init__(self, index: NameIndex, tree: AreaTree, where: Where, curves: Curves = CURVES) -> None:
        """`where` returns the code of the narrowest area that holds a WGS-84 point, or None; `curves` what a score is worth."""
        self._index = index
        self._tree = tree
        self._where = where
        self._curves = curves

    def with_curves(self, curves: Curves) -> Gazetteer:
        """Return the same with other chances for its scores."""
        return Gazetteer(self._index, self._tree, self._where, curves)

    @property
    def index(self) -> NameIndex:
        """The names, for another territory."""
        return self._index

    def ask(self, address: str, limit: int = 20) -> Answer:
        """Return what the address may mean, best first, each with its confidence; nothing for an address without a known name."""
        reading = read(address)
        mentions = recognise(self._index, reading)
        asked = _Asked(reading, mentions, self._narrow(mentions), _unknown_road(reading, mentions), {})
        crossings = list(self._of_crossings(asked))
        points = weighing.supported([*self._of_mentions(asked, bool(crossings)), *crossings])
        scored = [*points, *self._of_area(asked)]
        found = weighing.ranked([one.bent(self._curves) for one in scored])
        return Answer(tuple(found[:limit]), parts_of(self._index, reading, mentions))

    def find(self, address: str) -> Candidate | None:
        """Return the best answer that a report may be filed by: a point that is likely enough, else the narrowest sure area."""
        for one in self.ask(address).candidates:
            if one.confidence >= weighing.LEAST_SURE:
                return one
        return None

    def typed(self, text: str, limit: int) -> list[int]:
        """Return entries whose name begins with the text, holds it, or is spelled so (first letters or pinyin)."""
        plain = normalise(text)
        texts = dict.fromkeys(self._index.beginning(plain, limit)) if plain else {}
        if plain.isascii() and plain.isalpha():
            texts.update(dict.fromkeys(self._index.spelled(plain, limit)))
        elif len(plain) > 1:
            texts.update(dict.fromkeys(self._index.holding(plain, limit)))
        return list(dict.fromkeys(owner for one in texts for owner in self._index.owners(one)[:limit]))[:limit]

    # areas

    def _narrow(self, mentions: Sequence[Mention]) -> str | None:
        """Go down the levels; a level that contradicts the one above, or stays open, is left out."""
        within: str | None = None
        for level in _NAMED_LEVELS:
            codes = self._codes(mentions, level)
            fitting = {code for code in codes if within is None or self._tree.is_within(code, within)}
            if len(fitting) == 1:
                within = fitting.pop()
        return within

    def _codes(self, mentions: Sequence[Mention], level: str) -> set[str]:
        """The areas of a level that are named, in full when any is; a road of the same name speaks for no area."""
        of_level = [
            (owner, mention)
            for mention in mentions
            for owner in mention.areas
            if self._index.kind(owner) == level and (self._is_full(owner, mention) or not mention.places)
        ]
        full = [owner for owner, mention in of_level if self._is_full(owner, mention)]
        return {self._index.area(owner) or "" for owner in (full or [owner for owner, _ in of_level])}

    def _is_full(self, owner: int, mention: Mention) -> bool:
        return self._index.text(mention.text) == normalise(self._index.name(owner))

    def _of_area(self, asked: _Asked) -> Iterator[Candidate]:
        ref = self._tree.get(asked.within or "")
        if ref is None:
            return
        naming = [
            weighing.of_area(ref.level, self._is_full(owner, mention), mention.score)
            for mention in asked.mentions
            for owner in mention.areas
            if self._index.area(owner) == ref.code
        ]
        yield Candidate(ref.name, ref.level, max(naming), group=-1, area=ref.code)

    # places

    def _of_mentions(self, asked: _Asked, is_crossing: bool) -> Iterator[Candidate]:
        seen: set[tuple[int, HouseNumber | None]] = set()
        for group, mention in enumerate(asked.mentions):
            said = (mention.text, mention.number and mention.number._replace(start=0, end=0))
            if said in seen:
                continue
            seen.add(said)
            found = list(self._of_number(asked, mention, group)) or list(self._of_name(asked, mention, group))
            is_few = len(found) <= _FEW
            for one in weighing.shared([self._weighed(asked, mention, one, is_few) for one in found]):
                yield one.contradicted(0.6, "at_crossing") if is_crossing and one.kind == "road" else one

    def _of_number(self, asked: _Asked, mention: Mention, group: int) -> Iterator[Candidate]:
        house = mention.number
        if house is None:
            return
        known = []
        for door in self._index.doors_near(mention.text, house.what, house.number):
            point = self._index.point(door.entry)
            if point is not None:
                known.append(KnownDoor(door.number, door.sub, *point))
        said = asked.reading.text[house.start : house.end]
        name = self._index.text(mention.text) + (f"{said}号" if said.isdigit() else said)
        for one in guess(self._fitting(known, asked.within), house.number, house.sub):
            yield self._guessed(name, one, house, group)

    def _fitting(self, known: Sequence[KnownDoor], within: str | None) -> Sequence[KnownDoor]:
        """Of roads of one name the doors in the district that is named, if there are any there."""
        district = self._tree.above(within, "district") if within else None
        if district is None:
            return known
        inside = [door for door in known if self._is_in(door.lon, door.lat, district)]
        return inside or known

    def _guessed(self, name: str, one: Guess, house: HouseNumber, group: int) -> Candidate:
        doubt = () if one.how == "known" else (f"number_{one.how}:{'-'.join(map(str, one.neighbours)) or house.number}",)
        kind = "door" if house.what == DOOR else "building"
        return Candidate(name, kind, weighing.of_door(one), group, one.lon, one.lat, radius_m=one.radius_m, doubt=doubt)

    def _of_name(self, asked: _Asked, mention: Mention, group: int) -> Iterator[Candidate]:
        courses = self._courses(asked, mention)
        yield from (self._along(course, asked, mention, group, is_one_of_few=len(courses) <= _FEW) for course in courses)
        length = mention.end - mention.start
        if not mention.places:
            yield from self._by_doors(mention, group)
        for owner in mention.places[:_MOST_OWNERS]:
            if courses and (self._index.kind(owner) == "road" or ends_as_road(self._index.text(mention.text))):
                continue  # a stop or a shop that is called as the road is
            kind, point = self._index.kind(owner), self._index.point(owner)
            lon, lat = point or (None, None)
            radius = None if point is None else _ESTATE_METRES if kind == "estate" else _LANDMARK_METRES
            sure = weighing.of_name(length, kind)
            yield Candidate(self._index.name(owner), kind, sure, group, lon, lat, self._index.area(owner), radius)

    def _by_doors(self, mention: Mention, group: int) -> Iterator[Candidate]:
        """A road or an estate of which only numbers are known lies somewhere about the one that is nearest by number."""
        house = mention.number
        what, number = (house.what, house.number) if house else (DOOR, 0)
        known = [door for door in self._index.doors_near(mention.text, what, number) if self._index.point(door.entry)]
        if not known:
            return
        nearest = min(known, key=lambda door: abs(door.number - number)) if house else known[len(known) // 2]
        lon, lat = self._index.point(nearest.entry) or (None, None)
        doubt = (f"number_unknown:{number}",) if house else ()
        kind = "road" if what == DOOR else "estate"
        yield Candidate(
            self._index.text(mention.text), kind, weighing.LONE_ROAD, group, lon, lat, radius_m=_LONE_METRES, doubt=doubt
        )

    def _courses(self, asked: _Asked, mention: Mention) -> list[Course]:
        """The roads that a name may mean, those in the named area first. What is no road but called as one (a stop) shows where
        one is, if nothing better does; a road of which only house numbers are known has no course."""
        if mention.text not in asked.courses:
            within = asked.within
            found = self._all_courses(mention)
            if within is not None and len(found) > 1:
                found.sort(key=lambda course: not self._runs_in(course, within))
            asked.courses[mention.text] = found[:_MOST_COURSES]
        return asked.courses[mention.text]

    def _runs_in(self, course: Course, code: str) -> bool:
        lon, lat = course.halfway()
        return self._is_in(lon, lat, code)

    def _all_courses(self, mention: Mention) -> list[Course]:
        owners = [owner for owner in mention.places if self._index.kind(owner) == "road"]
        if not owners and ends_as_road(self._index.text(mention.text)):
            owners = list(mention.places)
        return courses_of([self._index.line(owner) for owner in owners[:_MOST_PIECES]])

    def _along(self, course: Course, asked: _Asked, mention: Mention, group: int, *, is_one_of_few: bool) -> Candidate:
        within = asked.within
        inside = course.within(lambda lon, lat: self._is_in(lon, lat, within)) if within else None
        if within and inside is None and is_one_of_few:
            inside = self._part_near(course, within)
        lon, lat, reach, near = (inside or course).middle()
        doubt = (f"number_unknown:{mention.number.number}",) if mention.number else ()
        name = self._index.text(mention.text)
        lone = len(course.points) == 1  # a point alone says nothing of how far the road runs
        sure, radius = (weighing.LONE_ROAD, _LONE_METRES) if lone else (0.92 * near, reach + 80.0)
        return Candidate(name, "road", sure, group, lon, lat, radius_m=radius, doubt=doubt)

    def _part_near(self, course: Course, code: str) -> Course | None:
        """The part of a road that runs along the border of an area; a few points tell whether it is worth to look for."""
        if not any(self._is_near(lon, lat, code) for lon, lat in course.some()):
            return None
        return course.within(lambda lon, lat: self._is_near(lon, lat, code))

    def _of_crossings(self, asked: _Asked) -> Iterator[Candidate]:
        """Where two neighbouring road names meet, when the words speak of a crossing or neither name has a house number."""
        roads = [(group, one) for group, one in enumerate(asked.mentions) if self._is_road(one)]
        for (_, left), (_, right) in itertools.pairwise(roads):
            if not asked.reading.is_crossing and (left.number or right.number):
                continue
            found = [
                Candidate(
                    f"{self._index.text(left.text)}·{self._index.text(right.text)}", "crossing",
                    weighing.of_meeting(at.apart_m) * min(left.score, right.score), -2, at.lon, at.lat,
                    radius_m=60.0 + at.apart_m,
                )
                for one in self._courses(asked, left)
                for other in self._courses(asked, right)
                if (at := meeting(one, other)) is not None
            ]  # fmt: skip
            yield from weighing.shared([self._placed(asked, one, len(found) <= _FEW) for one in found])

    def _is_road(self, mention: Mention) -> bool:
        return any(self._index.kind(owner) == "road" for owner in mention.places)

    # what speaks against an answer

    def _weighed(self, asked: _Asked, mention: Mention, one: Candidate, is_few: bool) -> Candidate:
        one = self._placed(asked, one, is_few)
        if mention.how != EXACT:
            one = one.lowered(mention.score, f"{mention.how}:{asked.reading.text[mention.start : mention.end]}")
        if asked.unknown_road is not None and mention.number is None:
            start, end = asked.unknown_road
            one = one.lowered(_BESIDE_UNKNOWN_ROAD, f"unknown:{asked.reading.text[start:end]}")
        elif mention.is_piece and (mention.number is None or mention.end - mention.start <= _SHORT):
            one = one.lowered(_PIECE_OF_ROAD if one.kind == "road" else _PIECE, "beside_unknown")
        if any(word.kind == "relation" for word in asked.reading.words) and one.radius_m is not None:
            one = one._replace(radius_m=one.radius_m + _RELATION_METRES)
        return one

    def _placed(self, asked: _Asked, one: Candidate, is_few: bool) -> Candidate:
        """Hold the answer against the areas that the address names. Of few answers what lies just across a border fits, too."""
        at = self._where(one.lon, one.lat) if one.lon is not None and one.lat is not None else one.area
        if asked.within and is_few and self._is_beside(one, at, asked.within):
            return one._replace(area=one.area or asked.within)
        if at is None:
            return one.contradicted(0.3, "outside") if one.lon is not None else one
        path = self._tree.path(asked.within) if asked.within else ()
        against = [ref for ref in path if ref.level in _NAMED_LEVELS and not self._tree.is_within(at, ref.code)]
        one = one._replace(area=one.area or at)
        if not against:
            return one
        fits = weighing.against_areas([ref.level for ref in against])
        return one.contradicted(fits, f"not_in:{against[0].code}")._replace(weight=fits)

    def _is_beside(self, one: Candidate, at: str | None, code: str) -> bool:
        """Tell whether a point lies outside an area, but hardly."""
        if one.lon is None or one.lat is None or (at is not None and self._tree.is_within(at, code)):
            return False
        return self._is_near(one.lon, one.lat, code)

    def _is_near(self, lon: float, lat: float, code: str) -> bool:
        east, north = (_BORDER_METRES / length for length in metres_per_degree(lat))
        return any(self._is_in(lon + x * east, lat + y * north, code) for x, y in _AROUND)

    def _is_in(self, lon: float, lat: float, code: str) -> bool:
        at = self._where(lon, lat)
        return at is not None and self._tree.is_within(at, code)


def _unknown_road(reading: Reading, mentions: Sequence[Mention]) -> tuple[int, int] | None:
    """Return a stretch that was not understood and must be a road: it ends as one, or a house number follows."""
    numbered = {number.start for number in reading.numbers}
    for start, end in runs(reading, [(one.start, one.end) for one in mentions]):
        if end - start > 1 and (end in numbered or ends_as_road(reading.text[start:end])):
            return start, end
    return None
