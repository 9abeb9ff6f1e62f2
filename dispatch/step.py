"""One step of a case being taken: a working copy, what it touches, the timeline entries and notices that it brings forth.

The stored document is never changed in place: `edit` copies a part before the first change. What was touched becomes one
update of the database (`dispatch.engine`).
"""

from __future__ import annotations

import os
from datetime import datetime
from functools import lru_cache
from typing import Any

from dispatch import clockwork
from dispatch.actors import Actor
from dispatch.chain import entry_hash, sealed_text
from dispatch.keys import case_keys
from dispatch.rules import Rules
from dispatch.situation import Case, Situation, lead_of
from dispatch.todo import todo_of
from dispatch.transition import Transition
from dispatch.wanted import wanted_of
from storage.shared import Shared, copied

__all__ = ["Step", "entry_actor"]

TEXT_FIELDS = frozenset(
    {
    "note", "text", "reason", "basis", "opinion", "handling", "public_reply", "answer", "reply", "next_door",
    "unsolved_reason", "waive_reason", "address", "place", "people", "measures", "plan", "minutes",
    "summary", "receipt", "feedback", "to", "what", "amount",
    }
)  # fmt: skip
_OF_LEAD = frozenset({"sign_in", "contact"})  # clocks that count by the lead unit's own working hours


_spare = bytearray()


def new_entry_id() -> str:
    """Return 16 random hexadecimal digits. The system is asked for many at once; a number of processes never share any."""
    if not _spare:
        _spare.extend(os.urandom(4096))
    taken = _spare[-8:].hex()
    del _spare[-8:]
    return taken


def entry_actor(actor: Actor) -> dict[str, Any]:
    """Return the actor as a timeline entry names them: account, role and, where they have one, unit or organization; never a
    name."""
    return _entry_actor(actor.id, actor.role, actor.unit, actor.organization)


@lru_cache(maxsize=4096)
def _entry_actor(identity: str, role: str, unit: str | None, organization: str | None) -> Shared:
    named = {"id": identity, "role": role, "unit": unit, "organization": organization}
    return Shared({name: value for name, value in named.items() if value is not None})


