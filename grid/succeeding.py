"""The use case: what the field work has named by a grid that a change made void goes to the grid that came after it.

Rules, duties, people, units and organizations follow by themselves (`dispatch.succession`). Patrol plans, community groups and
places that are to be visited name the grid where they are; where one grid came after it they can be moved without asking, else
somebody has to say which. Cases and what has been done already stay as they were.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from dispatch.actors import Actor
from dispatch.succession import Succession
from grid.change_store import CHANGES
from grid.group_store import GROUP_CHANGES, GROUPS
from grid.patrol_store import PLAN_CHANGES, PLANS
from grid.service import Territory
from grid.store import VOID
from grid.visit_store import KEPT, PLACE_CHANGES, PLACES, SEALED
from storage.client import Database
from storage.errors import Conflict, NotFound, StaleRev
from storage.registers import Act, Register

__all__ = ["Followed", "Followers", "Following", "NotInForce"]

MOST_LISTED = 500  # of those moved, and of those that wait for somebody; all are counted
_AT_ONCE = 500  # codes of one question


class NotInForce(Conflict):
    """The change does not hold yet, or not in this process: nobody can follow it. Raised by `Following.follow`."""

    code = "change_not_in_force"


class Followed(msgspec.Struct, frozen=True):
    """A patrol plan (`patrol_plan`), community group (`group`) or place (`visit_place`): the grids that it names (`before`), and
    those that it names instead (`after`). Where it waits for somebody, `after` are the grids to choose among, none where none
    came."""

    what: str
    id: str
    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]


class Following(msgspec.Struct, frozen=True, kw_only=True):
    """What went, or in a dry run would go, to the one grid that came after (`moved`), and what waits for somebody (`choices`)."""

    moved_count: int
    choices_count: int
    moved: list[Followed]
    choices: list[Followed]


class _Table(NamedTuple):
    collection: str
    changes: str
    field: str
    keeps: Sequence[str] = ()
    hides: Sequence[str] = ()


_TABLES: Mapping[str, _Table] = {
    "patrol_plan": _Table(PLANS, PLAN_CHANGES, "areas"),
    "group": _Table(GROUPS, GROUP_CHANGES, "area"),
    "visit_place": _Table(PLACES, PLACE_CHANGES, "area", KEPT, (SEALED,)),
}


class Followers:
    """Moves what names void grids. Who may ask for it is for the caller to say."""

    def __init__(self, database: Database, territory: Territory, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._territory = territory
        self._clock = clock

    async def follow(self, *, actor: Actor, change: str, dry_run: bool) -> Following:
        """Move what names a grid that a change made void to the one that came after it, each entry with its history; with
        `dry_run` only say what would go where. Again, nothing is left to move.

        Raises `NotFound`, `NotInForce`.
        """
        gone = await self._gone(change)
        after = Succession({one["_id"]: one["heirs"] async for one in self._database.iterate(VOID, {}, projection={"heirs": 1})})
        act = Act(by=actor.id, role=actor.role, at=self._clock())
        moved: list[Followed] = []
        choices: list[Followed] = []
        for what, table in _TABLES.items():
            register = Register(self._database, table.collection, table.changes, keeps=table.keeps, hides=table.hides)
            async for document in self._naming(table, gone):
                one, is_clear = self._followed(what, document, table.field, after)
                if is_clear and not dry_run and not await self._write(register, document, one, table.field, act):
                    continue
                (moved if is_clear else choices).append(one)
        for found in (moved, choices):
            found.sort(key=lambda one: (one.what, one.id))
        return Following(
            moved_count=len(moved), choices_count=len(choices), moved=moved[:MOST_LISTED], choices=choices[:MOST_LISTED]
        )  # fmt: skip

    async def _gone(self, id: str) -> list[str]:
        change = await self._database.find_one(CHANGES, {"_id": id}, projection={"gone": 1, "state": 1})
        if change is None:
            raise NotFound
        gone = [one["code"] for one in change["gone"]]
        if change["state"] != "in_force" or any(self._territory.area(code) is not None for code in gone):
            raise NotInForce(state=change["state"])
        return gone

    async def _naming(self, table: _Table, gone: Sequence[str]) -> AsyncIterator[dict[str, Any]]:
        """Entries that lie in any of the void areas, each once: what names two of them comes with the first."""
        seen: set[str] = set()
        for start in range(0, len(gone), _AT_ONCE):
            wanted = {"codes": {"$in": list(gone[start : start + _AT_ONCE])}}
            async for document in self._database.iterate(table.collection, wanted):
                if document["_id"] not in seen:
                    seen.add(document["_id"])
                    yield document

    def _followed(self, what: str, document: Mapping[str, Any], field: str, after: Succession) -> tuple[Followed, bool]:
        """Where an entry would go, and whether that is clear."""
        named = document[field] if isinstance(document[field], list) else [document[field]]
        heirs = {code: self._holding((code,)) or self._holding(after.heirs(code)) for code in named}
        unclear = [heir for found in heirs.values() if len(found) != 1 for heir in found]
        is_clear = all(len(found) == 1 for found in heirs.values())
        to = dict.fromkeys(heir for found in heirs.values() for heir in found) if is_clear else dict.fromkeys(unclear)
        return Followed(what, document["_id"], document.get("name", ""), tuple(named), tuple(to)), is_clear

    def _holding(self, codes: Sequence[str]) -> list[str]:
        return [code for code in codes if self._territory.area(code) is not None]

    async def _write(self, register: Register, document: Mapping[str, Any], to: Followed, field: str, act: Act) -> bool:
        """Let the entry name its new grids; False when somebody has just changed it: asked again, it is seen as it is then."""
        content = {name: value for name, value in document.items() if name not in ("_id", "rev")}
        content[field] = list(to.after) if isinstance(document[field], list) else to.after[0]
        content["codes"] = list(dict.fromkeys(ref.code for area in to.after for ref in self._territory.path(area)))
        try:
            await register.put(document["_id"], content, act, rev=document.get("rev", 1))
        except StaleRev:
            return False
        return True
