"""The people of the demo city: one account for every role, a clerk and a leader for each unit, grid workers for each community.

All names are invented by drawing surname and given name; nobody is meant.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import msgspec

from cities.accounts import NAMED, PEOPLE_COLUMNS, Person, named_people
from cities.guiyang.organizations import Organization
from cities.guiyang.randomness import generator
from cities.guiyang.territory import CITY, Place
from cities.guiyang.units import Unit

__all__ = ["PEOPLE_COLUMNS", "ROSTER_COLUMNS", "Duty", "build_people", "build_roster"]

ROSTER_COLUMNS = ("username", "area_codes", "weekdays", "hours", "first_day", "last_day", "substitute")
SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶蒋杜苏魏程吕丁沈任姚卢傅钟姜"
    "崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵万钱严覃武莫孔"
)
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华玉兰红建国志文辉力新利清飞玲斌宇浩凯秀健俊帆雪荣爱仁慧云莲真环嘉"
    "琼勤珍贞莉瑞凡佳琪思远子涵欣怡梓晨雨泽诗睿航昊天宏博安康"
)
OPERATORS, DISPATCHERS, SUPERVISORS, LEADERS = 40, 20, 10, 12
DAY = "08:00-18:00"  # of the supervisor of a district; at night the dispatcher on duty there is called
FIRST_DAY, LAST_DAY = "2026-01-01", "2027-12-31"
SHIFTS = ("07:00-15:00", "15:00-23:00", "23:00-07:00")

COMMAND, ROOT = f"{CITY}-command", f"{CITY}-govt"


class Duty(msgspec.Struct, frozen=True):
    """One row of `roster.csv`: who is on duty where, when (empty: always), and who stands in."""

    username: str
    area_codes: str
    hours: str
    substitute: str

    def row(self) -> tuple[object, ...]:
        """Return the cells in the order of `ROSTER_COLUMNS`."""
        return (self.username, self.area_codes, "", self.hours, FIRST_DAY, LAST_DAY, self.substitute)


def build_people(
    units: Sequence[Unit],
    townships: Sequence[Place],
    communities: Sequence[Place],
    grid_counts: dict[str, int],
    organizations: Sequence[Organization],
    seed: int,
) -> list[Person]:
    """Return everybody; the named accounts first. `grid_counts` are grids by community."""
    chance = generator(seed, "people")
    found = list(named_people(CITY, root=ROOT, desk=COMMAND))
    for unit in units:
        found.append(Person(f"clerk.{unit.code}", _name(chance), "unit_clerk", unit.code, unit.area_codes))
        found.append(Person(f"leader.{unit.code}", _name(chance), "unit_leader", unit.code, unit.area_codes, subtree=True))
    for town in townships:
        found.append(Person(f"gl.{town.code}", _name(chance), "grid_lead", "", town.code))
    for community in communities:
        found += _grid_workers(community, grid_counts[community.code], chance)
    found += _desk(townships, chance)
    for number, organization in enumerate(organizations):
        if number % 3 == 0:
            username = f"org.{organization.code}".lower()
            found.append(Person(username, _name(chance), "org_coordinator", organization=organization.code))
    districts = sorted({town.parent for town in townships})
    return found + [person for district in districts for person in _district_duty(district, chance)]


def build_roster(people: Sequence[Person]) -> list[Duty]:
    """Return the duties: field and units always, the desk in three shifts; the next of the same role stands in."""
    found: list[Duty] = []
    by_role: dict[str, list[Person]] = {}
    for person in people:
        if person.username not in NAMED and not _is_district_duty(person):
            by_role.setdefault(person.role, []).append(person)
    for role in ("grid_worker", "grid_lead", "unit_clerk"):
        posts = by_role[role]
        for person, neighbour in zip(posts, [*posts[1:], posts[0]], strict=True):
            found.append(Duty(person.username, person.area_codes, "", neighbour.username))
    for role in ("operator", "dispatcher", "supervisor"):
        posts = by_role[role]
        for number, person in enumerate(posts):
            substitute = posts[(number + len(SHIFTS)) % len(posts)]
            found.append(Duty(person.username, person.area_codes, SHIFTS[number % len(SHIFTS)], substitute.username))
    return found + _district_roster([person for person in people if _is_district_duty(person)])


def _district_roster(posts: Sequence[Person]) -> list[Duty]:
    """Three dispatchers take turns in each district, the next one stands in; so do the supervisors for those of the next
    district."""
    found: list[Duty] = []
    supervisors = [person for person in posts if person.role == "supervisor"]
    for number, supervisor in enumerate(supervisors):
        turns = [person for person in posts if person.role == "dispatcher" and person.area_codes == supervisor.area_codes]
        for shift, person, following in zip(SHIFTS, turns, [*turns[1:], turns[0]], strict=True):
            found.append(Duty(person.username, person.area_codes, shift, following.username))
        neighbour = supervisors[(number + 1) % len(supervisors)]
        found.append(Duty(supervisor.username, supervisor.area_codes, DAY, neighbour.username))
    return found


def _grid_workers(community: Place, grids: int, chance: random.Random) -> Iterator[Person]:
    """One worker for up to eight grids: the first has the community, further ones share its grids."""
    yield Person(f"gw.{community.code}", _name(chance), "grid_worker", "", community.code)
    for number in range(1, -(-grids // 8)):
        codes = ";".join(f"{community.code}{grid:03d}" for grid in range(number * 8 + 1, min(number * 8 + 8, grids) + 1))
        yield Person(f"gw.{community.code}-{number + 1}", _name(chance), "grid_worker", "", codes)


def _desk(townships: Sequence[Place], chance: random.Random) -> Iterator[Person]:
    for prefix, role, count in (
        ("op", "operator", OPERATORS),
        ("dp", "dispatcher", DISPATCHERS),
        ("sv", "supervisor", SUPERVISORS),
        ("ld", "leader", LEADERS),
    ):
        for number in range(1, count + 1):
            yield Person(f"{prefix}.{number:03d}", _name(chance), role, COMMAND, CITY)
    for town in townships:
        yield Person(f"hl.{town.code}", _name(chance), "group_leader", "", town.code)


def _district_duty(district: str, chance: random.Random) -> Iterator[Person]:
    """Who watches over a district day and night: a dispatcher for each shift, and a supervisor."""
    for number in range(1, len(SHIFTS) + 1):
        yield Person(f"dd.{district}-{number}", _name(chance), "dispatcher", f"{district}-command", district)
    yield Person(f"ds.{district}", _name(chance), "supervisor", f"{district}-command", district)


def _is_district_duty(person: Person) -> bool:
    return person.role in ("dispatcher", "supervisor") and person.area_codes != CITY


def _name(chance: random.Random) -> str:
    return chance.choice(SURNAMES) + "".join(chance.choices(GIVEN, k=chance.choice((1, 2, 2))))
