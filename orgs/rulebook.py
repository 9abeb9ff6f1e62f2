"""Rules of responsibility that are added while the service runs, each by a person's decision.

Every change is written down first (`rule_changes`: who, when, what it was before), then made, then announced: all processes match
by it from then on. An import of the city's own table keeps what was learned (`orgs.importing`).
"""

from __future__ import annotations

import secrets
from datetime import datetime

from dispatch.actors import Actor
from dispatch.proposals import NewRule
from orgs.rules import Rule
from orgs.store import RULE_CHANGES, RULES, document_of, mark_changed, value_of
from storage.client import Database

__all__ = ["LEARNED", "RuleBook"]

LEARNED = "L-"  # how the ids of learned rules begin


class RuleBook:
    """The rules in the database. Who may change them is for the caller to say."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def has(self, id: str) -> bool:
        """Tell whether there is a rule with this id."""
        return await self._database.find_one(RULES, {"_id": id}, projection={"_id": 1}) is not None

    async def learn(self, actor: Actor, rule: NewRule, now: datetime) -> None:
        """Put the rule in place; among rules of its category and area it is the newest of the highest priority."""
        before = await self._database.find_one(RULES, {"_id": rule.id})
        if before is None:
            await self._add(actor, rule, now)
        await mark_changed(self._database, now)

    async def _add(self, actor: Actor, rule: NewRule, now: datetime) -> None:
        beside = await self._database.find(RULES, {"category": rule.category, "area": rule.area, "_id": {"$ne": rule.id}})
        priority = max((value_of(found, Rule).priority for found in beside), default=0)
        made = Rule(
            id=rule.id, category=rule.category, area=rule.area, lead=rule.lead, basis=rule.basis, priority=priority,
            since=now.timestamp(),
        )  # fmt: skip
        document = document_of(rule.id, made)
        change = {
            "_id": secrets.token_hex(12), "at": now, "by": actor.id, "role": actor.role, "rule": rule.id, "before": None,
            "after": document,
        }  # fmt: skip
        await self._database.insert_one(RULE_CHANGES, change)
        await self._database.insert_one(RULES, document)
