"""A town small enough to see through, behind the two ports of the core: 2 districts, 8 grids, 7 units, 2 organizations.

Also the actors of every role, reports, and a service over a database whose clock the test sets.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from dispatch.actors import Actor, Scope
from dispatch.calendar import WorkCalendar
from dispatch.categories import Catalogue
from dispatch.city import params_of
from dispatch.duplicates import RecentCases
from dispatch.errors import OutOfArea, UnknownArea
from dispatch.joint import JointStep, JointTemplate, JointTemplates
from dispatch.model import (
    AreaRef,
    AssetRef,
    Campaign,
    Candidate,
    Category,
    Colleague,
    Fit,
    Helper,
    Match,
    Place,
    Point,
    Reach,
    UnitRef,
)
from dispatch.reports import Caller, Location, NewReport
from dispatch.rules import Rules
from dispatch.service import CaseService
from dispatch.store import INDEXES
from dispatch.views import CaseView
from storage.client import Database
from storage.fields import FieldCipher, Keyring
from storage.indexes import ensure

CITY = AreaRef("52", "小城", "city")
WEST, SOUTH = 106.60, 26.60
START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # Monday 10:00 in Guiyang
UNITS = {
    "water1": "甲区水务局", "water2": "乙区水务局", "urban1": "甲区城管局", "urban2": "乙区城管局",
    "town1": "甲街道办", "town2": "乙街道办", "root": "市政府",
}  # fmt: skip
# Organizations that only the tests of needs know: of another kind, of another area; `many1`, `many2`… are volunteers.
HELPERS = {
    "law1": Reach(kinds=("LAW",), areas=("52",), anywhere=False, approved=False, capacity=2),
    "far1": Reach(kinds=("VOL",), areas=("522",), anywhere=False, approved=False, capacity=2),
    "three": Reach(kinds=("VOL",), areas=("52",), anywhere=False, approved=False, capacity=3),
}
_serial = itertools.count()


def whole(case: CaseView) -> CaseView:
    """Present a case as it is."""
    return case


PUMP = (106.6001, 26.6001)


class TownLocator:
    """Two districts side by side, four grids in each, a hundredth of a degree wide."""

    version = "town-1"

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
        column = int((lon - WEST) / 0.01)
        if not (0 <= column < 8 and SOUTH <= lat < SOUTH + 0.04):
            raise OutOfArea("outside the town")
        path = self._path(f"52{column // 4 + 1}{column % 4 + 1}")
        return Place(
            point=Point(lon, lat), raw=Point(lon, lat), raw_crs=crs, accuracy_m=accuracy_m, source=source, address=address,
            area_path=path, version=self.version,
        )  # fmt: skip

    def _path(self, code: str) -> tuple[AreaRef, ...]:
        levels = ("city", "district", "grid")
        return tuple(AreaRef(code[: 2 + i], f"区{code[: 2 + i]}", levels[i]) for i in range(len(code) - 1))

    def locate_area(self, code: str, *, address: str | None = None) -> Place:
        if self.area(code) is None:
            raise UnknownArea(code)
        return Place(
            address=address, source="area", area_path=self._path(code), boundary_doubt=True, doubt=("area_only",), version="1"
        )

    def locate_address(self, address: str) -> Place | None:
        return self.locate_area("521", address=address) if "甲区" in address else None

    def area(self, code: str) -> AreaRef | None:
        return self._path(code)[-1] if code.startswith("52") and len(code) <= 4 else None

    def campaigns_at(self, lon: float, lat: float) -> tuple[Campaign, ...]:
        return ()

    def assets_near(self, lon: float, lat: float, category: str | None = None) -> tuple[AssetRef, ...]:
        """One pump of the water bureau, in the first grid."""
        return (AssetRef("P1", "0201", "water1", 4),) if (lon, lat) == PUMP else ()

    def is_within(self, code: str, ancestor: str) -> bool:
        return code.startswith(ancestor)

    def forerunners(self, code: str) -> tuple[str, ...]:
        return ()


class TownDirectory:
    """Water for manholes and pipes, urban management for the rest, each in its district."""

    version = "parties-1"

    def match(self, place: Place, category: str | None, at: datetime) -> Match:
        district = place.area("district")
        if category is None or district is None:
            return Match(doubt=("no_category",) if category is None else ("no_owner",))
        number = district.code[-1]
        first, second = ("water", "urban") if category.startswith("02") else ("urban", "water")
        candidates = (self._candidate(first + number, 0.95, category), self._candidate(second + number, 0.4, category))
        assists = (self._ref("urban" + number),) if category == "0203" else ()
        sure = place.point is not None and category != "0501"
        return Match(
            decided="auto" if sure else "manual", doubt=() if sure else ("tie",), candidates=candidates, assists=assists,
            organizations=self.organizations(place, category, at),
        )  # fmt: skip

    def _candidate(self, code: str, score: float, category: str) -> Candidate:
        return Candidate(
            unit=self._ref(code),
            score=score,
            parts={"area": 0.5, "category": score - 0.5},
            rule=f"R-{category}",
            basis="权责清单",
        )

    def _ref(self, code: str) -> UnitRef:
        return UnitRef(code, UNITS[code])

    def organizations(self, place: Place, category: str, at: datetime, *, limit: int = 5) -> tuple[Helper, ...]:
        return (Helper(code="vol1", name="志愿服务队", distance_m=120, score=0.8),)

    def unit(self, code: str) -> UnitRef | None:
        return self._ref(code) if code in UNITS else None

    def unit_hours(self, code: str) -> str:
        return ""

    def is_in_tree(self, code: str, root: str) -> bool:
        return root in (code, "root")

    def unit_covers(self, code: str, place: Place) -> bool:
        district = place.area("district")
        return code == "root" or (district is not None and code.endswith(district.code[-1]))

    def territorial(self, place: Place) -> UnitRef | None:
        district = place.area("district")
        return self._ref("town" + district.code[-1]) if district else None

    def unit_named(self, name: str, place: Place) -> UnitRef | None:
        kind, post, _ = name.partition("@")
        district = place.area("district")
        code = kind + district.code[-1] if post and district else kind
        return self._ref(code) if code in UNITS and self.unit_covers(code, place) else None

    def organization(self, code: str) -> Helper | None:
        if code in HELPERS or code.startswith("many"):
            return Helper(code=code, name=f"组织{code}")
        return {"vol1": Helper(code="vol1", name="志愿服务队"), "vol2": Helper(code="vol2", name="爱心企业")}.get(code)

    def fit(self, organization: str, place: Place, kind: str, at: datetime, *, sensitive_for: str | None) -> Fit:
        reach = self.reach(organization, at)
        if reach is None:
            return Fit(against=("not_registered",))
        against = [] if kind in reach.kinds else ["wrong_kind"]
        against += [] if set(reach.areas) & set(place.area_codes) else ["outside_area"]
        against += ["not_approved"] if sensitive_for is not None and not reach.approved else []
        return Fit(against=tuple(against), distance_m=120, capacity=reach.capacity)

    def reach(self, organization: str, at: datetime) -> Reach | None:
        if organization in HELPERS:
            return HELPERS[organization]
        known = organization.startswith("many") or self.organization(organization) is not None
        approved = self.is_approved(organization, None, at)
        return Reach(kinds=("VOL",), areas=("52",), anywhere=False, approved=approved, capacity=2) if known else None

    def is_approved(self, code: str, category: str | None, at: datetime) -> bool:
        return code == "vol2"

    def units_below(self, code: str) -> tuple[UnitRef, ...]:
        return tuple(self._ref(unit) for unit in sorted(UNITS) if unit != "root") if code == "root" else ()

    def on_duty(self, role: str, place: Place, at: datetime, *, behind: bool = True) -> tuple[str, ...]:
        return ("walker",) if role == "grid_worker" else ()

    def acting_for(self, username: str, at: datetime) -> str | None:
        return username

    def colleague(self, username: str) -> Colleague | None:
        return None

    def watch(self, areas: Sequence[str], at: datetime) -> tuple[str, ...]:
        return {"521": ("duty1",), "52": ("duty",)}.get(areas[0], ())


CATEGORIES = Catalogue(
    (
        Category(code="0101", name="暴露垃圾", urgency="priority", limit="4wh"),
        Category(code="0201", name="井盖缺失", urgency="normal", limit="5wd", flags=frozenset("K"), check="site"),
        Category(code="0202", name="路灯不亮", urgency="normal", limit="2wd"),
        Category(code="0203", name="水管漏水", urgency="urgent", limit="24h"),
        Category(code="0501", name="消费纠纷", urgency="normal", limit="10wd"),
        Category(code="0901", name="家庭暴力", urgency="urgent", limit="24h", flags=frozenset("S")),
        Category(code="0902", name="安全隐患线索", urgency="priority", limit="2wd", flags=frozenset("KS"), check="site"),
    )
)


def _joint(code: str, name: str, *steps: tuple[int, str, str, str]) -> JointTemplate:
    done = tuple(
        JointStep(number=number, unit=unit, kind=kind, limit=limit, task=f"{name}：{unit}") for number, unit, kind, limit in steps
    )
    return JointTemplate(code=code, name=name, categories=("0501",), steps=done)


TEMPLATES = JointTemplates(
    (
        _joint("T1", "同时办", (1, "urban@district", "lead", ""), (1, "water1", "joint", "2wd"), (1, "town1", "assist", "")),
        _joint(
            "T2", "依次办", (1, "urban@district", "lead", "8wd"), (1, "water@district", "joint", "2wd"),
            (2, "town@township", "joint", "1wd"), (3, "root", "assist", "60wd"),
        ),
        _joint("T3", "缺单位", (1, "urban@district", "lead", ""), (1, "water1", "joint", ""), (2, "fire@district", "joint", "")),
    )
)  # fmt: skip


class TownSignals:
    """Two words of danger, one word that names a category."""

    def propose_category(self, text: str) -> Sequence[Any]:
        return [Proposal("0201", 0.9, ("井盖",))] if "井盖" in text else []

    def emergency_words(self, text: str) -> tuple[str, ...]:
        return tuple(word for word in ("燃气味", "坠楼") if word in text)


class Proposal(msgspec.Struct, frozen=True):
    """One proposed category."""

    code: str
    score: float
    words: tuple[str, ...]


def rules() -> Rules:
    """Return the rules of the town: the product's default limits, no listed holidays."""
    params = params_of({})
    return Rules(
        locator=TownLocator(), directory=TownDirectory(), catalogue=CATEGORIES, calendar=WorkCalendar(), limits=params.limits,
        signals=TownSignals(), lights=params.lights, case_prefix="XC",
    )  # fmt: skip


