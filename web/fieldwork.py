"""The grid workers' door, wired: patrols, visits and community groups."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import grid.group_store
import grid.patrol_store
import grid.visit_store
from dispatch.actors import Actor
from grid.group_service import Groups
from grid.group_store import GroupStore
from grid.on_patrol import OnPatrol
from grid.patrolling import Patrols
from grid.posting import Posts
from grid.service import Territory
from grid.terms import Terms
from grid.visit_store import VisitStore
from grid.visiting import Visits
from orgs.service import Parties
from storage.client import Database
from storage.fields import FieldCipher
from web.core import Core

__all__ = ["FIELD_INDEXES", "FieldWork", "build_fieldwork"]

FIELD_INDEXES = (grid.patrol_store.INDEXES, grid.group_store.INDEXES, grid.visit_store.INDEXES)
MINUTE, HOUR = 60, 3600
Work = Callable[[], Awaitable[int]]


@dataclass(slots=True, kw_only=True)
class FieldWork:
    """What grid workers, their leads and the leaders of groups do. Made by `build_fieldwork`."""

    patrols: Patrols
    on_patrol: OnPatrol
    groups: Groups
    posts: Posts
    visits: Visits
    clock: Callable[[], datetime]

    @property
    def jobs(self) -> Sequence[tuple[int, str, Work]]:
        """The work that is for all: every how many seconds, its name, what to call."""
        return (
            (MINUTE, "patrols of the day", self.patrols.make_day),
            (MINUTE, "patrols that are over", lambda: self.on_patrol.settle(self.clock())),
            (HOUR, "old tracks", self.patrols.erase),
        )

    @property
    def holders(self) -> Mapping[str, Callable[[Actor, str], Awaitable[object]]]:
        """What holds pictures, and who sees it (`web.holders`)."""
        return {"patrol": self.patrols.shows, "post": self.posts.shows}


def build_fieldwork(
    database: Database, territory: Territory, parties: Parties, core: Core, cipher: FieldCipher, clock: Callable[[], datetime]
) -> FieldWork:
    """Wire the door to the territory, the parties and the core."""
    terms = Terms(lambda: core.city)
    patrols = Patrols(database, territory, parties, cipher, terms, clock)
    store = GroupStore(database, cipher)
    groups = Groups(database, store, territory, parties, core.city.code)
    return FieldWork(
        patrols=patrols,
        on_patrol=OnPatrol(patrols, territory),
        groups=groups,
        posts=Posts(groups, store, core.cases, clock),
        visits=Visits(database, VisitStore(database, cipher), territory, parties, core.cases, terms, clock),
        clock=clock,
    )
