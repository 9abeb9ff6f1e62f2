"""The ports behind which it is known who stands at an address of a notice, and how a caller without an account is reached.

`orgs` and `dispatch.texting` give them; `web.services` hands them in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

__all__ = ["CALLER", "Callers", "Reached", "Recipients"]

CALLER = "c:"  # before the id of the case that somebody called about; no user name holds a colon


class Recipients(Protocol):
    """Knows the people with their posts, as far as their accounts are open."""

    async def behind(self, keys: Sequence[str]) -> frozenset[str]:
        """Return the user names of all who are reached at these addresses now (`dispatch.notices.actor_addresses`)."""


class Reached(msgspec.Struct, frozen=True):
    """Where a message to a caller goes, and the path of the page that it leads to."""

    phone: str
    path: str


class Callers(Protocol):
    """Knows the telephones of those who called."""

    async def reach(self, case_id: str, kind: str, delivery: str) -> Reached | None:
        """Return where a message of this kind about a case goes, None when none may be sent (any more). That the number was
        opened is put on record, once for each delivery."""