class Clock:
    """The time that the service believes; a test moves it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **amount: float) -> None:
        self.now += timedelta(**amount)


async def open_service(database: Database, clock: Clock | None = None, *, indexed: bool = False) -> CaseService:
    """Return a service over an empty database, with its indexes where lists are read."""
    if indexed:
        await ensure(database, INDEXES)
    return CaseService(
        database, rules(), FieldCipher(Keyring.generate()), RecentCases(), root_area=CITY.code, clock=clock or Clock()
    )


def actor(role: str, name: str | None = None, **values: Any) -> Actor:
    """Return an actor of a role as the demo accounts are: posts for the whole city."""
    wide = Scope(city=True, sensitive=True, reporter=name or role)
    scopes = {"citizen": Scope(reporter=name or role)}
    defaults: dict[str, Any] = {"scope": scopes.get(role, wide), "source": "account", "session": "s"}
    if role in ("unit_clerk", "unit_leader"):
        defaults |= {"unit": "root", "units": frozenset(UNITS)}
    if role == "org_coordinator":
        defaults |= {"organization": "*", "scope": Scope(organizations=frozenset("*"))}
    if role in ("grid_worker", "grid_lead"):
        defaults |= {"areas": frozenset({CITY.code}), "scope": Scope(areas=frozenset({CITY.code}), reporter=name or role)}
    return Actor(id=name or role, role=role, **(defaults | values))


def clerk_of(unit: str, role: str = "unit_clerk") -> Actor:
    """Return someone of one unit only."""
    name = f"{role}-{unit}"
    return actor(role, name, unit=unit, units=frozenset({unit}), scope=Scope(units=frozenset({unit}), reporter=name))


WALKER, OPERATOR, DISPATCHER = actor("grid_worker"), actor("operator"), actor("dispatcher")
CLERK, LEADER, SUPERVISOR, CITIZEN = actor("unit_clerk"), actor("unit_leader"), actor("supervisor"), actor("citizen")
HERE = Location(lon=106.605, lat=26.62, crs="WGS-84", accuracy_m=8)


def event(**values: Any) -> NewReport:
    """Return a grid worker's complete report of a missing manhole cover."""
    defaults: dict[str, Any] = {
        "description": "新添大道人行道井盖缺失", "category": "0201", "location": HERE, "photos": ("a" * 64,),
    }  # fmt: skip
    return NewReport(**(defaults | values))


