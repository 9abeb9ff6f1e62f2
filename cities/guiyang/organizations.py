"""The 2,859 social organizations of the demo city and what they offer: invented names in the usual forms, real kinds."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import msgspec

from cities.guiyang.randomness import generator
from cities.guiyang.territory import CITY, URBAN, Place

__all__ = [
    "KINDS", "OFFER_COLUMNS", "ORGANIZATION_COLUMNS", "ORGANIZATION_COUNT", "Kind", "Offer", "Organization",
    "build_offers", "build_organizations",
]  # fmt: skip

ORGANIZATION_COUNT = 2_859
ORGANIZATION_COLUMNS = (
    "code", "name", "kinds", "standing", "area_codes", "lon", "lat", "crs", "radius_m", "capacity", "hours",
    "contact", "approved", "confirmed", "qualified_name", "trained_until", "secrecy_on",
)  # fmt: skip
OFFER_COLUMNS = ("organization", "kind", "what", "from", "to", "amount", "weekdays", "hours")
DAYTIME, LATE, ALWAYS = "09:00-17:30", "08:00-21:00", "24x7"
# Kinds that may be asked for sensitive matters, half of them: with a named, trained person bound to secrecy
TRUSTED = frozenset(("SWK", "PSY", "LAW", "MED", "ELD", "DIS", "YTH", "HLT", "RSC", "CHR", "DRG", "SKL", "VET", "VOL", "IND"))
SURNAMES, GIVEN_NAMES = "王李张刘陈杨黄赵吴周", ("示例", "样本", "虚构", "演示", "试用")  # plainly nobody's names
WORDS = (
    "暖阳", "同心", "微光", "筑爱", "春晖", "守望", "和风", "青禾", "星火", "益家", "众和", "清源", "怡和", "善行", "初心",
    "黔心", "林城", "甲秀", "南明河畔", "爽爽", "花溪谷", "百合", "晨曦", "彩虹", "木棉", "绿萝", "向阳", "邻里", "橄榄", "安和",
)  # fmt: skip


class Kind(msgspec.Struct, frozen=True):
    """How organizations of one kind look. `home` is the level that they belong to: d, t or c (community)."""

    share: float
    home: str
    name: str
    second: tuple[str, ...]
    radius_m: int
    hours: str
    offers: tuple[str, ...]


KINDS: dict[str, Kind] = {
    "VOL": Kind(24, "c", "{home}{word}志愿服务队", ("ENV", "CUL"), 2_500, LATE, ("清洁行动", "陪伴独居老人", "路口劝导")),
    "PRP": Kind(14, "c", "{home}{word}物业服务中心", ("VOL",), 1_200, ALWAYS, ("公共区域保洁", "小区巡查")),
    "ENT": Kind(9, "t", "{home}{word}爱心企业联盟", ("CHR",), 8_000, DAYTIME, ("捐赠物资", "爱心餐", "提供岗位")),
    "SWK": Kind(6, "d", "{home}{word}社会工作服务中心", ("YTH", "DRG"), 15_000, DAYTIME, ("个案服务", "家庭探访")),
    "MED": Kind(6, "t", "{home}{word}人民调解工作室", ("LAW",), 6_000, DAYTIME, ("邻里调解", "物业纠纷调解")),
    "ELD": Kind(6, "t", "{home}{word}养老服务中心", ("HLT",), 5_000, LATE, ("助餐送餐", "上门照护", "助浴")),
    "CUL": Kind(6, "t", "{home}{word}文体协会", ("VOL",), 5_000, LATE, ("广场文艺活动", "场地协调")),
    "ENV": Kind(4, "d", "{home}{word}环保公益社", ("VOL",), 15_000, DAYTIME, ("河道清理", "垃圾分类宣传")),
    "LAW": Kind(4, "d", "{home}{word}法律援助志愿站", ("MED",), 20_000, DAYTIME, ("免费法律咨询", "代写文书")),
    "HLT": Kind(3, "d", "{home}{word}义诊服务队", ("VOL",), 15_000, DAYTIME, ("上门义诊", "健康讲座")),
    "YTH": Kind(3, "t", "{home}{word}青少年服务中心", ("SWK",), 8_000, LATE, ("课后托管", "成长陪伴")),
    "DIS": Kind(2, "d", "{home}{word}助残服务社", ("VOL",), 20_000, DAYTIME, ("轮椅出行", "手语陪同")),
    "PSY": Kind(2, "d", "{home}{word}心理健康服务中心", ("SWK",), 20_000, ALWAYS, ("心理疏导", "危机干预")),
    "CHR": Kind(2, "d", "{home}{word}慈善促进会", ("ENT",), 25_000, DAYTIME, ("临时救助金", "大病帮扶")),
    "SKL": Kind(2, "d", "{home}{word}就业技能服务站", ("ENT",), 20_000, DAYTIME, ("技能培训", "岗位推荐")),
    "IND": Kind(2, "d", "{home}{word}行业协会商会", ("ENT",), 25_000, DAYTIME, ("行业自律劝导", "消费争议调处")),
    "VET": Kind(2, "t", "{home}{word}退役军人志愿服务队", ("VOL", "RSC"), 8_000, LATE, ("走访优抚对象", "应急值守")),
    "RSC": Kind(1.5, "d", "{home}{word}应急救援队", ("VOL",), 40_000, ALWAYS, ("搜寻走失人员", "破拆救援", "排涝")),
    "DRG": Kind(1, "d", "{home}{word}禁毒矫正社工站", ("SWK",), 20_000, DAYTIME, ("帮教谈心", "就业帮扶")),
    "ANI": Kind(0.5, "d", "{home}{word}动物救助站", ("VOL",), 25_000, LATE, ("流浪犬收容", "绝育领养")),
}


class Organization(msgspec.Struct, frozen=True):
    """One row of `organizations.csv`; `crs` is always WGS-84."""

    code: str
    name: str
    kinds: tuple[str, ...]
    standing: str
    area_codes: tuple[str, ...]
    lon: float
    lat: float
    radius_m: int
    capacity: int
    hours: str
    contact: str
    approved: bool
    confirmed: int
    qualified_name: str

    def row(self) -> tuple[object, ...]:
        """Return the cells in the order of `ORGANIZATION_COLUMNS`."""
        head = (
            self.code,
            self.name,
            ";".join(self.kinds),
            self.standing,
            ";".join(self.area_codes),
            self.lon,
            self.lat,
            "WGS-84",
        )
        tail = (self.radius_m, self.capacity, self.hours, self.contact, "true" if self.approved else "false", self.confirmed)
        days = ("2027-12-31", "2025-01-01") if self.qualified_name else ("", "")
        return (*head, *tail, self.qualified_name, *days)


class Offer(msgspec.Struct, frozen=True):
    """One row of `offers.csv`: what an organization can give, from when to when, how often."""

    organization: str
    kind: str
    what: str
    since: str
    until: str
    amount: int
    weekdays: str
    hours: str

    def row(self) -> tuple[object, ...]:
        """Return the cells in the order of `OFFER_COLUMNS`."""
        return (
            self.organization, self.kind, self.what, self.since, self.until, self.amount, self.weekdays, self.hours,
        )  # fmt: skip


def build_organizations(
    districts: dict[str, str],
    townships: Sequence[Place],
    communities: Sequence[Place],
    point_in: Callable[[str, random.Random], tuple[float, float]],
    seed: int,
) -> list[Organization]:
    """Return all organizations; `point_in(area code, chance)` gives a point inside an area. Every district has every kind."""
    homes: dict[str, list[tuple[str, str, str]]] = {f"d{code}": [(code, name, CITY)] for code, name in districts.items()}
    for place in townships:
        homes.setdefault(f"t{place.code[:6]}", []).append((place.code, districts[place.parent] + place.name, place.parent))
    town_names = {place.code: place.name for place in townships}
    for place in communities:
        homes.setdefault(f"c{place.code[:6]}", []).append((place.code, town_names[place.parent] + place.name, place.parent))
    taken: set[str] = set()
    found: list[Organization] = []
    for kind, district in _plan(list(districts), seed):
        number = len(found) + 1
        chance = generator(seed, f"organization:{number}")
        code, name, above = chance.choice(homes[KINDS[kind].home + district])
        full = _name(KINDS[kind], name, taken, chance)
        found.append(_organization(number, kind, full, code, above, point_in(code, chance), chance))
    return [_with_person(organization, seed) for organization in found]


def _with_person(organization: Organization, seed: int) -> Organization:
    """Who may be asked for sensitive matters has a trained person bound to secrecy, with an invented name."""
    if not organization.approved:
        return organization
    chance = generator(seed, f"person:{organization.code}")
    return msgspec.structs.replace(organization, qualified_name=chance.choice(SURNAMES) + chance.choice(GIVEN_NAMES))


def build_offers(organizations: Sequence[Organization], seed: int) -> list[Offer]:
    """Return one or two offers of every third organization, valid through the year 2026 and the next."""
    found: list[Offer] = []
    for number, organization in enumerate(organizations):
        if number % 3 or organization.standing != "normal":
            continue
        chance = generator(seed, f"offer:{organization.code}")
        kind = organization.kinds[0]
        for what in chance.sample(KINDS[kind].offers, k=min(chance.choice((1, 1, 2)), len(KINDS[kind].offers))):
            amount = chance.choice((2, 4, 5, 8, 10, 20))
            when = chance.choice((("", ""), ("", ""), ("6;7", ""), ("1;2;3;4;5", "09:00-17:00")))
            found.append(Offer(organization.code, kind, what, "2026-01-01", "2027-12-31", amount, *when))
    return found


def _plan(districts: Sequence[str], seed: int) -> list[tuple[str, str]]:
    """Return (kind, district) for every organization: one of each kind in each district, the rest by shares."""
    plan = [(kind, district) for district in districts for kind in KINDS]
    chance = generator(seed, "organizations")
    rest = ORGANIZATION_COUNT - len(plan)
    kinds = chance.choices(list(KINDS), weights=[kind.share for kind in KINDS.values()], k=rest)
    places = chance.choices(districts, weights=[3 if code in URBAN else 1 for code in districts], k=rest)
    return plan + list(zip(kinds, places, strict=True))


def _name(kind: Kind, home: str, taken: set[str], chance: random.Random) -> str:
    for attempt in range(200):
        word = "".join(chance.sample(WORDS, k=1 if attempt < 8 else 2))
        name = kind.name.format(home=home, word=word)
        if name not in taken:
            taken.add(name)
            return name
    raise ValueError(f"no name is left for {home}")


def _organization(
    number: int, kind: str, name: str, home: str, above: str, point: tuple[float, float], chance: random.Random
) -> Organization:
    look = KINDS[kind]
    kinds = (kind, chance.choice(look.second)) if chance.random() < 0.25 else (kind,)
    wide = look.home != "d" and chance.random() < 0.2  # some serve the area above their own as well
    return Organization(
        code=f"ORG-{number:04d}",
        name=name,
        kinds=kinds,
        standing=chance.choices(("normal", "abnormal", "revoked"), weights=(97, 2, 1))[0]
        if number > len(KINDS) * 10
        else "normal",
        area_codes=(home, above) if wide else (home,),
        lon=point[0],
        lat=point[1],
        radius_m=int(round(look.radius_m * chance.uniform(0.7, 1.4), -2)),
        capacity=chance.choice((2, 3, 4, 5, 6, 8, 10, 15, 20)),
        hours=look.hours,
        contact=f"0851-0001{number:04d}",
        approved=kind in TRUSTED and (number <= len(KINDS) * 10 or chance.random() < 0.5),
        confirmed=chance.choice((0, 0, 1, 3, 5, 8, 12, 20, 35)),
        qualified_name="",
    )
