"""A set of changes to the rules: what people send, and what it means for each rule. Pure.

All changes of a set take effect at one moment. What takes effect at once changes a rule in place; what takes effect later ends
the rule at that moment and puts another in its place from then on, so that until then everything is matched as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from math import inf
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, UnsetType

from orgs import hours
from orgs.rule_terms import Terms, wrong_terms
from orgs.rule_times import begins, ends
from orgs.rules import Rule
from storage.errors import FieldError, Invalid

__all__ = [
    "EDITED", "MOST_CHANGES", "AddRule", "Change", "ChangeRule", "Edit", "EndRule", "RuleFields", "RulePatch", "Timing",
    "difference", "named", "plan",
]  # fmt: skip

MOST_CHANGES = 500
EDITED = "editor"  # `origin` of a rule that was made in the editor
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\s;$]+$")]
Word = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[^\s;$]*$")]
Basis = Annotated[str, msgspec.Meta(max_length=500)]
Hours = Annotated[str, msgspec.Meta(max_length=200)]
Assists = Annotated[tuple[Code, ...], msgspec.Meta(max_length=20)]
Priority = Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)]
When = Annotated[str, msgspec.Meta(min_length=10, max_length=40)]


class RuleFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new rule, by the columns of `rules.csv`. `valid_from` and `valid_to` are days of the city, both counted, or moments;
    left out: from when the set takes effect, without end."""

    category: Code
    lead: Code
    id: Code | None = None
    area_code: Word = ""
    zone: Word = ""
    hours: Hours = ""
    assists: Assists = ()
    priority: Priority = 0
    basis: Basis = ""
    valid_from: When | None = None
    valid_to: When | None = None


class RulePatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of a rule; what is left out stays. `valid_to` null: without end."""

    category: Code | UnsetType = UNSET
    lead: Code | UnsetType = UNSET
    area_code: Word | UnsetType = UNSET
    zone: Word | UnsetType = UNSET
    hours: Hours | UnsetType = UNSET
    assists: Assists | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    basis: Basis | UnsetType = UNSET
    valid_to: When | UnsetType | None = UNSET


class AddRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="add"):
    """A new rule; without `id` it gets one."""

    rule: RuleFields


class ChangeRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="change"):
    """Another content of a rule."""

    id: Code
    rule: RulePatch


class EndRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="end"):
    """A rule holds no more. One that has not begun is taken out."""

    id: Code


Change = AddRule | ChangeRule | EndRule


class Edit(msgspec.Struct, frozen=True):
    """One rule before and after (None: not in the book). `number` is the change of the set that asks for it."""

    id: str
    before: Rule | None
    after: Rule | None
    number: int = 0


class Timing(msgspec.Struct, frozen=True):
    """When a set takes effect (`at`) and when it is asked for (`now`), seconds since 1970; `version` is the book that it makes.

    It names the rules that get no name of their own, the same in a check and when it is applied.
    """

    at: float
    now: float
    zone: ZoneInfo
    version: int

    @property
    def is_later(self) -> bool:
        """Tell whether the set takes effect only later."""
        return self.at > self.now


def named(changes: Iterable[Change], version: int) -> frozenset[str]:
    """Return the ids of all rules that a set may touch or make, when it makes the book `version`."""
    return frozenset(id for number, change in enumerate(changes) for id in _ids(change, number, version))


def plan(changes: Sequence[Change], book: Mapping[str, Rule], terms: Terms, timing: Timing) -> list[Edit]:
    """Return what a set does to the rules. `book` holds those of `named` that there are.

    Raises `Invalid` with every change that cannot be made (field `changes[NUMBER].COLUMN`, from 0) and what is allowed.
    """
    errors: list[FieldError] = []
    edits: list[Edit] = []
    seen: set[str] = set()
    for number, change in enumerate(changes):
        try:
            made = list(_edits(number, change, book, timing))
            for edit in made:
                _check(edit, seen, terms)
            edits += made
        except Invalid as error:
            errors += [_at(number, one) for one in error.errors]
    if errors:
        raise Invalid("the set of changes cannot be made", errors=errors)
    edits = [edit for edit in edits if edit.before != edit.after]
    if not edits:
        raise Invalid(errors=[FieldError("changes", "no_change", "something that is not so already")])
    return edits


def difference(present: Mapping[str, Rule], wanted: Mapping[str, Rule]) -> list[Edit]:
    """Return what turns one book into another, by id."""
    ids = sorted(present.keys() | wanted.keys())
    pairs = ((id, present.get(id), wanted.get(id)) for id in ids)
    return [Edit(id, before, after) for id, before, after in pairs if before != after]


def _ids(change: Change, number: int, version: int) -> Iterator[str]:
    if isinstance(change, AddRule):
        yield _new_id(change, number, version)
        return
    yield change.id
    if isinstance(change, ChangeRule):
        yield _later_id(change.id, version)


def _new_id(change: AddRule, number: int, version: int) -> str:
    return change.rule.id or f"E-{version}-{number + 1}"


def _later_id(id: str, version: int) -> str:
    """The name of what follows on a rule; a rule that is changed again and again keeps one root."""
    root, _, counted = id.rpartition("~")
    return f"{root if root and counted.isdecimal() else id}~{version}"


def _edits(number: int, change: Change, book: Mapping[str, Rule], timing: Timing) -> Iterator[Edit]:
    if isinstance(change, AddRule):
        yield _added(number, change, book, timing)
        return
    before = book.get(change.id)
    if before is None:
        raise _refusal("id", "unknown_rule", f"is `{change.id}`; allowed: the id of a rule")
    if before.until <= timing.at:
        raise _refusal("id", "ended", "a rule that still holds when the set takes effect")
    if isinstance(change, EndRule):
        has_begun = before.since < timing.at
        yield Edit(change.id, before, msgspec.structs.replace(before, until=timing.at) if has_begun else None, number)
    else:
        yield from _changed(number, before, _patched(before, change.rule, timing), book, timing)


def _changed(number: int, before: Rule, after: Rule, book: Mapping[str, Rule], timing: Timing) -> Iterator[Edit]:
    if not timing.is_later or before.since >= timing.at:
        yield Edit(before.id, before, after, number)
        return
    following = _later_id(before.id, timing.version)
    if following in book:
        raise _refusal("id", "repeated", f"`{following}` is there already")
    yield Edit(before.id, before, msgspec.structs.replace(before, until=timing.at), number)
    yield Edit(following, None, msgspec.structs.replace(after, id=following, since=timing.at, origin=EDITED), number)


def _added(number: int, change: AddRule, book: Mapping[str, Rule], timing: Timing) -> Edit:
    fields, id = change.rule, _new_id(change, number, timing.version)
    if id in book:
        raise _refusal("id", "repeated", f"`{id}` is there already; change it, or leave the id out")
    since = timing.at if fields.valid_from is None else _begin(fields.valid_from, timing)
    rule = Rule(
        id=id, category=fields.category, lead=fields.lead, area=fields.area_code, zone=fields.zone, hours=_hours(fields.hours),
        assists=fields.assists, priority=fields.priority, basis=fields.basis, since=max(since, timing.at),
        until=_end(fields.valid_to, timing), origin=EDITED,
    )  # fmt: skip
    return Edit(id, None, rule, number)


def _patched(before: Rule, patch: RulePatch, timing: Timing) -> Rule:
    """The rule with what the patch gives; the names of the columns are not all those of the fields."""
    given: dict[str, Any] = {name: value for name, value in msgspec.structs.asdict(patch).items() if value is not UNSET}
    if "area_code" in given:
        given["area"] = given.pop("area_code")
    if "hours" in given:
        given["hours"] = _hours(given["hours"])
    if "valid_to" in given:
        given["until"] = _end(given.pop("valid_to"), timing)
    return msgspec.structs.replace(before, **given)


def _check(edit: Edit, seen: set[str], terms: Terms) -> None:
    if edit.id in seen:
        raise _refusal("id", "twice", f"each rule once; `{edit.id}` stands in an earlier change")
    seen.add(edit.id)
    after = edit.after
    if after is None or (edit.before is not None and after == msgspec.structs.replace(edit.before, until=after.until)):
        return  # a rule that only ends may name what is gone: that may be why
    errors = [FieldError(one.column, one.code, f"is `{one.cell}`; allowed: {one.allowed}") for one in wrong_terms(after, terms)]
    if after.until <= after.since:
        errors.append(FieldError("valid_to", "days", "not before it begins"))
    if errors:
        raise Invalid(errors=errors)


def _hours(cell: str) -> str:
    return "" if hours.parse_or_none(cell) == hours.ALWAYS else cell


def _begin(text: str, timing: Timing) -> float:
    """A day that is today begins now: what was matched before stays as it was."""
    since = _moment("valid_from", text, timing)
    today = datetime.fromtimestamp(timing.now, timing.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if since < today.timestamp():
        raise _refusal("valid_from", "past", "today or later")
    return since


def _end(text: str | None, timing: Timing) -> float:
    if text is None:
        return inf
    until = _moment("valid_to", text, timing)
    if until <= timing.at:
        raise _refusal("valid_to", "days", "after the set takes effect")
    return until


def _moment(column: str, text: str, timing: Timing) -> float:
    try:
        return begins(text, timing.zone) if column == "valid_from" else ends(text, timing.zone)
    except ValueError as error:
        raise _refusal(column, "moment", f"is {error}") from None


def _refusal(column: str, code: str, message: str) -> Invalid:
    return Invalid(errors=[FieldError(column, code, message)])


def _at(number: int, error: FieldError) -> FieldError:
    return FieldError(f"changes[{number}].{error.field}", error.code, error.message)
