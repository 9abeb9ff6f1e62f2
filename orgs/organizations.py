"""Social organizations that can help: what one is, who may be asked, and the score that ranks them. Pure.

May be asked (domain §4.2): registered and not abnormal, of a kind that the category asks, serving the place (one of its areas
lies on the path, or the point is within `radius_m`), open, with capacity left, and for sensitive categories approved.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import asin, cos, inf, radians, sin, sqrt

import msgspec

from dispatch.model import Helper
from orgs.hours import ALWAYS, Hours, parse

__all__ = ["EARTH_RADIUS_M", "GOOD_STANDING", "KIND_WORDS", "Organization", "Party", "distance_m", "kind_fit", "near", "party_of"]

EARTH_RADIUS_M = 6_371_008.8  # mean radius (IUGG)
GOOD_STANDING = ("normal", "good", "")
WEIGHTS = {"kind": 0.35, "distance": 0.35, "capacity": 0.15, "past": 0.15}
HALF_DISTANCE_M = 2_000.0  # at this distance the part of distance is one half
ENOUGH_CAPACITY = 5
ENOUGH_CONFIRMED = 20

KIND_WORDS = {
    "VOL": "志愿服务队", "SWK": "专业社工机构", "PSY": "心理咨询", "LAW": "法律援助", "MED": "人民调解组织", "ELD": "养老服务",
    "DIS": "助残", "YTH": "青少年与妇儿", "HLT": "义诊健康", "PRP": "物业企业与业委会", "ENT": "爱心企业",
    "RSC": "民间应急救援队",
    "ENV": "环保公益", "CHR": "慈善会", "SKL": "就业技能", "IND": "行业协会商会", "ANI": "动物救助", "DRG": "禁毒矫正社工",
    "VET": "退役军人志愿队", "CUL": "文体",
}  # fmt: skip


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """One organization (a row of `organizations.csv`). `lon`, `lat` are WGS-84; `load` is what it is busy with now."""

    code: str
    name: str
    kinds: tuple[str, ...] = ()
    standing: str = "normal"
    area_codes: tuple[str, ...] = ()
    lon: float | None = None
    lat: float | None = None
    radius_m: float = 0.0
    capacity: int = 1
    load: int = 0
    hours: str = ""
    contact: str = ""
    approved: bool = False
    confirmed: int = 0
    disabled_at: float | None = None

    @property
    def may_help(self) -> bool:
        """Registered, not abnormal, not closed down."""
        return self.standing in GOOD_STANDING and self.disabled_at is None


class Party(msgspec.Struct, frozen=True, gc=False):
    """An organization prepared for ranking: its point as a unit vector, the square of the chord of its radius, its fixed score.

    `worth` is what capacity and past confirmations add to the score, `words` what the reason says before and after the distance.
    """

    organization: Organization
    x: float
    y: float
    z: float
    reach: float
    worth: float
    areas: frozenset[str]
    hours: Hours
    placed: bool
    capacity: float
    past: float
    words: tuple[str, str]


def party_of(organization: Organization) -> Party:
    """Prepare an organization for ranking."""
    placed = organization.lon is not None and organization.lat is not None
    x, y, z = unit_vector(organization.lon or 0.0, organization.lat or 0.0)
    return Party(
        organization=organization,
        x=x,
        y=y,
        z=z,
        reach=chord_square(organization.radius_m) if placed and organization.radius_m > 0 else -1.0,
        worth=WEIGHTS["capacity"] * capacity_part(organization) + WEIGHTS["past"] * past_part(organization),
        areas=frozenset(organization.area_codes),
        hours=parse(organization.hours) if organization.hours else ALWAYS,
        placed=placed,
        capacity=round(capacity_part(organization), 3),
        past=round(past_part(organization), 3),
        words=(
            "、".join([KIND_WORDS.get(kind, kind) for kind in organization.kinds]) + " · ",
            f" · 可承接 {max(0, organization.capacity - organization.load)} 件",
        ),
    )


def unit_vector(lon: float, lat: float) -> tuple[float, float, float]:
    """Return the point on the unit sphere; the straight distance of two such points orders exactly as haversine does."""
    east, north = radians(lon), radians(lat)
    flat = cos(north)
    return flat * cos(east), flat * sin(east), sin(north)


def chord_square(metres: float) -> float:
    """Return the square of the chord (on the unit sphere) that spans a distance along the surface."""
    half = sin(min(metres / (2 * EARTH_RADIUS_M), 1.57))
    return 4 * half * half


def along(chord_square_: float) -> float:
    """Return the distance along the surface in metres that a squared chord spans."""
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(chord_square_) / 2))


def distance_m(lon_a: float, lat_a: float, lon_b: float, lat_b: float) -> float:
    """Return the great-circle distance in metres by the haversine formula on a sphere of the mean radius.

    >>> round(distance_m(106.63, 26.64, 106.63, 26.65))
    1112
    """
    north_a, north_b = radians(lat_a), radians(lat_b)
    half_north, half_east = sin((north_b - north_a) / 2), sin(radians(lon_b - lon_a) / 2)
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(half_north**2 + cos(north_a) * cos(north_b) * half_east**2)))


def near(metres: float) -> float:
    """Return how near something is, from 1 (here) towards 0; one half at 2 km."""
    return HALF_DISTANCE_M / (HALF_DISTANCE_M + metres)


def kind_fit(kinds: Sequence[str], wanted: Sequence[str]) -> float:
    """Return how well an organization's kinds fit: 1 for the first kind that the category asks, 0.1 less for each later one.

    >>> kind_fit(("PRP", "VOL"), ("VOL", "ENV", "PRP")), kind_fit(("PSY",), ("VOL",))
    (1.0, 0.0)
    """
    return next((position_fit(position) for position, kind in enumerate(wanted) if kind in kinds), 0.0)


def position_fit(position: int) -> float:
    """Return the fit of the kind at this position of a category's list."""
    return max(0.1, round(1.0 - 0.1 * position, 1))


def capacity_part(organization: Organization) -> float:
    """Return the part of free capacity, 1 from five free places on."""
    return min(1.0, max(0, organization.capacity - organization.load) / ENOUGH_CAPACITY)


def past_part(organization: Organization) -> float:
    """Return the part of past confirmed help, 1 from twenty on."""
    return min(1.0, organization.confirmed / ENOUGH_CONFIRMED)


def score_of(fit: float, metres: float, worth: float) -> float:
    """Return the score of an organization: kind, distance, and the fixed worth."""
    return WEIGHTS["kind"] * fit + WEIGHTS["distance"] * near(metres) + worth


def helper_of(party: Party, fit: float, metres: float, score: float) -> Helper:
    """Return what is shown of an organization that can help: how far, how well it fits, why."""
    organization = party.organization
    known = party.placed and metres < inf
    where = "服务范围内" if not known else f"{metres:.0f} 米" if metres < 1000 else f"{metres / 1000:.1f} 公里"
    before, after = party.words
    return Helper(
        code=organization.code,
        name=organization.name,
        kinds=organization.kinds,
        distance_m=int(metres + 0.5) if known else None,
        score=int(score * 10_000 + 0.5) / 10_000,
        parts={"kind": fit, "distance": int(1000 * near(metres) + 0.5) / 1000, "capacity": party.capacity, "past": party.past},
        reason=f"{before}{where}{after}",
    )
