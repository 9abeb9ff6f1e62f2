"""Social organizations that can help: what one is, who may be asked, and the score that ranks them. Pure.

May be asked (domain §4.2): registered and not abnormal, of a kind that the category asks, serving the place (one of its areas
lies on the path, the point is within `radius_m` or in the polygon), open, with capacity left, and for sensitive categories
approved: on the list for the category, with a named person whose training is in date and who is bound to secrecy.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import asin, cos, inf, radians, sin, sqrt
from typing import Any, Protocol

import msgspec
import shapely

from dispatch.model import Helper, Point
from orgs.hours import ALWAYS, Hours, parse

__all__ = [
    "EARTH_RADIUS_M",
    "GOOD_STANDING",
    "KIND_WORDS",
    "Offering",
    "Organization",
    "Party",
    "Present",
    "Qualified",
    "distance_m",
    "kind_fit",
    "near",
    "party_of",
    "present_of",
]  # fmt: skip

EARTH_RADIUS_M = 6_371_008.8  # mean radius (IUGG)
GOOD_STANDING = ("normal", "good", "")
WEIGHTS = {"kind": 0.30, "distance": 0.30, "capacity": 0.08, "past": 0.12, "offer": 0.06, "turn": 0.14}
HALF_DISTANCE_M = 2_000.0  # at this distance the part of distance is one half
USUAL_SHARE, USUAL_TASKS = 0.75, 4  # what is believed of a newcomer: as if 3 of 4 tasks had been confirmed
USUAL_RATING, USUAL_RATINGS = 4.0, 5  # and five residents had given 4 of 5
HALF_TURN = 4  # asked so often of late, the part of the turn is one half

KIND_WORDS = {
    "VOL": "志愿服务队", "SWK": "专业社工机构", "PSY": "心理咨询", "LAW": "法律援助", "MED": "人民调解组织", "ELD": "养老服务",
    "DIS": "助残", "YTH": "青少年与妇儿", "HLT": "义诊健康", "PRP": "物业企业与业委会", "ENT": "爱心企业",
    "RSC": "民间应急救援队",
    "ENV": "环保公益", "CHR": "慈善会", "SKL": "就业技能", "IND": "行业协会商会", "ANI": "动物救助", "DRG": "禁毒矫正社工",
    "VET": "退役军人志愿队", "CUL": "文体",
}  # fmt: skip


class Qualified(msgspec.Struct, frozen=True, kw_only=True):
    """A person of an organization for sensitive matters: `shown` is the masked name (the name itself lies sealed beside it),
    trained until a day (counted), bound to secrecy since a day."""

    id: str
    shown: str = ""
    trained_until: date
    secrecy_on: date

    def is_in_date(self, day: date) -> bool:
        """Tell whether the person may be asked on a local day."""
        return self.secrecy_on <= day <= self.trained_until


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """One organization (a row of `organizations.csv`). `lon`, `lat` are WGS-84; `load` is what it is busy with now.

    `standing` is `normal`, `abnormal` (with `standing_list`: `operation` 经营异常名录 or `activity` 活动异常名录), `revoked` or
    `deregistered`, since when and why. `wkb` is the polygon that it serves. `approved` puts it on the list for sensitive matters,
    `approved_for` names their 小类 or 大类 (none: all). It takes part from the day `valid_from` to the day `valid_to`, both
    counted. `confirmed` of `claimed` tasks were confirmed, `ratings` of residents sum up to `rating_sum`. `rev` counts
    its changes, in the service and by later tables; 0 is an organization as its first table brought it.
    """

    code: str
    name: str
    credit_code: str = ""
    kinds: tuple[str, ...] = ()
    standing: str = "normal"
    standing_list: str = ""
    standing_reason: str = ""
    standing_since: date | None = None
    standing_until: date | None = None
    area_codes: tuple[str, ...] = ()
    lon: float | None = None
    lat: float | None = None
    radius_m: float = 0.0
    wkb: bytes = b""
    capacity: int = 1
    load: int = 0
    hours: str = ""
    contact: str = ""
    approved: bool = False
    approved_for: tuple[str, ...] = ()
    qualified: tuple[Qualified, ...] = ()
    confirmed: int = 0
    claimed: int = 0
    ratings: int = 0
    rating_sum: float = 0.0
    valid_from: date | None = None
    valid_to: date | None = None
    rev: int = 0
    disabled_at: float | None = None

    @property
    def may_help(self) -> bool:
        """Registered, not abnormal, not closed down."""
        return self.standing in GOOD_STANDING and self.disabled_at is None

    def is_valid_on(self, day: date) -> bool:
        """Tell whether it takes part on a local day."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)

    def is_approved_on(self, day: date, category: str | None = None) -> bool:
        """Tell whether it may be asked for help with sensitive matters of a 小类 (None: of any) on a local day."""
        listed = category is None or not self.approved_for or not {category, category[:2]}.isdisjoint(self.approved_for)
        return self.approved and listed and any(person.is_in_date(day) for person in self.qualified)