def ticket(**values: Any) -> NewReport:
    """Return an operator's ticket of a citizen who asks for help with a street lamp."""
    defaults: dict[str, Any] = {
        "description": "小区门口路灯不亮好几天了", "category": "0202", "location": HERE, "appeal_type": "help",
        "channel": "phone",
        "caller": Caller(name="张三丰", phone="13812341234"), "file": True,
    }  # fmt: skip
    return NewReport(**(defaults | values))


def new_key() -> str:
    """Return an idempotency key that no other call gets."""
    return f"key-{next(_serial)}"


SAMPLES: dict[str, Any] = {
    "text": "已到现场处理完毕，恢复正常使用，请群众放心，特此答复。", "boolean": True, "limit": "4wh", "photos": ["b" * 64],
    "point": {"lon": 106.605, "lat": 26.62, "crs": "WGS-84"},
}  # fmt: skip


def fill(action: dict[str, Any]) -> dict[str, Any]:
    """Fill the required fields of an action as a program would that knows nothing but their types."""
    return {field["name"]: _value(field) for field in action["fields"] if field["required"]}


def is_fillable(action: dict[str, Any]) -> bool:
    """Tell whether such a program finds a value for every required field (not: a unit where none is left to propose)."""
    wanted = (field for field in action["fields"] if field["required"])
    return all("value" in field or field.get("options") or field["type"] in (*SAMPLES, "number") for field in wanted)


