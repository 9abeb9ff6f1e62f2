"""How sure an answer of the gazetteer is: pure arithmetic on what speaks for and against it.

The figures were set by hand; what the score is worth as a chance, that the place that is meant lies within 300 m of the point
(without a point: in the area), is said by `grid.calibration`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from grid.calibration import Curves, chance
from grid.doors import Guess, metres_between

__all__ = [
    "AREA_RANK",
    "LEAST_SURE",
    "LONE_ROAD",
    "Candidate",
    "against_areas",
    "of_area",
    "of_door",
    "of_meeting",
    "of_name",
    "ranked",
    "shared",
    "supported",
]  # fmt: skip

LEAST_SURE = 0.35  # below this a point is no answer for a report that nobody looks at first
AREA_RANK = {"community": 0.5, "township": 0.3, "district": 0.15}  # what an area is worth beside a point of the same confidence
LONE_ROAD = 0.2  # of a road that is known by one point alone
_CONTRADICTED = {"district": 0.2, "township": 0.55, "community": 0.7}
_DOOR = {"known": 0.96, "beside": 0.85, "between": 0.88, "beyond": 0.7}
_APART_METRES = 1000.0  # answers farther apart than this are different places
_NEAR_METRES, _FAR_METRES = 500.0, 2500.0


class Candidate(NamedTuple):
    """An answer. `weight` is how well it fits the areas that were named, `group` the name that it was found by; `left` is what
    rivals and contradictions have left of the confidence."""

    name: str
    kind: str
    confidence: float
    group: int
    lon: float | None = None
    lat: float | None = None
    area: str | None = None
    radius_m: float | None = None
    doubt: tuple[str, ...] = ()
    weight: float = 1.0
    left: float = 1.0

    def apart_from(self, other: Candidate) -> float | None:
        """Return the metres between the points of two answers, None when either has none."""
        if self.lon is None or self.lat is None or other.lon is None or other.lat is None:
            return None
        return metres_between(self.lon, self.lat, other.lon, other.lat)

    def lowered(self, factor: float, doubt: str) -> Candidate:
        """Return the answer with its confidence multiplied and the reason said."""
        return self._replace(confidence=self.confidence * factor, doubt=(*self.doubt, doubt))

    def contradicted(self, factor: float, doubt: str) -> Candidate:
        """Return the answer lowered for a reason that no experience with answers of its kind lifts again."""
        return self.lowered(factor, doubt)._replace(left=self.left * factor)

    def bent(self, curves: Curves) -> Candidate:
        """Return the answer with the chance that its score is worth, of which as much is left as of the score."""
        return self._replace(confidence=self.left * chance(min(1.0, self.confidence / self.left), self.kind, curves))


def of_name(length: int, kind: str) -> float:
    """Return the confidence of a place called exactly by a name of so many characters.

    >>> of_name(2, "landmark") < of_name(5, "landmark") < 0.9
    True
    """
    return {"estate": 0.85, "building": 0.92, "door": 0.95}.get(kind, 0.86) - (0.2 if length < 3 else 0.0)


def of_door(guess: Guess) -> float:
    """Return the confidence of a guessed house number: the wider the gap that it lies in, the less."""
    spread = 1.0 if guess.radius_m <= 150.0 else 150.0 / guess.radius_m
    return _DOOR[guess.how] * spread


def of_meeting(apart_m: float) -> float:
    """Return the confidence of the place where two roads meet or nearly do."""
    return 0.92 if apart_m <= 60.0 else 0.55


def of_area(level: str, is_full: bool, score: float) -> float:
    """Return the confidence that the place lies in the area that was named, in full or without its suffix."""
    return score * (0.96 if is_full else 0.7) if level in AREA_RANK else 0.0


def against_areas(levels: Sequence[str]) -> float:
    """Return what is left of the confidence when the place lies outside the areas of these levels that were named.

    >>> against_areas([]), against_areas(["community"]), against_areas(["district", "township"])
    (1.0, 0.7, 0.2)
    """
    return min((_CONTRADICTED[level] for level in levels), default=1.0)


def shared(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Divide the confidence of a name among the places that it may be; those within a kilometre count as one."""
    found = []
    for one in candidates:
        rivals = [
            other.weight
            for other in candidates
            if other is not one and ((apart := one.apart_from(other)) is None or apart > _APART_METRES)
        ]
        share = one.weight / (one.weight + sum(rivals))
        doubt = f"several:{len(rivals) + 1}"
        found.append(one.contradicted(share, doubt) if rivals and share < 0.9 else one)
    return found


def supported(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Raise what another name of the same address agrees with, lower what all others are far away from."""
    return [_supported(one, [other for other in candidates if other.group != one.group]) for one in candidates]


def _supported(one: Candidate, others: Sequence[Candidate]) -> Candidate:
    near = [apart for other in others if (apart := one.apart_from(other)) is not None]
    reach = _NEAR_METRES + (one.radius_m or 0.0)
    if any(apart <= reach for apart in near):
        return one._replace(confidence=1.0 - 0.6 * (1.0 - one.confidence)) if one.confidence > 0.3 else one
    sure = [other for other in others if other.confidence >= 0.5 and (one.apart_from(other) or 0.0) > _FAR_METRES + reach]
    return one.contradicted(0.5, f"far_from:{sure[0].name}") if sure else one


def ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the answers, best first: what names a point goes before what names an area, unless it is doubtful."""
    return sorted(candidates, key=lambda one: (-one.confidence * _worth(one), one.name, one.area or ""))


def _worth(one: Candidate) -> float:
    return AREA_RANK.get(one.kind, 1.0) if one.lon is None else 1.0
