"""Rules of responsibility that returned cases propose: what is open, and what a person decides (domain.md §2.6 rule 6).

The decision stands in the case's timeline; a rule is written only after it, by whoever keeps the rules. A case is marked
(`rule_proposed_at`) as long as something is left to be done: what was taken and could not be written yet is listed until it is.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from dispatch.actors import Actor
from dispatch.chapters.learning import is_open
from dispatch.keys import shows
from dispatch.ports import Directory
from dispatch.rules import placed
from dispatch.service import CaseService
from dispatch.situation import Case
from dispatch.store import CASES, visible_to
from storage.client import Database
from storage.errors import FieldError, Invalid, NotFound

__all__ = ["Decided", "NewRule", "Party", "PresentRule", "ProposalView", "Proposals", "RuleDoor"]

MARK = "rule_proposed_at"
ORDER = [(MARK, -1), ("_id", -1)]
INDEX = [(MARK, 1), ("_id", 1)]
_UNSEEN = {"timeline": 0, "outbox": 0, "original": 0}
_BETWEEN = "-"


class Party(msgspec.Struct, frozen=True):
    """A unit by code and name."""

    code: str
    name: str


class PresentRule(msgspec.Struct, frozen=True):
    """Who would be responsible today, and by which rule."""

    unit: Party
    rule: str
    basis: str


class ProposalView(msgspec.Struct, kw_only=True):
    """A proposal: who gave the case back, whom they named, what holds today.

    `areas` are those of the case, widest first: the rule may be made for any of them. `taken`: decided already, only the rule is
    yet to be written. `may_decide` is false for whoever asked for the return.
    """

    id: str
    case: str
    case_no: str
    line: str
    category: str
    area: str | None
    areas: list[dict[str, str]]
    from_unit: Party
    to_unit: Party
    reason: str
    basis: str
    returned_at: datetime
    present: PresentRule | None
    taken: bool
    may_decide: bool


class Decided(msgspec.Struct):
    """What became of a proposal; `rule` is the id of the rule that was written."""

    id: str
    accepted: bool
    rule: str | None


class NewRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as a proposal asks for it; it holds from the moment of its writing."""

    id: str
    category: str
    area: str
    lead: str
    basis: str


class RuleDoor(Protocol):
    """Keeps the rules of responsibility."""

    async def has(self, id: str) -> bool:
        """Tell whether there is a rule with this id."""

    async def learn(self, actor: Actor, rule: NewRule, now: datetime) -> None:
        """Write the rule down, put it in place and let every process know; once more changes nothing."""


