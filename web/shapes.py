"""Shapes of the API that belong to no package below: answers of asking, lists, sessions. Times are texts in RFC 3339."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from dispatch.model import AreaRef, Candidate, Helper, LearnedPart, Match, Place, UnitRef
from dispatch.views import moment

__all__ = ["Items", "LocateAnswer", "MatchAnswer", "Ref", "locate_answer", "match_answer", "moment"]

T = TypeVar("T")


class Ref(msgspec.Struct, frozen=True):
    """Something by code and name."""

    code: str
    name: str


class Items(msgspec.Struct, Generic[T]):
    """A list; `next` is the cursor of the following page, null on the last."""

    items: list[T]
    next: str | None = None


class LocateAnswer(msgspec.Struct, kw_only=True):
    """Where a point is. `lon`, `lat` are WGS-84; `special` and `management` are the special grid and management area there."""

    area_path: tuple[AreaRef, ...]
    boundary_doubt: bool
    doubt: tuple[str, ...]
    special: AreaRef | None
    management: AreaRef | None
    lon: float | None
    lat: float | None
    version: str


class MatchAnswer(msgspec.Struct, kw_only=True):
    """Who is responsible and who can help at a place, with the reasons."""

    decided: str
    doubt: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    assists: tuple[UnitRef, ...]
    organizations: tuple[Helper, ...]
    place: LocateAnswer
    version: str
    learned: LearnedPart | None


def locate_answer(place: Place) -> LocateAnswer:
    """Return the API's shape of a place."""
    return LocateAnswer(
        area_path=place.area_path,
        boundary_doubt=place.boundary_doubt,
        doubt=place.doubt,
        special=place.special,
        management=place.management,
        lon=place.point.lon if place.point else None,
        lat=place.point.lat if place.point else None,
        version=place.version,
    )


def match_answer(match: Match, place: Place) -> MatchAnswer:
    """Return the API's shape of a match at a place."""
    return MatchAnswer(
        decided=match.decided,
        doubt=match.doubt,
        candidates=match.candidates,
        assists=match.assists,
        organizations=match.organizations,
        place=locate_answer(place),
        version=match.version,
        learned=match.learned,
    )