class Step:
    """A working copy of a case while one or more rows of the table are applied to it. A `fresh` case is nobody else's yet: it
    is changed in place."""

    __slots__ = (
        "_fresh", "actor", "case", "data", "digest", "entries", "entry_id", "fields", "item", "key", "next_state", "notices",
        "now", "public", "queue", "rules", "starting", "touched",
    )  # fmt: skip

    def __init__(
        self, case: Case, actor: Actor, now: datetime, rules: Rules, key: str | None, digest: str, *, fresh: bool = False
    ) -> None:
        self.case: Case = case if fresh else dict(case)
        self._fresh = fresh
        self.actor = actor
        self.now = now
        self.rules = rules
        self.entry_id = new_entry_id()
        self.key = key
        self.digest = digest
        self.touched: dict[str, None] = {}
        self.entries: list[dict[str, Any]] = []
        self.notices: list[dict[str, Any]] = []
        self.starting: dict[str, str] = {}
        self.queue: list[tuple[str, dict[str, Any]]] = []
        self.item: dict[str, Any] | None = None
        self.fields: dict[str, Any] = {}
        self.data: dict[str, Any] = {}
        self.public = True
        self.next_state: str | None = None

    def edit(self, name: str) -> Any:
        """Return a part of the case that may be changed now."""
        if self._fresh:
            return self.case.setdefault(name, []) if name == "timers" else self.case[name]
        if name not in self.touched:
            present = self.case.get(name)
            self.case[name] = [] if present is None and name == "timers" else copied(present)
            self.touched[name] = None
        return self.case[name]

    def set(self, name: str, value: Any) -> None:
        """Put a part of the case anew."""
        self.case[name] = value
        self.touched[name] = None

    @property
    def live(self) -> dict[str, Any]:
        """The part of the case that lists, map and live stream read, to be changed."""
        live: dict[str, Any] = self.edit("live")
        return live

    @property
    def facts(self) -> dict[str, Any]:
        """What guards need to know later, to be changed."""
        facts: dict[str, Any] = self.edit("facts")
        return facts

    @property
    def clocks(self) -> list[dict[str, Any]]:
        """The clocks, to be changed."""
        clocks: list[dict[str, Any]] = self.edit("clocks")
        return clocks

    def situation(self) -> Situation:
        """Return the question as the case stands in the middle of the step."""
        return Situation(self.case, self.actor, self.now, self.rules, self.item)

    def start_clock(self, kind: str, *, node: str | None = None) -> None:
        """Start the clock of a step, if the table of limits has one for this case.

        It is made when the step settles: one that is stopped within the same write never ran.
        """
        self.starting[kind] = node or kind

    def stop_clocks(self, *kinds: str) -> None:
        """Stop clocks of these kinds (none named: all)."""
        for kind in kinds or tuple(self.starting):
            self.starting.pop(kind, None)
        if self.case["clocks"]:
            clockwork.stop(self.clocks, self.now, *kinds)

    def set_timer(self, name: str, at: datetime, action: str, *, subject: str = "case", item: str | None = None) -> None:
        """Have the system take an action at an instant; a timer of this name that was there is set anew.

        The action is a row of the table for the system. When the case (or the item) is no longer in a state that the row is for,
        or a guard refuses, nothing happens. An action that sets its own timer again must set it later than `now`.
        """
        self.stop_timer(name)
        self.edit("timers").append({"name": name, "at": at, "action": action, "subject": subject, "item": item})

    def stop_timer(self, name: str) -> None:
        """Take a timer back, if it is set."""
        if any(timer["name"] == name for timer in self.case.get("timers") or ()):
            self.set("timers", [timer for timer in self.case["timers"] if timer["name"] != name])

    def stop_timers(self) -> None:
        """Take all timers back: the case has come to an end of its own."""
        if self.case.get("timers"):
            self.set("timers", [])

    def then(self, action: str, fields: dict[str, Any]) -> None:
        """Let the system go on with another action in the same write."""
        self.queue.append((action, fields))

    def settle(self) -> None:
        """Bring the derived parts into line: light, due time, next change of light, index keys."""
        self._start_clocks()
        pending = {request["kind"]: request["id"] for request in self.case["requests"] if request["state"] == "pending"}
        if "extension" in pending:
            self._follow_due(f"expire:{pending['extension']}")
        light, due, following = clockwork.summary(self.case["clocks"])
        for timer in self.case.get("timers") or ():
            following = timer["at"] if following is None else min(following, timer["at"])
        live = self.live
        live["light"], live["due_at"] = light, due
        if pending or live.get("pending"):
            live["pending"] = list(pending)
        if following != self.case.get("next_light_at"):
            self.set("next_light_at", following)
        if "spot_check" in self.case or "rectification" in self.case:
            self._follow_todo()
        if "needs" in self.case:
            self._follow_wanted()
        keys = case_keys(self.case)
        if keys != self.case.get("keys"):
            self.set("keys", keys)

    def _start_clocks(self) -> None:
        for kind, node in self.starting.items():
            limit = self.rules.node_limit(self.case, node)
            if limit is not None:
                hours = self.rules.unit_hours(lead_of(self.case)) if kind in _OF_LEAD else None
                self.clocks.append(self.rules.clock(kind, limit, self.now, hours=hours))
        self.starting = {}

    def _follow_due(self, name: str) -> None:
        """An extension that nobody decides runs out when the case is due, whatever has moved that since it was asked for."""
        due = next(clock["due_at"] for clock in reversed(self.case["clocks"]) if clock["kind"] == "case")
        timer = next((one for one in self.case.get("timers") or () if one["name"] == name), None)
        if timer is not None and timer["at"] != due:
            self.set_timer(name, due, timer["action"], subject=timer["subject"], item=timer["item"])

    def _follow_todo(self) -> None:
        todo = todo_of(self.case)
        if todo != self.case.get("todo"):
            self.set("todo", todo)

    def _follow_wanted(self) -> None:
        wanted = wanted_of(self.case)
        if wanted != self.case.get("wanted"):
            self.set("wanted", wanted)

    def record(self, row: Transition, before: str, after: str, actor: Actor) -> None:
        """Append the timeline entry of an applied row to the chain; what is empty is left out (docs/reference/case.md)."""
        head = self.case["head"]
        entry = {
            "id": self.entry_id,
            "seq": head["seq"] + 1,
            "at": self.now,
            "actor": entry_actor(actor),
            "action": row.action,
            "to": after,
            "public": row.public and self.public,
        }
        if before:
            entry["from"] = before
        if self.data:
            entry["data"] = self.data
        if not TEXT_FIELDS.isdisjoint(self.fields) and (texts := self._texts(row)):
            entry["texts"] = texts
        if self.entries:
            entry["id"] = f"{self.entry_id}.{len(self.entries)}"
        else:
            entry |= {"key": self.key, "digest": self.digest} if self.key else {"digest": self.digest}
        entry["prev_hash"] = head["hash"]
        entry["hash"] = entry_hash(entry)
        self.entries.append(entry)
        self.set("head", {"seq": entry["seq"], "hash": entry["hash"]})
        self.data = {}

    def _texts(self, row: Transition) -> dict[str, dict[str, str]]:
        """The free texts among the fields, as they stand in an entry."""
        codes = row_codes(row)
        return {
            name: sealed_text(value)
            for name, value in self.fields.items()
            if name in TEXT_FIELDS and name not in codes and isinstance(value, str)
        }


def row_codes(row: Transition) -> frozenset[str]:
    """Names of the row's fields that are codes, not free texts."""
    return frozenset(field.name for field in row.fields if field.type == "choice")
