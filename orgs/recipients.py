"""Who stands at the addresses of notices: implements `dispatch.outside.recipients.Recipients` by accounts and people.

Accounts that are open, each with the addresses of the actor that it makes. Read when first asked after something has changed;
who never asks never reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from dispatch.notices import actor_addresses
from orgs.people import Person, actor_of
from orgs.store import ACCOUNTS, PEOPLE, value_of
from orgs.units import UnitTree
from storage.client import Database
from storage.feed import Change

__all__ = ["PeopleBehind"]


class PeopleBehind:
    """One per process. `forget` when accounts, people or units have changed."""

    def __init__(
        self, database: Database, units: Callable[[], UnitTree], follow: Callable[[Iterable[str]], tuple[str, ...]] = tuple
    ) -> None:
        """`follow` adds to areas those that came after them."""
        self._database = database
        self._follow = follow
        self._units = units
        self._reading = asyncio.Lock()
        self._changes = 0
        self._read_at = -1
        self._by_key: Mapping[str, frozenset[str]] = {}

    def forget(self, change: Change | None = None) -> None:
        """What was read holds no longer. May be given to a feed as it is."""
        self._changes += 1

    async def behind(self, keys: Sequence[str]) -> frozenset[str]:
        """Return the user names of all who are reached at these addresses."""
        if self._read_at != self._changes:
            async with self._reading:
                if self._read_at != self._changes:
                    changes = self._changes
                    self._by_key = await self._read()
                    self._read_at = changes
        return frozenset().union(*(self._by_key.get(key, ()) for key in keys))

    async def _read(self) -> Mapping[str, frozenset[str]]:
        people = {found["_id"]: found async for found in self._database.iterate(PEOPLE, {})}
        tree, found = self._units(), dict[str, set[str]]()
        async for account in self._database.iterate(ACCOUNTS, {"disabled_at": None}, projection={"person": 1}):
            known = people.get(account["_id"]) or account["person"]
            if known is not None:
                person = value_of(known, Person)
                person = msgspec.structs.replace(person, area_codes=self._follow(person.area_codes))
                actor = actor_of(person, tree.subtree, whole=len(tree), own=tree.standing_for)
                for key in actor_addresses(actor):
                    found.setdefault(key, set()).add(account["_id"])
        return {key: frozenset(names) for key, names in found.items()}