class Proposals:
    """All use cases of proposals. Who may come here at all is for the caller to say."""

    def __init__(self, database: Database, cases: CaseService, directory: Directory, door: RuleDoor) -> None:
        self._database = database
        self._cases = cases
        self._directory = directory
        self._door = door

    async def open(self, actor: Actor, now: datetime, *, limit: int, cursor: str | None) -> tuple[list[ProposalView], str | None]:
        """Return a page of what is open on cases that the actor may see, newest first, and what leads on behind it."""
        filter: dict[str, Any] = {MARK: {"$type": "date"}, "$and": [visible_to(actor.scope), *_after(cursor)]}
        found = await self._database.find(CASES, filter, projection=_UNSEEN, sort=ORDER, limit=limit, hint=INDEX)
        views = [self._view(case, request, actor, now) for case in found for request in _waiting(case)]
        return views, _cursor(found[-1]) if len(found) == limit else None

    async def accept(self, actor: Actor, id: str, *, opinion: str, area: str | None, now: datetime, key: str | None) -> Decided:
        """Take the proposal and have the rule written. Raises `NotFound`, `Forbidden` for who asked, `NotAllowed` when it is
        decided already, `Invalid`."""
        case, request = await self._find(actor, id)
        rule_id = f"L-{case['case_no']}-{request['id']}"
        is_taken = request["rule_proposal"]["accepted_by"] is not None
        if not is_taken or await self._door.has(rule_id):  # else only the rule is left to be written
            if self._directory.unit(request["rule_proposal"]["to_unit"]) is None:
                raise Invalid(errors=[FieldError("unit", "unknown_unit", "a unit that is at work")])
            fields = {"opinion": opinion} | ({"area": area} if area else {})
            await self._cases.note(
                actor=actor, case_id=case["_id"], action="accept_rule", fields=fields, key=key, request_id=request["id"]
            )
            case, request = await self._find(actor, id)
        proposal = request["rule_proposal"]
        rule = NewRule(
            id=rule_id, category=proposal["category"] or "*", area=proposal["area"] or "", lead=proposal["to_unit"],
            basis=proposal["basis"],
        )  # fmt: skip
        await self._door.learn(actor, rule, now)
        await self._unmark(case)
        return Decided(id, True, rule.id)

    async def dismiss(self, actor: Actor, id: str, *, opinion: str, key: str | None) -> Decided:
        """Leave the rules as they are. Raises as `accept` does."""
        case, request = await self._find(actor, id)
        await self._cases.note(
            actor=actor,
            case_id=case["_id"],
            action="dismiss_rule",
            fields={"opinion": opinion},
            key=key,
            request_id=request["id"],
        )
        return Decided(id, False, None)

    async def _find(self, actor: Actor, id: str) -> tuple[Case, dict[str, Any]]:
        case_id, _, request_id = id.rpartition(_BETWEEN)
        case = await self._cases.store.find(case_id)
        requests = case["requests"] if case is not None and shows(actor, case) else []
        request = next((one for one in requests if one["id"] == request_id and one.get("rule_proposal")), None)
        if case is None or request is None:
            raise NotFound("proposal")
        return case, request

    async def _unmark(self, case: Case) -> None:
        if not any(is_open(request.get("rule_proposal")) for request in case["requests"]):
            await self._database.update_one(CASES, {"_id": case["_id"]}, {"$set": {MARK: None}})

    def _view(self, case: Case, request: dict[str, Any], actor: Actor, now: datetime) -> ProposalView:
        proposal = request["rule_proposal"]
        path = case["place"]["path"]
        return ProposalView(
            id=f"{case['_id']}{_BETWEEN}{request['id']}", case=case["_id"], case_no=case["case_no"], line=case["live"]["line"],
            category=proposal["category"] or "", area=proposal["area"], areas=[dict(area) for area in path],
            from_unit=self._party(proposal["from_unit"]), to_unit=self._party(proposal["to_unit"]), reason=request["reason"],
            basis=proposal["basis"], returned_at=request["decided_at"], present=self._present(case, proposal, now),
            taken=not is_open(proposal), may_decide=_may_decide(request, actor),
        )  # fmt: skip

    def _present(self, case: Case, proposal: dict[str, Any], now: datetime) -> PresentRule | None:
        found = self._directory.match(placed(case, self._cases.rules.locator), proposal["category"], now).candidates
        if not found:
            return None
        best = found[0]
        return PresentRule(Party(best.unit.code, best.unit.name), best.rule, best.basis)

    def _party(self, code: str) -> Party:
        known = self._directory.unit(code)
        return Party(code, known.name if known else code)


def _may_decide(request: dict[str, Any], actor: Actor) -> bool:
    """Neither the unit that asked nor the person, as the table has it (`not_asking_unit`)."""
    return request["by"] != actor.id and request["unit"] not in (actor.unit, *actor.units)


def _waiting(case: Case) -> Iterator[dict[str, Any]]:
    """Give the requests whose proposal is open, or was taken while the case is still marked."""
    for request in case["requests"]:
        proposal = request.get("rule_proposal")
        if proposal and proposal.get("dismissed_by") is None and (is_open(proposal) or not _any_open(case)):
            yield request


def _any_open(case: Case) -> bool:
    return any(is_open(request.get("rule_proposal")) for request in case["requests"])


def _cursor(case: Case) -> str:
    return base64.urlsafe_b64encode(f"{case[MARK].timestamp() * 1000:.0f}|{case['_id']}".encode()).decode()


def _after(cursor: str | None) -> list[dict[str, Any]]:
    if cursor is None:
        return []
    try:
        stamp, _, identity = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
        at = datetime.fromtimestamp(int(stamp) / 1000, UTC)
    except (ValueError, UnicodeError, OverflowError, binascii.Error):
        raise Invalid(errors=[FieldError("cursor", "invalid", "a cursor of an earlier page")]) from None
    return [{MARK: {"$lte": at}}, {"$or": [{MARK: {"$lt": at}}, {"_id": {"$lt": identity}}]}]
