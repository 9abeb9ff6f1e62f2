"""The two ports of the core. `grid` gives the Locator, `orgs` the Directory; `web/app.py` builds both and hands them in.

Both answer from an immutable snapshot in memory: synchronous, pure, microseconds. `version` names the snapshot that
answered; a case keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from dispatch.model import AreaRef, AssetRef, Campaign, Colleague, Fit, Helper, Match, Place, Reach, UnitRef

__all__ = ["Directory", "Locator"]


class Locator(Protocol):
    """Turns a point, an area code or an address into a `Place`."""

    @property
    def version(self) -> str:
        """Name of the snapshot that answers now."""

    def locate(
        self,
        lon: float,
        lat: float,
        crs: str,
        *,
        accuracy_m: float | None = None,
        source: str = "gps",
        address: str | None = None,
    ) -> Place:
        """Return where the point is. Raises `dispatch.errors.OutOfArea` outside the city, `UnknownCrs` for a name not listed."""

    def locate_area(self, code: str, *, address: str | None = None) -> Place:
        """Return the place of an area alone (no point, `boundary_doubt` set). Raises `UnknownArea`."""

    def locate_address(self, address: str) -> Place | None:
        """Return the best place for an address by names of areas (and the gazetteer), or None when nothing fits."""

    def area(self, code: str) -> AreaRef | None:
        """Return the node with this code, or None."""

    def assets_near(self, lon: float, lat: float, category: str | None = None) -> tuple[AssetRef, ...]:
        """Return the assets (of one category) within reach of a WGS-84 point, nearest first."""

    def campaigns_at(self, lon: float, lat: float) -> tuple[Campaign, ...]:
        """Return the campaign zones that hold a WGS-84 point, whatever their time; mostly none."""

    def is_within(self, code: str, ancestor: str) -> bool:
        """Tell whether the area `code` is `ancestor` or lies below it."""

    def forerunners(self, code: str) -> tuple[str, ...]:
        """Return the void areas whose ground `code` has, or shares; mostly none."""


class Directory(Protocol):
    """Knows the parties: who is responsible, who can help, who is on duty, who is who."""

    @property
    def version(self) -> str:
        """Name of the snapshot that answers now."""

    def match(self, place: Place, category: str | None, at: datetime) -> Match:
        """Return the explained match. Never raises for an unknown category: the answer then has `no_category` in its doubt."""

    def organizations(self, place: Place, category: str, at: datetime, *, limit: int = 5) -> tuple[Helper, ...]:
        """Return the organizations that can help here, best first."""

    def unit(self, code: str) -> UnitRef | None:
        """Return the active unit with this code, or None."""

    def unit_hours(self, code: str) -> str:
        """Return the working hours of a unit in the form of `units.csv` (`24x7`, `09:00-12:00,13:00-17:00` or empty)."""

    def is_in_tree(self, code: str, root: str) -> bool:
        """Tell whether the unit `code` is `root` or stands below it in the tree of units."""

    def unit_covers(self, code: str, place: Place) -> bool:
        """Tell whether the unit works in the place (its areas hold the place or lie above it)."""

    def territorial(self, place: Place) -> UnitRef | None:
        """Return the township-level unit in whose territory the place lies (属地), None where the place is not known so well."""

    def unit_named(self, name: str, place: Place) -> UnitRef | None:
        """Return the unit that a code or `type@level` names at a place, None where no such unit works."""

    def organization(self, code: str) -> Helper | None:
        """Return the organization with this code, or None."""

    def fit(self, organization: str, place: Place, kind: str, at: datetime, *, sensitive_for: str | None) -> Fit:
        """Return how an organization fits what is asked of one kind of organizations at a place; unknown ones and those on the
        list of abnormal ones are not registered. `sensitive_for` is the 小类 of a sensitive matter, None for all others."""

    def reach(self, organization: str, at: datetime) -> Reach | None:
        """Return what an organization can be asked for and where; None for one that may not be asked at all."""

    def is_approved(self, code: str, category: str | None, at: datetime) -> bool:
        """Tell whether the organization may be asked for help with sensitive cases of a category (None: of any) at an instant."""

    def units_below(self, code: str) -> tuple[UnitRef, ...]:
        """Return the active units directly below a unit, by code."""

    def on_duty(self, role: str, place: Place, at: datetime, *, behind: bool = True) -> tuple[str, ...]:
        """Return the usernames of the people with `role` on duty for the place, nearest area first; `behind` says whether with
        those who only stand behind somebody who is there."""

    def acting_for(self, username: str, at: datetime) -> str | None:
        """Return who does somebody's work at an instant: themselves, while they are away who stands in; None when nobody does."""

    def colleague(self, username: str) -> Colleague | None:
        """Return the person with this user name, or None."""

    def watch(self, areas: Sequence[str], at: datetime) -> tuple[str, ...]:
        """Return the usernames of those who watch over exactly these areas, not over what lies above or below, at this instant
        (district duty, city duty; `""`: people without any area): on duty now, else who stands in, else supervisors."""
