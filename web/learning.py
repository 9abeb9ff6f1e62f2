"""Starts the program that learns, apart from the service, and looks each day how the version that is on does on closed cases."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from dispatch.city import City
from dispatch.jobs import Work
from dispatch.learning.versions import OFF, Versions
from dispatch.service import CaseService
from storage.client import Database
from storage.shared import Shared
from web.settings import Settings

__all__ = ["COMMAND", "ROOT", "Learning", "order_for"]

log = logging.getLogger("heyun.learning")

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-m", "web.training")
ASK_SECONDS = 600
DAY = timedelta(days=1)


def order_for(settings: Settings, uri: str, least_cases: int) -> bytes:
    """Return what the program is told on its standard input."""
    order = {"uri": uri, "database": settings.database, "driver": settings.driver, "least_cases": least_cases}
    return json.dumps(order).encode()


class Learning:
    """The two pieces of work that the service does by itself. Neither ever switches a version on."""

    def __init__(
        self, settings: Settings, database: Database, cases: CaseService, city: Callable[[], City], clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._versions = Versions(database)
        self._cases = cases
        self._city = city
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None

    @property
    def doors(self) -> tuple[tuple[int, str, Work], ...]:
        """Both, to be asked for every ten minutes in the process that does what is for all."""
        return (ASK_SECONDS, "learning", self.learn), (ASK_SECONDS, "watching what was learned", self.watch)

    async def learn(self) -> int:
        """Start the program when the city asks for that and it is time; returns how many versions it made."""
        params = self._city().params.learning
        uri = self._settings.mongodb_uri
        if not params.scheduled or uri is None:
            return 0
        if not await self._versions.claim("learning", self._clock(), timedelta(days=params.every_days)):
            return 0
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(*COMMAND, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe)
        answer, told = await self._process.communicate(order_for(self._settings, uri, params.least_cases))
        status = self._process.returncode
        last = answer.decode(errors="replace").strip().rpartition("\n")[2]
        if status:
            log.warning("nothing was learned (status %s): %s", status, last or told.decode(errors="replace")[-500:])
        else:
            log.info("a version was learned: %s", last)
        return int(status == 0)

    async def watch(self) -> int:
        """Once a day count how the version that is on does; returns 1 when it was switched off."""
        now = self._clock()
        if not await self._versions.claim("watching", now, DAY):
            return 0
        off = await self._versions.watch(now)
        if off is None:
            return 0
        log.warning("the model %s was switched off: on closed cases it does worse than the rules", off)
        await self._cases.relay.put_once([self._notice(off, now)])
        return 1

    def _notice(self, version: str, now: datetime) -> Shared:
        """What the supervisors of the city are told."""
        document: dict[str, Any] = {
            "_id": f"{OFF}:{version}:{now:%Y%m%d}", "kind": OFF, "keys": [f"supervisor:{self._city().code}"], "at": now,
            "by": "system", "case": "", "case_no": "", "line": version, "urgency": "normal", "read_by": [],
        }  # fmt: skip
        return Shared(document)

    def close(self) -> None:
        """End the program if it runs; what it has not kept yet is learned anew some other day."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
