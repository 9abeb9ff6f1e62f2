"""What organizations could help with, and how they claim it: the door of needs for who does not see their cases (ADR 19).

claims = Claims(cases, database, directory, clock)
page = await claims.list(actor=actor, organization=None, limit=50, cursor=None)
case = await claims.claim(actor=actor, need=page.items[0].id, fields={}, key=key)

An open need shows what is wanted, roughly where and until when: nothing of who reported what. After the claim the case is seen as
any other on which the organization is at work.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from dispatch.actors import Actor
from dispatch.keys import shows
from dispatch.model import URGENCIES, Place, Point, Reach
from dispatch.needed import BusyWith, OpenNeeds
from dispatch.needs import find_need
from dispatch.ports import Directory
from dispatch.service import CaseService
from dispatch.situation import Case, sensitive_category
from dispatch.views import CaseView, moment
from dispatch.wanted import ANYWHERE, for_all, is_invited, place_of_need, places_left, wanted_keys
from storage.client import Database
from storage.errors import FieldError, Invalid

__all__ = ["Claims", "NeedPage", "NeedView"]

MOST_LOOKED_AT = 500  # cases of one list, first to end first
MOST_KEYS = 60  # more are asked for as the whole city
BAND_M = 500  # distances within one band count alike, so that what is urgent comes before what is a few steps nearer
FAR_BAND = 1_000_000  # where one of the two has no point
GRAIN_DECIMALS, GRAIN_M = 3, 100  # a position is shown in thousandths of a degree, about 100 m
BETWEEN = "."
Order = tuple[int, int, int, int, str, str]


class NeedView(msgspec.Struct, kw_only=True):
    """An open need as organizations find it. `id` is what to claim. `area` goes down to the community; `lon`, `lat` (WGS-84) and
    `distance_m` are rounded to about 100 m; without a point they are null. `left` places of `places` nobody has."""

    id: str
    kind: str
    help: str
    what: str
    amount: str | None
    places: int
    left: int
    starts_at: str | None
    ends_at: str | None
    open_until: str
    urgency: str
    invited: bool
    area: list[dict[str, str]]
    lon: float | None
    lat: float | None
    distance_m: int | None


class NeedPage(msgspec.Struct, kw_only=True):
    """A page of needs, best first: the organization's own kinds in their order, then by distance, urgency and end. `load` of
    `capacity` cases are in hand; when that is all, nothing is shown."""

    items: list[NeedView]
    next: str | None
    load: int
    capacity: int


class Claims:
    """All use cases of needs for those who stand for organizations."""

    def __init__(self, cases: CaseService, database: Database, directory: Directory, clock: Callable[[], datetime]) -> None:
        self._cases = cases
        self._needs = OpenNeeds(database)
        self._busy = BusyWith(database)
        self._directory = directory
        self._clock = clock

    async def list(self, *, actor: Actor, organization: str | None, limit: int, cursor: str | None) -> NeedPage:
        """Return a page of what the organization could claim now. Raises `Invalid` where it is not said for which."""
        code = _organization_or_raise(actor, organization)
        now = self._clock()
        reach, after = self._directory.reach(code, now), _order_of(cursor)
        if reach is None:
            raise Invalid(errors=[FieldError(field="organization", code="not_registered", message="")])
        load = await self._busy.count(code)
        if load >= reach.capacity:
            return NeedPage(items=[], next=None, load=load, capacity=reach.capacity)
        cases = await self._needs.find(_keys(reach, code), now, MOST_LOOKED_AT)
        found = sorted(self._claimable(cases, code, reach, now), key=lambda pair: pair[0])
        rest = [pair for pair in found if after is None or pair[0] > after]
        page = rest[:limit]
        following = _cursor(page[-1][0]) if len(rest) > limit else None
        return NeedPage(items=[view for _, view in page], next=following, load=load, capacity=reach.capacity)

    async def claim(self, *, actor: Actor, need: str, fields: Mapping[str, Any], key: str | None) -> CaseView:
        """Claim a place for an organization and return the case. Raises `NotFound` for what it may not know of, `NotAllowed`
        (`need_filled`, `need_closed`) and `Invalid` (what stands against it) besides what actions raise."""
        case_id, _, need_id = need.partition(BETWEEN)
        code = _organization_or_raise(actor, fields.get("organization"))

        def seen(actor: Actor, case: Case) -> bool:
            return shows(actor, case) or self._finds(code, case, need_id)

        return await self._cases.act_on_need(
            actor=actor, case_id=case_id, need_id=need_id, action="claim_need", rev=None, fields=fields, key=key, seen=seen
        )

    def _finds(self, code: str, case: Case, need_id: str) -> bool:
        """Whether an organization may know of a need without seeing its case; also of one that was open until just now."""
        now = self._clock()
        need, reach = find_need(case, need_id), self._directory.reach(code, now)
        if need is None or not for_all(need, now):
            return False
        return not case["live"]["sensitive"] or (reach is not None and reach.approved)

    def _claimable(self, cases: Sequence[Case], code: str, reach: Reach, now: datetime) -> Iterator[tuple[Order, NeedView]]:
        for case in cases:
            sensitive_for = sensitive_category(case)
            for need in case["needs"]:
                place, invited = place_of_need(case, need), is_invited(case, need, code)
                if not (_is_open(need, now) and (invited or for_all(need, now))):
                    continue
                if not self._directory.fit(code, place, need["kind"], now, sensitive_for=sensitive_for).against:
                    rounded = _rounded(place)
                    near = self._directory.fit(code, rounded, need["kind"], now, sensitive_for=sensitive_for).distance_m
                    view = _view(case, need, place, invited=invited, metres=near)
                    yield _order(view, reach), view


def _is_open(need: Mapping[str, Any], now: datetime) -> bool:
    return bool(need["state"] == "open" and need["open_until"] > now)


def _organization_or_raise(actor: Actor, named: Any) -> str:
    """For which organization somebody asks: their own where none is named. Who stands for all must name one."""
    if named is None and actor.organization not in (None, ANYWHERE):
        return str(actor.organization)
    if named is None:
        raise Invalid(errors=[FieldError(field="organization", code="required", message="for which organization")])
    if not isinstance(named, str) or not actor.serves(named):
        raise Invalid(errors=[FieldError(field="organization", code="not_yours", message="your own organization")])
    return named


def _keys(reach: Reach, code: str) -> list[str]:
    """What the organization looks under: its kinds in its areas, in the whole city where it has a radius, its invitations."""
    areas = (ANYWHERE,) if reach.anywhere or len(reach.kinds) * len(reach.areas) > MOST_KEYS else reach.areas
    keys = wanted_keys(reach.kinds, areas, sensitive=False)
    if reach.approved:
        keys += wanted_keys(reach.kinds, areas, sensitive=True)
    return [*keys, "o:" + code]


def _rounded(place: Place) -> Place:
    """The place as far as it is shown: a distance to it tells no more than its position does."""
    point = place.point
    if point is None:
        return place
    shown = Point(round(point.lon, GRAIN_DECIMALS), round(point.lat, GRAIN_DECIMALS))
    return msgspec.structs.replace(place, point=shown)


def _view(case: Case, need: Mapping[str, Any], place: Place, *, invited: bool, metres: int | None) -> NeedView:
    point = _rounded(place).point
    times = {name: need[name] and moment(need[name]) for name in ("starts_at", "ends_at", "open_until")}
    area = [{"code": one.code, "name": one.name, "level": one.level} for one in place.area_path if one.level != "grid"]
    return NeedView(
        id=f"{case['_id']}{BETWEEN}{need['id']}", kind=need["kind"], help=need["help"], what=need["what"], amount=need["amount"],
        places=need["places"], left=places_left(case, dict(need)), urgency=case["live"]["urgency"], invited=invited, area=area,
        lon=point.lon if point else None, lat=point.lat if point else None,
        distance_m=None if metres is None else round(metres / GRAIN_M) * GRAIN_M, **times,
    )  # fmt: skip


def _order(view: NeedView, reach: Reach) -> Order:
    """Invitations first; then the organization's own kinds in their order, near before far, urgent before not, soon before
    late."""
    band = FAR_BAND if view.distance_m is None else view.distance_m // BAND_M
    kind, hurry = reach.kinds.index(view.kind), -URGENCIES.index(view.urgency)
    return int(not view.invited), kind, band, hurry, view.ends_at or view.open_until, view.id


def _cursor(order: Order) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(order)).decode()


def _order_of(cursor: str | None) -> Order | None:
    if not cursor:
        return None
    try:
        found: Order = msgspec.json.decode(base64.urlsafe_b64decode(cursor.encode()), type=Order)
    except (binascii.Error, UnicodeError, msgspec.DecodeError):
        raise Invalid(errors=[FieldError(field="cursor", code="invalid", message="a cursor of an earlier page")]) from None
    return found
