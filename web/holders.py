"""What holds pictures: cases, and under names like `patrol:ID` what the doors keep. Who sees the holder sees them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from dispatch.actors import Actor
from dispatch.service import CaseService
from storage.errors import NotFound

__all__ = ["Holders"]

Reader = Callable[[Actor, str], Awaitable[object]]


class Holders:
    """Finds the holder of a picture for somebody who wants to see it. `others` are the readers of the other kinds, by name."""

    def __init__(self, cases: CaseService, others: Mapping[str, Reader]) -> None:
        self._cases = cases
        self._others = others

    async def get(self, *, actor: Actor, case_id: str) -> object:
        """Return the holder. Raises `NotFound` for one that the actor may not see."""
        kind, named, id = case_id.partition(":")
        if not named:
            return await self._cases.get(actor=actor, case_id=case_id)
        reader = self._others.get(kind)
        if reader is None:
            raise NotFound("holder")
        return await reader(actor, id)
