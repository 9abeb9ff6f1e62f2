"""The sweep: what falls due by itself is brought about, each thing once and in order, whatever was missed and whoever sweeps.

One index finds what is due, so that a sweep costs what has fallen due and not what is open. Every case is written under the
condition that nobody acted on it meanwhile; who lost looks at it again at the next sweep.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from dispatch import engine
from dispatch.actors import SYSTEM
from dispatch.merging import is_joining, look_around, merge, wait_for_main
from dispatch.relay import Relay, notices_of
from dispatch.rules import Rules
from dispatch.situation import Case
from dispatch.store import CaseStore
from storage.errors import StorageUnavailable

__all__ = ["Sweep"]

log = logging.getLogger(__name__)

GROUP = 200  # cases that are read, decided and written together


class Sweep:
    """Lights and timers of all cases. `seen` is told of each case as it is after a write."""

    def __init__(
        self, store: CaseStore, rules: Rules, relay: Relay, clock: Callable[[], datetime], seen: Callable[[Case], None]
    ) -> None:
        self._store = store
        self._rules = rules
        self._relay = relay
        self._clock = clock
        self._seen = seen
        self._closing = False

    def close(self) -> None:
        """End after the group that is under way."""
        self._closing = True

    async def run(self) -> int:
        """Bring up to date whatever is due now; returns how many cases changed. One that fails is logged and left for later."""
        now, changed, failed = self._clock(), 0, set[str]()
        while not self._closing:
            due = await self._store.find_lights_due(now, GROUP + len(failed))
            cases = [case for case in due if case["_id"] not in failed]
            if not cases:
                break
            done = await asyncio.gather(*(self._catch_up(case, now) for case in cases))
            changed += sum(done)
            failed.update(case["_id"] for case, is_done in zip(cases, done, strict=True) if not is_done)
        return changed

    async def _catch_up(self, case: Case, now: datetime) -> bool:
        try:
            await look_around(self._store, case, now)
            decision = wait_for_main(case, now, self._rules) or engine.catch_up(case, now, self._rules)
            written = await self._written(case, decision, now)
        except StorageUnavailable as error:
            self._relay.doubt(now)
            log.warning("case %s cannot be brought up to date now: %s", case["_id"], error)
            return False
        except Exception:
            log.exception("case %s cannot be brought up to date", case["_id"])
            return False
        for done in written:
            self._seen(done.case)
            self._relay.tell(notices_of(done.case, done.notices))
        return bool(written)

    async def _written(self, case: Case, decision: engine.Decision, now: datetime) -> list[engine.Decision]:
        if is_joining(case, decision):
            return await merge(self._store, decision, case, SYSTEM, now, self._rules)
        entry = decision.entries[-1]["id"] if decision.entries else None
        return [decision] if await self._store.update(case, decision.update, entry) else []
