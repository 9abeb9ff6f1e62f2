"""What the words of a rule may refer to: areas, zones, categories and units that there are. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from orgs import hours
from orgs.rules import ANY, Rule
from orgs.tables import Wrong
from orgs.units import split_post

__all__ = ["Terms", "wrong_terms"]


class Terms(msgspec.Struct, frozen=True):
    """The codes that there are. `posts` are (type, level) of units; `zones` None: zones are not looked at."""

    areas: Collection[str]
    categories: Collection[str]
    majors: Collection[str]
    units: Collection[str]
    posts: Collection[tuple[str, str]]
    zones: Collection[str] | None = None


def wrong_terms(rule: Rule, terms: Terms) -> Iterator[Wrong]:
    """Give what a rule names and is not there, by the columns of `rules.csv`."""
    if rule.category != ANY and rule.category not in terms.categories and rule.category not in terms.majors:
        yield Wrong("category", rule.category, "a 小类 of categories.csv, its 大类 of two digits, or *", "unknown_category")
    if rule.area and rule.area not in terms.areas:
        yield Wrong("area_code", rule.area, "the code of an area, or empty", "unknown_code")
    if rule.zone and terms.zones is not None and rule.zone not in terms.zones:
        yield Wrong("zone", rule.zone, "the code of a zone, or empty", "unknown_code")
    for column, lead in (("lead", rule.lead), *(("assists", assist) for assist in rule.assists)):
        yield from _wrong_lead(column, lead, terms)
    try:
        hours.parse(rule.hours)
    except ValueError as error:
        yield Wrong("hours", rule.hours, str(error).partition("allowed: ")[2] or str(error), "not_allowed")


def _wrong_lead(column: str, lead: str, terms: Terms) -> Iterator[Wrong]:
    post = split_post(lead)
    if post is None and lead not in terms.units:
        yield Wrong(column, lead, "the code of a unit, or type@level", "unknown_unit")
    elif post is not None and post not in terms.posts:
        yield Wrong(column, lead, "a type@level that some unit of units.csv has", "unknown_post")
