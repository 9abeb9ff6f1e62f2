"""Turns: whoever wants the same thing at once in this process gets it one after the other, in the order of asking.

It settles nothing (conditional writes do, between processes too); it only spares a crowd at one case its many lost attempts.

async with turns.at(case_id):
    ...
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["Turns"]


class Turns:
    """A queue for each name that somebody waits for; a name that nobody wants takes no memory."""

    def __init__(self) -> None:
        self._queues: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def at(self, name: str) -> AsyncIterator[None]:
        """Wait for one's turn and hold it until the block ends."""
        lock, waiting = self._queues.get(name) or (asyncio.Lock(), 0)
        self._queues[name] = lock, waiting + 1
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._queues[name]
            if waiting == 1:
                del self._queues[name]
            else:
                self._queues[name] = lock, waiting - 1
