"""Starts the program that learns, apart from the service, and looks each day how the version that is on does on closed cases."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from dispatch.city import LearningParams
from dispatch.jobs import Work
from dispatch.learning.versions import Versions
from storage.client import Database
from web.settings import Settings

__all__ = ["COMMAND", "ROOT", "Learning", "order_for"]

log = logging.getLogger("heyun.learning")

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-m", "training")
ASK_SECONDS = 600
DAY = timedelta(days=1)


def order_for(settings: Settings, uri: str, least_cases: int) -> bytes:
    """Return what the program is told on its standard input."""
    order = {"uri": uri, "database": settings.database, "driver": settings.driver, "least_cases": least_cases}
    return json.dumps(order).encode()


class Learning:
    """The two pieces of work that the service does by itself. Neither ever switches a version on."""

    def __init__(
        self, settings: Settings, database: Database, params: Callable[[], LearningParams], clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._versions = Versions(database)
        self._params = params
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None

    @property
    def doors(self) -> tuple[tuple[int, str, Work], ...]:
        """Both, to be asked for every ten minutes in the process that does what is for all."""
        return (ASK_SECONDS, "learning", self.learn), (ASK_SECONDS, "watching what was learned", self.watch)

    async def learn(self) -> int:
        """Start the program when the city asks for that and it is time; returns how many versions it made."""
        params = self._params()
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
        if off:
            log.warning("the model was switched off: on closed cases it does worse than the rules")
        return off

    def close(self) -> None:
        """End the program if it runs; what it has not kept yet is learned anew some other day."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