class Present(msgspec.Struct, frozen=True, gc=False):
    """What a question finds of an organization beside what is fixed: how busy, how often asked of late, which offer fits; what
    that gives for the score, and the words behind the distance."""

    load: int
    asked: int
    offer: str
    capacity: float
    turn: float
    words: str


class Offering(Protocol):
    """A published offer, as far as ranking asks."""

    @property
    def what(self) -> str:
        """What is offered, in words."""

    @property
    def opening(self) -> Hours:
        """The hours of the day at which it holds."""

    @property
    def is_local(self) -> bool:
        """True when it is for some places only, not for wherever its organization serves."""

    def fits(self, kinds: Sequence[str], day: date, minute: int, point: Point | None, areas: Sequence[str]) -> bool:
        """Tell whether it is of one of the kinds, open at that time, and for that place."""


class Party(msgspec.Struct, frozen=True, gc=False):
    """An organization prepared for ranking: its point as a unit vector, the square of the chord of its radius, its fixed score.

    `worth` is the most that everything but kind and distance adds to the score: what a question finds less (fewer free places,
    asked of late, no offer that fits) is taken off then. `round` is the square of the chord that the polygon needs. `plain` is
    one with capacity left and without dates, `local` one with offers for some places only, `easy` a plain one that is not local.
    `idle` is how the organization is while nothing more is known than when it was prepared, `offering` the same with each of its
    offers.
    """

    organization: Organization
    x: float
    y: float
    z: float
    reach: float
    round: float
    worth: float
    areas: frozenset[str]
    hours: Hours
    dated: bool
    placed: bool
    past: float
    polygon: Any
    offers: tuple[Offering, ...]
    code: str
    plain: bool
    local: bool
    easy: bool
    kind_words: str
    idle: Present
    offering: tuple[Present, ...]


def party_of(organization: Organization, offers: Sequence[Offering] = (), *, load: int | None = None, asked: int = 0) -> Party:
    """Prepare an organization for ranking; `offers` are those that it has published, `load` (None: its own) and `asked` how busy
    it is and how often it was asked of late as far as is known now."""
    load = organization.load if load is None else load
    placed = organization.lon is not None and organization.lat is not None
    lon, lat = organization.lon or 0.0, organization.lat or 0.0
    x, y, z = unit_vector(lon, lat)
    polygon = shapely.from_wkb(organization.wkb) if organization.wkb and placed else None
    if polygon is not None:
        shapely.prepare(polygon)
    past = past_part(organization)
    dated = organization.valid_from is not None or organization.valid_to is not None
    idle, *offering = (present_of(organization, load, asked, what) for what in ("", *[offer.what for offer in offers]))
    plain, local = not dated and load < organization.capacity, any(offer.is_local for offer in offers)
    worth = WEIGHTS["capacity"] * idle.capacity + WEIGHTS["past"] * past + WEIGHTS["turn"] * idle.turn
    return Party(
        organization=organization,
        x=x,
        y=y,
        z=z,
        reach=chord_square(organization.radius_m) if placed and organization.radius_m > 0 else -1.0,
        round=chord_square(_farthest_m(polygon, lon, lat)) if polygon is not None else -1.0,
        worth=worth + (WEIGHTS["offer"] if offers else 0.0),
        areas=frozenset(organization.area_codes),
        hours=parse(organization.hours) if organization.hours else ALWAYS,
        dated=dated,
        placed=placed,
        past=int(1000 * past + 0.5) / 1000,
        polygon=polygon,
        offers=tuple(offers),
        code=organization.code,
        plain=plain,
        local=local,
        easy=plain and not local,
        kind_words="、".join([KIND_WORDS.get(kind, kind) for kind in organization.kinds]),
        idle=idle,
        offering=tuple(offering),
    )


def _farthest_m(polygon: Any, lon: float, lat: float) -> float:
    """Return a distance that no point of the polygon exceeds; edges bend less than the thousandth that is added."""
    return 1.001 * max(distance_m(lon, lat, x, y) for x, y in shapely.get_coordinates(polygon).tolist()) + 1.0


