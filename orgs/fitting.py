"""Whether an organization may be asked for something at a place, and what stands against it (domain.md §4.2). Pure."""

from __future__ import annotations

import shapely

from dispatch.model import Fit, Place, Reach
from orgs.organizations import Party, distance_m

__all__ = ["NOBODY", "fit_of", "reach_of"]

NOBODY = Fit(against=("not_registered",))  # unknown, closed down, or on the list of abnormal ones


def fit_of(party: Party, place: Place, kind: str, *, approved: bool) -> Fit:
    """Return how a registered organization fits one kind of help at a place; `approved` tells whether the matter may be known to
    it (true for all that is not sensitive)."""
    organization, metres = party.organization, _metres(party, place)
    conditions = (
        ("wrong_kind", kind in organization.kinds),
        ("outside_area", _serves(party, place, metres)),
        ("not_approved", approved),
    )
    against = tuple(code for code, holds in conditions if not holds)
    distance = None if metres is None else int(metres + 0.5)
    return Fit(against=against, distance_m=distance, capacity=organization.capacity)


def reach_of(party: Party, *, approved: bool) -> Reach:
    """Return what a registered organization can be asked for, and where."""
    organization = party.organization
    anywhere = party.placed and (organization.radius_m > 0 or party.polygon is not None)
    return Reach(
        kinds=organization.kinds, areas=organization.area_codes, anywhere=anywhere, approved=approved,
        capacity=organization.capacity,
    )  # fmt: skip


def _serves(party: Party, place: Place, metres: float | None) -> bool:
    """One of its areas lies on the path of the place, or the place lies within its radius (the edge belongs to it) or in its
    polygon."""
    organization, point = party.organization, place.point
    if metres is not None and organization.radius_m > 0 and metres <= organization.radius_m:
        return True
    if party.polygon is not None and point is not None and shapely.contains_xy(party.polygon, point.lon, point.lat):
        return True
    return not set(organization.area_codes).isdisjoint(place.area_codes)


def _metres(party: Party, place: Place) -> float | None:
    point, organization = place.point, party.organization
    if point is None or organization.lon is None or organization.lat is None:
        return None
    return distance_m(organization.lon, organization.lat, point.lon, point.lat)