def _value(field: dict[str, Any]) -> Any:
    if "value" in field:
        return field["value"]
    if field.get("options"):
        return field["options"][0]
    if field["type"] == "number":
        return field.get("max", 1)
    return SAMPLES[field["type"]]


class Player:
    """Takes offered actions with naive values and keeps the rev."""

    def __init__(self, service: CaseService, case_id: str) -> None:
        self.service, self.id = service, case_id

    async def do(self, who: Actor, action: str, **fields: Any) -> Any:
        """Take an action that must be offered to `who`; further fields come on top of the naive ones."""
        case = await self.service.get(actor=who, case_id=self.id)
        offered = next((item for item in case.actions if item["name"] == action), None)
        assert offered is not None, (
            f"{action} is not offered to {who.role}: {[item['name'] for item in case.actions]} in {case.state}"
        )
        rev = case.rev if offered["needs_rev"] else None
        return await self.service.act(
            actor=who, case_id=self.id, action=action, rev=rev, fields=fill(offered) | fields, key=new_key()
        )

    async def decide(self, who: Actor, action: str = "decide", **fields: Any) -> Any:
        """Take an action on the newest request."""
        case = await self.service.get(actor=who, case_id=self.id)
        request = case.requests[-1]
        offered = next(item for item in request["actions"] if item["name"] == action)
        return await self.service.act_on_request(
            actor=who, case_id=self.id, request_id=request["id"], action=action, rev=case.rev, fields=fill(offered) | fields,
            key=new_key(),
        )  # fmt: skip
