"""Offers (供): what an organization can do, where, when and how much of it; which of them fits a question. Pure.

An offer is a draft, published, paused, used up (all of its amount is reserved) or ended. What is reserved for a need counts down
`left`; what is given back makes a used-up offer published again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

import msgspec

from dispatch.model import Point
from orgs.hours import ALWAYS, Hours, is_open, parse
from orgs.organizations import distance_m

__all__ = ["EVERYWHERE", "OFFER_STATES", "Hold", "Offer", "published_by_organization", "reach_of"]

OFFER_STATES = ("draft", "published", "paused", "used_up", "ended")
EVERYWHERE = "*"  # the reach of an offer without areas, by circle or by no place at all


class Hold(msgspec.Struct, frozen=True):
    """So much of an offer is reserved under a key, which names the need and the task."""

    key: str
    amount: int
    at: datetime


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What an organization offers: `what`, of which kind, between which days (both counted), on which weekdays (1 Monday … 7
    Sunday; none: all) and hours, where (areas, or a circle; neither: wherever the organization serves), how much of it.

    `left` None is an offer of which nothing was ever reserved. `reach` is what lists by area look for.
    """

    id: str
    organization: str
    kind: str = ""
    what: str = ""
    state: str = "published"
    area_codes: tuple[str, ...] = ()
    lon: float | None = None
    lat: float | None = None
    radius_m: float = 0.0
    first_day: date | None = None
    last_day: date | None = None
    weekdays: tuple[int, ...] = ()
    hours: str = ""
    amount: int = 1
    left: int | None = None
    held: tuple[Hold, ...] = ()
    reach: tuple[str, ...] = ()
    rev: int = 0
    updated_at: datetime | None = None

    @property
    def still_left(self) -> int:
        """How much of it can still be reserved."""
        return self.amount if self.left is None else self.left

    @property
    def opening(self) -> Hours:
        """The hours of the day at which it holds."""
        return parse(self.hours) if self.hours else ALWAYS

    @property
    def is_local(self) -> bool:
        """True when it is for some places only, not for wherever its organization serves."""
        return bool(self.area_codes or self.radius_m)

    def fits(self, kinds: Sequence[str], day: date, minute: int, point: Point | None, areas: Sequence[str]) -> bool:
        """Tell whether it is of one of the kinds (or of no particular one), on that day and hour, and for that place."""
        if self.kind and self.kind not in kinds:
            return False
        if (self.first_day and day < self.first_day) or (self.last_day and day > self.last_day):
            return False
        if (self.weekdays or self.hours) and not self.is_on(day, minute):
            return False
        return not (self.area_codes or self.radius_m) or self.covers(point, areas)

    def is_on(self, day: date, minute: int) -> bool:
        """Tell whether it holds on a local day at a minute of it.

        >>> offer = Offer(id="1", organization="O", first_day=date(2026, 11, 2), weekdays=(1, 3), hours="09:00-12:00")
        >>> [offer.is_on(date(2026, 11, day), 600) for day in (1, 2, 3, 4)], offer.is_on(date(2026, 11, 2), 720)
        ([False, True, False, True], False)
        """
        if (self.first_day and day < self.first_day) or (self.last_day and day > self.last_day):
            return False
        return (not self.weekdays or day.isoweekday() in self.weekdays) and (not self.hours or is_open(parse(self.hours), minute))

    def covers(self, point: Point | None, areas: Sequence[str]) -> bool:
        """Tell whether the place lies in one of its areas or its circle; an offer without either is for wherever its organization
        serves."""
        if self.area_codes and not set(self.area_codes).isdisjoint(areas):
            return True
        if self.radius_m > 0 and self.lon is not None and self.lat is not None:
            return point is not None and distance_m(self.lon, self.lat, point.lon, point.lat) <= self.radius_m
        return not self.area_codes


def reach_of(offer: Offer, organization_areas: Sequence[str]) -> tuple[str, ...]:
    """Return the area codes by which lists find an offer: its own areas, else its organization's, else everywhere."""
    circle = () if offer.radius_m <= 0 else (EVERYWHERE,)
    return (*offer.area_codes, *circle) or tuple(organization_areas) or (EVERYWHERE,)


def published_by_organization(offers: Iterable[Offer]) -> Mapping[str, Sequence[Offer]]:
    """Return the offers that may raise a score, by organization: published, with something left."""
    found: dict[str, list[Offer]] = {}
    for offer in offers:
        if offer.state == "published" and offer.still_left > 0:
            found.setdefault(offer.organization, []).append(offer)
    return found
