"""Campaign zones (专项区域): few polygons, each for some categories and a time, with a limit of their own (domain.md §3.2)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

import shapely

from dispatch.limits import Limit
from dispatch.model import Campaign
from dispatch.packs import PackReport
from grid.areas import Zone
from grid.buckets import Buckets

__all__ = ["CampaignIndex", "check_campaign"]

_SQUARE = 0.005


class CampaignIndex:
    """The campaign zones that set a limit, by place. Where there is none it costs one look-up."""

    __slots__ = ("_buckets", "_campaigns", "_polygons")

    def __init__(self, zones: Sequence[Zone]) -> None:
        found = sorted(
            (zone for zone in zones if zone.kind == "campaign" and zone.limit and zone.wkb), key=lambda zone: zone.code
        )
        self._campaigns = [_campaign(zone) for zone in found]
        self._polygons = shapely.from_wkb([zone.wkb for zone in found])
        shapely.prepare(self._polygons)
        self._buckets = Buckets(_SQUARE, ((number, polygon.bounds) for number, polygon in enumerate(self._polygons)))

    def at(self, lon: float, lat: float) -> tuple[Campaign, ...]:
        """Return the campaigns whose zone holds the point, its border included, whatever their time."""
        numbers = self._buckets.at(lon, lat)
        if not numbers:
            return ()
        return tuple(self._campaigns[number] for number in numbers if shapely.intersects_xy(self._polygons[number], lon, lat))


def _campaign(zone: Zone) -> Campaign:
    return Campaign(
        code=zone.code, name=zone.name, limit=zone.limit, categories=frozenset(zone.categories),
        valid_from=date.fromisoformat(zone.valid_from), valid_to=date.fromisoformat(zone.valid_to),
    )  # fmt: skip


def check_campaign(zone: Zone, file: str, number: int, categories: Collection[str] | None, report: PackReport) -> None:
    """Put into `report` what is wrong with the limit, the time and the categories of a zone (feature `number` of `file`).

    `categories` are the codes that it may name, None where they are not known.
    """
    if zone.limit:
        _check_limit(zone, file, number, report)
    elif zone.categories:
        report.error(file, number, "limit", "is empty; categories stand with a limit", code="missing")
    if zone.limit and zone.kind != "campaign":
        report.error(file, number, "limit", "is for zones of the kind campaign", code="not_allowed")
    for code in zone.categories:
        if categories is not None and code not in categories:
            report.error(file, number, "categories", f"`{code}`; allowed: codes of categories.csv", code="unknown_category")


def _check_limit(zone: Zone, file: str, number: int, report: PackReport) -> None:
    try:
        Limit.parse(zone.limit)
    except ValueError as error:
        report.error(file, number, "limit", str(error), code="not_allowed")
    days: list[date] = []
    for field in ("valid_from", "valid_to"):
        try:
            days.append(date.fromisoformat(getattr(zone, field)))
        except ValueError:
            message = f"is `{getattr(zone, field)}`; a zone with a limit needs a date like 2026-11-21"
            report.error(file, number, field, message, code="not_allowed")
    if len(days) == 2 and days[1] < days[0]:
        report.error(file, number, "valid_to", f"is before valid_from, {zone.valid_from}", code="order")