def _past_words(organization: Organization) -> str:
    words = f"确认 {organization.confirmed} 次" if organization.confirmed else "新近加入"
    return words + (f"，评价 {rating_of(organization):.1f}" if organization.ratings else "")


def present_of(organization: Organization, load: int, asked: int, offer: str) -> Present:
    """Return what is known of an organization with its parts and words."""
    free = max(0, organization.capacity - load)
    words = f" · 可承接 {free} 件 · {_past_words(organization)} · 近期受邀 {asked} 次"
    return Present(
        load, asked, offer, capacity_part(organization.capacity, load), turn_part(asked),
        f"{words} · 供给：{offer}" if offer else words,
    )  # fmt: skip


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


def capacity_part(capacity: int, load: int) -> float:
    """Return the part of free capacity: which share of it is free. The largest are no better than small ones that are idle.

    >>> [capacity_part(capacity, load) for capacity, load in ((1, 0), (20, 0), (4, 3), (4, 9), (0, 0))]
    [1.0, 1.0, 0.25, 0.0, 0.0]
    """
    return max(0, capacity - load) / capacity if capacity > 0 else 0.0


def share_of(organization: Organization) -> float:
    """Return the share of tasks that ended in a confirmation, drawn towards what is usual while there are few.

    >>> [round(share_of(Organization(code="", name="", confirmed=n, claimed=n)), 2) for n in (0, 1, 16)]
    [0.75, 0.8, 0.95]
    """
    claimed = max(organization.claimed, organization.confirmed)
    return (organization.confirmed + USUAL_SHARE * USUAL_TASKS) / (claimed + USUAL_TASKS)


def rating_of(organization: Organization) -> float:
    """Return the mean rating by residents, 1 to 5, drawn towards what is usual while there are few.

    >>> [round(rating_of(Organization(code="", name="", ratings=n, rating_sum=5 * n)), 2) for n in (0, 1, 45)]
    [4.0, 4.17, 4.9]
    """
    return (organization.rating_sum + USUAL_RATING * USUAL_RATINGS) / (organization.ratings + USUAL_RATINGS)


def past_part(organization: Organization) -> float:
    """Return the part of the past: half the share that was confirmed, half the rating. Declining counts for nothing."""
    return (share_of(organization) + rating_of(organization) / 5) / 2


def turn_part(asked: int) -> float:
    """Return the part of the turn: 1 for who was not asked of late, falling with every case that it was asked for.

    >>> [turn_part(asked) for asked in (0, 1, 4, 12)]
    [1.0, 0.8, 0.5, 0.25]
    """
    return HALF_TURN / (HALF_TURN + asked)


def score_of(fit: float, metres: float, worth: float) -> float:
    """Return the score of an organization: kind, distance, and what the rest is worth."""
    return WEIGHTS["kind"] * fit + WEIGHTS["distance"] * near(metres) + worth


def debt_of(party: Party, present: Present) -> float:
    """Return what is taken off an organization's `worth` at a question; never less than nothing."""
    before = party.idle
    debt = WEIGHTS["turn"] * (before.turn - present.turn) + WEIGHTS["capacity"] * (before.capacity - present.capacity)
    if party.offers and not present.offer:
        debt += WEIGHTS["offer"]
    return debt


def helper_of(party: Party, fit: float, metres: float, score: float, present: Present) -> Helper:
    """Return what is shown of an organization that can help: how far, how well it fits, why."""
    organization, known = party.organization, party.placed and metres < inf
    if not known:
        where = "服务范围内"
    elif metres < 1000:
        where = f"{int(metres + 0.5)} 米"
    else:
        tenths = int(metres / 100 + 0.5)
        where = f"{tenths // 10}.{tenths % 10} 公里"
    parts = {
        "kind": fit,
        "distance": int(1000 * HALF_DISTANCE_M / (HALF_DISTANCE_M + metres) + 0.5) / 1000,
        "capacity": present.capacity,
        "past": party.past,
        "offer": 1.0 if present.offer else 0.0,
        "turn": int(1000 * present.turn + 0.5) / 1000,
    }
    return Helper(
        code=party.code,
        name=organization.name,
        kinds=organization.kinds,
        distance_m=int(metres + 0.5) if known else None,
        score=int(score * 10_000 + 0.5) / 10_000,
        parts=parts,
        reason=f"{party.kind_words} · {where}{present.words}",
    )
