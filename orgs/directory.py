"""The directory snapshot: units, rules, organizations, people and rosters of one moment; who is responsible, who can help.

Immutable. It implements `dispatch.ports.Directory`: synchronous, pure, microseconds. A place known by its area alone
(`area_code`) is dispatched without a person only when no rule lies strictly inside that area, none is for a special polygon,
and the category does not ask for an asset's owner: then the answer would be the same for every point of the area.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from dispatch.model import AreaRef, Category, Colleague, Fit, Helper, Match, Place, Reach, UnitRef
from dispatch.succession import UNCHANGED, Succession
from orgs.eras import Eras
from orgs.fitting import NOBODY, fit_of, reach_of
from orgs.matching import Context, blocking, resolve
from orgs.offers import Offer, published_by_organization
from orgs.organizations import Organization, Party, helper_of
from orgs.people import Person
from orgs.precedents import Precedent, Precedents
from orgs.roster import Duty, Roster
from orgs.rules import Rule, RuleIndex, Steps, steps_of
from orgs.serving import LIMIT, Question, ServiceIndex
from orgs.unit_names import UnitNames
from orgs.units import Unit

__all__ = ["DEFAULT_THRESHOLD", "DirectorySnapshot", "build"]

DEFAULT_THRESHOLD = 0.8
NOTHING: Mapping[str, int] = {}
_MINUTE = timedelta(minutes=1)
_PARTS = (
    "eras", "rules", "services", "registry", "offers", "roster", "people", "categories", "zone", "threshold", "version",
    "parents", "book", "after",
)  # fmt: skip
_Way = tuple[Steps, tuple[str, ...]]
_Placed = TypeVar("_Placed", Unit, Organization, Person, Duty)


def build(
    *,
    units: Iterable[Unit],
    rules: Iterable[Rule] = (),
    organizations: Iterable[Organization] = (),
    offers: Iterable[Offer] = (),
    people: Iterable[Person] = (),
    duties: Iterable[Duty] = (),
    categories: Iterable[Category] = (),
    parents: Mapping[str, str] | None = None,
    timezone: str = "Asia/Shanghai",
    threshold: float = DEFAULT_THRESHOLD,
    version: str = "",
    book: int = 0,
    loads: Mapping[str, int] | None = None,
    asked: Mapping[str, int] | None = None,
    after: Succession = UNCHANGED,
    now: float | None = None,
) -> DirectorySnapshot:
    """Build a snapshot. `parents` is the tree of areas (code → code above), `threshold` the least score to dispatch by itself,
    `book` the version of the rulebook that `rules` are. Whatever names an area that is void (`after`) is taken to name the areas
    that came after it, too. `now` (seconds since 1970) is when it is built: what is asked without a time is answered for then
    (None: all units are taken as being there)."""
    zone = ZoneInfo(timezone)
    published = published_by_organization(offers)
    people, organizations = tuple(_following(people, after)), sorted(organizations, key=lambda org: org.code)
    return DirectorySnapshot(
        parents=parents or {},
        book=book,
        after=after,
        eras=Eras(_following(units, after), now),
        rules=RuleIndex(rules, parents, after),
        services=ServiceIndex(_following(organizations, after), published, loads=loads or NOTHING, asked=asked or NOTHING),
        offers=published,
        registry={org.code: org for org in organizations},
        roster=Roster(people, _following(duties, after), zone),
        people={person.username: person for person in people},
        categories={category.code: category for category in categories},
        zone=zone,
        threshold=threshold,
        version=version,
    )


class DirectorySnapshot:
    """All parties of the city at one moment. Made by `build`; never changed afterwards."""

    def __init__(
        self,
        *,
        eras: Eras,
        rules: RuleIndex,
        services: ServiceIndex,
        registry: Mapping[str, Organization],
        offers: Mapping[str, Sequence[Offer]],
        roster: Roster,
        people: Mapping[str, Person],
        categories: Mapping[str, Category],
        zone: ZoneInfo,
        threshold: float,
        version: str,
        parents: Mapping[str, str],
        book: int,
        after: Succession,
    ) -> None:
        self.after = after
        self.book = book
        self.parents = parents
        self.zone = zone
        self.eras = eras
        self.units = eras.present
        self.rules = rules
        self.services = services
        self.registry = registry
        self.offers = offers
        self.people = people
        self.categories = categories
        self.threshold = threshold
        self._precedents = Precedents(rules, eras.present, threshold)
        self._names: UnitNames | None = None
        self._of_eras: dict[int, Precedents] = {eras.number: self._precedents}
        self.roster = roster
        self._ways: dict[str, tuple[tuple[AreaRef, ...], _Way]] = {}  # by the finest area, with the path that it is of
        self._minute = datetime(1970, 1, 1, tzinfo=UTC), 0
        self._day = date(1970, 1, 1)
        self._version = version

    def with_workload(
        self, organizations: Iterable[Organization], loads: Mapping[str, int], asked: Mapping[str, int]
    ) -> DirectorySnapshot:
        """Return the same snapshot with these organizations, prepared for a workload."""
        other = copy(self)
        other.registry = {org.code: org for org in sorted(organizations, key=lambda org: org.code)}
        following = _following(other.registry.values(), self.after)
        other.services = ServiceIndex(following, self.offers, loads=loads, asked=asked)
        return other

    @property
    def version(self) -> str:
        """Name of this snapshot."""
        return self._version

    def match(
        self,
        place: Place,
        category: str | None,
        at: datetime,
        *,
        loads: Mapping[str, int] = NOTHING,
        asked: Mapping[str, int] = NOTHING,
    ) -> Match:
        """Return the explained match. Never raises for an unknown category: the answer then has `no_category` in its doubt.

        `loads` says how many cases an organization is busy with now, where that is known better than in the snapshot; `asked` how
        many it was asked for of late.
        """
        known = self.categories.get(category) if category else None
        context = self._context(place, known, at)
        found = self._precedents_at(at).find(context)
        doubt = blocking(context, found.doubt, self.rules)
        return Match(
            decided="manual" if doubt else "auto",
            doubt=doubt,
            candidates=found.candidates,
            assists=found.assists,
            organizations=self._helpers(context, LIMIT, loads, asked),
            version=self._version,
        )

    @property
    def minutes(self) -> tuple[int, ...]:
        """The minutes of the city's local day from which on another rule may hold."""
        return self._precedents.minutes

    def judge(self, place: Place, category: str | None, at: datetime, minute: int) -> Precedent:
        """Return who is responsible by the rules that hold at an instant, as at this minute of the city's local day; what is
        doubtful about the place itself does not count."""
        known = self.categories.get(category) if category else None
        steps, codes = (steps_of(place), place.area_codes) if place.special is not None else self._way(place)
        return self._precedents_at(at).find(Context(place, steps, codes, known, at, minute))

    def with_rules(self, rules: RuleIndex) -> DirectorySnapshot:
        """Return a snapshot with these rules, and all else as here."""
        return self._with(rules=rules)

    def on_ground(self, parents: Mapping[str, str], categories: Iterable[Category]) -> DirectorySnapshot:
        """Return a snapshot over another tree of areas and other categories, and all else as here."""
        named = {category.code: category for category in categories}
        return self._with(rules=self.rules.on_ground(parents), parents=parents, categories=named)

    def _with(self, **changed: Any) -> DirectorySnapshot:
        return DirectorySnapshot(**{name: getattr(self, name) for name in _PARTS} | changed)

    def organizations(
        self,
        place: Place,
        category: str,
        at: datetime,
        *,
        limit: int = LIMIT,
        loads: Mapping[str, int] = NOTHING,
        asked: Mapping[str, int] = NOTHING,
    ) -> tuple[Helper, ...]:
        """Return the organizations that can help here, best first; for a sensitive category only approved ones."""
        return self._helpers(self._context(place, self.categories.get(category), at), limit, loads, asked)

    def unit(self, code: str) -> UnitRef | None:
        """Return the active unit with this code, or None."""
        return self.units.ref(code)

    def unit_hours(self, code: str) -> str:
        """Return the working hours of a unit in the form of `units.csv`; empty when there is no such unit."""
        unit = self.units.by_code.get(code)
        return unit.hours if unit else ""

    def is_in_tree(self, code: str, root: str) -> bool:
        """Tell whether the unit `code` is `root` or stands below it in the tree of units."""
        return self.units.is_in_tree(code, root)

    def unit_covers(self, code: str, place: Place) -> bool:
        """Tell whether the unit works in the place."""
        return self.units.covers(code, place)

    def territorial(self, place: Place) -> UnitRef | None:
        """Return the township-level unit in whose territory the place lies, or None."""
        return self.units.head("township", place.area_codes)

    def unit_named(self, name: str, place: Place) -> UnitRef | None:
        """Return the unit that a code or `type@level` names at a place, None where no such unit works."""
        found = next(iter(resolve(name, self.units, place.area_codes)), None)
        return found if found is not None and self.units.covers(found.code, place) else None

    def organization(self, code: str) -> Helper | None:
        """Return the organization with this code (in good standing), or None."""
        party: Party | None = self.services.parties.get(code)
        return helper_of(party, 0.0, float("inf"), 0.0, party.idle) if party else None

    def fit(self, organization: str, place: Place, kind: str, at: datetime, *, sensitive_for: str | None) -> Fit:
        """Return how an organization fits what is asked of one kind of organizations at a place."""
        party: Party | None = self.services.parties.get(organization)
        if party is None or not party.organization.is_valid_on(at.astimezone(self.zone).date()):
            return NOBODY
        approved = sensitive_for is None or self.is_approved(organization, sensitive_for, at)
        return fit_of(party, place, kind, approved=approved)

    def reach(self, organization: str, at: datetime) -> Reach | None:
        """Return what an organization can be asked for and where; None for one that may not be asked at all."""
        party: Party | None = self.services.parties.get(organization)
        return reach_of(party, approved=self.is_approved(organization, None, at)) if party else None

    def is_approved(self, code: str, category: str | None, at: datetime) -> bool:
        """Tell whether the organization may be asked for help with sensitive cases of the category at this instant: on the list,
        with a named person who is trained and bound to secrecy."""
        party: Party | None = self.services.parties.get(code)
        return party is not None and party.organization.is_approved_on(at.astimezone(self.zone).date(), category)

    def units_below(self, code: str) -> tuple[UnitRef, ...]:
        """Return the active units directly below a unit, by code."""
        return self.units.children(code)

    def on_duty(self, role: str, place: Place, at: datetime, *, behind: bool = True) -> tuple[str, ...]:
        """Return the usernames of the people with `role` on duty for the place, nearest area first; with those who only stand
        behind, unless told otherwise."""
        return self.roster.on_duty(role, place.area_codes, at, behind=behind)

    def acting_for(self, username: str, at: datetime) -> str | None:
        """Return who does somebody's work at an instant: themselves, while they are away who stands in; None when nobody does."""
        return self.roster.acting_for(username, at)

    def colleague(self, username: str) -> Colleague | None:
        """Return the person with this user name, or None."""
        person = self.people.get(username)
        return None if person is None else Colleague(username, person.name or username, person.role, person.area_codes)

    def watch(self, areas: Sequence[str], at: datetime) -> tuple[str, ...]:
        """Return the usernames of those who watch over exactly these areas at this instant (`""`: without any area of their own):
        on duty, else standing in, else supervisors."""
        return self.roster.watch(areas, at)

    def find_units(self, name: str) -> tuple[Unit, ...]:
        """Return the units at work that a name may mean (`orgs.unit_names`): one where it is clear, all where it is not."""
        if self._names is None:
            self._names = UnitNames(unit for code, unit in self.units.by_code.items() if self.units.ref(code))
        return self._names.find(name)

    def search_units(self, text: str, *, area: str | None = None, limit: int = 20) -> tuple[Unit, ...]:
        """Return active units whose code begins with, or whose names hold, the text; in one area when it is given."""
        wanted = text.strip().casefold()
        found = [
            unit
            for code, unit in self.units.by_code.items()
            if self.units.ref(code) and _is_named(unit, wanted) and (not area or area in unit.area_codes)
        ]
        found.sort(key=lambda unit: (not unit.name.casefold().startswith(wanted), len(unit.name), unit.code))
        return tuple(found[:limit])

    def list_organizations(
        self,
        *,
        text: str = "",
        kind: str | None = None,
        areas: Sequence[str] = (),
        standing: str = "normal",
        free: bool = False,
        loads: Mapping[str, int] = NOTHING,
        limit: int = 50,
        after: str = "",
    ) -> tuple[tuple[Organization, ...], str | None]:
        """Return a page of organizations that fit all that is asked, in the order of codes, and the code after which the next
        page begins (None: no more). `areas` are an area with those above it, one of which it serves. With `text` the page holds
        the shortest fitting names and is the only one."""
        wanted = text.strip().casefold()
        found = [
            org
            for org in self.registry.values()
            if org.code > after
            and org.standing == standing
            and (kind is None or kind in org.kinds)
            and (not areas or not set(areas).isdisjoint(org.area_codes))
            and (not free or loads.get(org.code, org.load) < org.capacity)
            and (not wanted or org.code.casefold().startswith(wanted) or wanted in org.name.casefold())
        ]
        if wanted:
            return tuple(sorted(found, key=lambda org: (len(org.name), org.code))[:limit]), None
        return tuple(found[:limit]), found[limit - 1].code if len(found) > limit else None

    def _precedents_at(self, at: datetime) -> Precedents:
        """What is remembered for the time between two days on which units come or go; mostly there is one."""
        if not self.eras.edges:
            return self._precedents
        number = self.eras.number_at(at.timestamp())
        found = self._of_eras.get(number)
        if found is None:
            found = self._of_eras[number] = Precedents(self.rules, self.eras.tree(number), self.threshold)
        return found

    def _helpers(self, context: Context, limit: int, loads: Mapping[str, int], asked: Mapping[str, int]) -> tuple[Helper, ...]:
        category = context.category
        if category is None or not category.org_kinds:
            return ()
        question = Question(context.minute, self._day, category.code if category.sensitive else None, loads, asked)
        return self.services.rank(context.place.point, context.codes, category.org_kinds, question, limit=limit)

    def _context(self, place: Place, category: Category | None, at: datetime) -> Context:
        steps, codes = (steps_of(place), place.area_codes) if place.special is not None else self._way(place)
        return Context(place, steps, codes, category, at, self._minute_of(at))

    def _way(self, place: Place) -> _Way:
        """The steps and codes of a place; the path of a grid is one and the same for all places in it."""
        path = place.area_path
        finest = path[-1].code if path else ""
        if place.management is not None:
            finest = f"{finest} {place.management.code}"
        known = self._ways.get(finest)
        if known is None or known[0] is not path:
            known = self._ways[finest] = path, (steps_of(place), place.area_codes)
        return known[1]

    def _minute_of(self, at: datetime) -> int:
        """Return the minute of the city's local day; counted once for the questions of one minute."""
        begin, minute = self._minute
        if not begin <= at < begin + _MINUTE:
            local = at.astimezone(self.zone)
            minute, self._day = local.hour * 60 + local.minute, local.date()
            self._minute = at - timedelta(seconds=local.second, microseconds=local.microsecond), minute
        return minute


def _following(values: Iterable[_Placed], after: Succession) -> Iterable[_Placed]:
    """Values with the heirs of the areas that they name; most name none that is void."""
    if not len(after):
        return values
    return [
        msgspec.structs.replace(value, area_codes=after.with_heirs(value.area_codes))
        if any(code in after for code in value.area_codes)
        else value
        for value in values
    ]


def _is_named(unit: Unit, wanted: str) -> bool:
    names = (unit.name, unit.short_name, *unit.aliases)
    return unit.code.casefold().startswith(wanted) or any(wanted in name.casefold() for name in names)
