"""What comes in while a busy loop runs is taken in groups, by lanes that are few.

A process that is busy with requests would send many small groups, each as dear as a large one. So a lane first lets the loop
run on while every turn or two of it brings another entry; when nothing comes (or enough is there) it takes them. No timer, so an
idle entry waits for nobody.
"""

from __future__ import annotations

import asyncio
from typing import Any

from storage.client import Database
from storage.errors import StorageUnavailable

__all__ = ["ATTEMPT_SECONDS", "Lanes", "Waiter"]

ATTEMPT_SECONDS = 10.0  # a server that neither answers nor closes the connection is given up after this
_CHEAP_GROUP = 32  # a larger group saves little more per document; 2 lanes of 32 beat one of 64 by 15 % of the throughput
_QUIET_TURNS = 3  # so many turns of the loop without a new entry: nothing is on its way
_LONGEST_GATHER_SECONDS = 0.02


class Waiter:
    """One caller: under which key, what is asked or to be written, and where the answer goes."""

    __slots__ = ("content", "deadline", "entry", "future", "key")

    def __init__(self, key: Any, entry: Any, content: Any, future: asyncio.Future[Any], deadline: float) -> None:
        self.key = key
        self.entry = entry
        self.content = content
        self.future = future
        self.deadline = deadline

    def answer(self, answer: Any) -> None:
        """Give the answer, unless the caller has gone away."""
        if not self.future.done():
            self.future.set_result(answer)

    def fail(self, error: BaseException) -> None:
        """Raise an error at the caller, unless it has gone away."""
        if not self.future.done():
            self.future.set_exception(error)


class Lanes:
    """Lanes that take groups from what waits. The subclasses say how a group is served, and which may be in one together."""

    def __init__(self, database: Database, collection: str, max_group: int, lanes: int, deadline_seconds: float) -> None:
        self._database = database
        self._collection = database.collection(collection)
        self._name = collection
        self._max_group = max_group
        self._lanes = lanes
        self._deadline_seconds = deadline_seconds
        self._running: set[asyncio.Task[None] | None] = set()
        self._gathering = False
        self._waiting: list[Waiter] = []
        self._loop: asyncio.AbstractEventLoop | None = None  # which loop runs is a question to the system each time

    def _pending(self) -> int:
        """Return how many could be taken now."""
        return len(self._waiting)

    def _take(self) -> list[Waiter]:
        """Take the next group out of what waits."""
        share = self._share(self._pending())
        group, self._waiting = self._waiting[:share], self._waiting[share:]
        return group

    def _finish(self, group: list[Waiter]) -> None:
        """Called when all of the group have their answers."""

    async def _serve(self, group: list[Waiter]) -> None:
        """See to it that each of the group gets its answer or an error."""
        raise NotImplementedError

    def _share(self, waiting: int) -> int:
        """How many a lane takes: its part, so that the lanes overlap, but never fewer than make a group cheap."""
        return min(self._max_group, max(_CHEAP_GROUP, -(-waiting // self._lanes)))

    def _wake(self) -> None:
        """Let a lane gather a group, unless one does or all are under way."""
        if not self._gathering and len(self._running) < self._lanes:
            self._gathering = True
            task = asyncio.get_running_loop().create_task(self._lane())
            self._running.add(task)

    async def _gather(self) -> list[Waiter]:
        """Wait while the busy loop brings more, and take a group."""
        loop = asyncio.get_running_loop()
        until, most = loop.time() + _LONGEST_GATHER_SECONDS, min(self._max_group, _CHEAP_GROUP)
        quiet, before = 0, self._pending()
        try:
            while quiet < _QUIET_TURNS and before < most and loop.time() < until:
                await asyncio.sleep(0)
                quiet, before = (quiet + 1 if self._pending() == before else 0), self._pending()
        except asyncio.CancelledError:
            for waiter in self._take():
                waiter.fail(StorageUnavailable(f"{self._name}: stopped before the answer came"))
            raise
        finally:
            self._gathering = False
        return self._take()

    async def _lane(self) -> None:
        group: list[Waiter] = []
        try:
            while group := await self._gather():
                if self._pending():
                    self._wake()
                await self._serve(group)
                self._finish(group)
                if self._gathering or not self._pending():
                    group = []
                    return
                self._gathering = True
        finally:
            for waiter in group:
                waiter.fail(StorageUnavailable(f"{self._name}: stopped before the answer came"))
            self._running.discard(asyncio.current_task())

    async def drain(self) -> None:
        """Wait until everything that came in has its answer."""
        while self._running:
            await asyncio.wait([task for task in self._running if task])

    def _waiter(self, key: Any, entry: Any, content: Any) -> Waiter:
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        return Waiter(key, entry, content, loop.create_future(), loop.time() + self._deadline_seconds)
