"""The port behind which it is known who stands at an address of a notice. `orgs` gives it; `web.services` hands it in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["Recipients"]


class Recipients(Protocol):
    """Knows the people with their posts, as far as their accounts are open."""

    async def behind(self, keys: Sequence[str]) -> frozenset[str]:
        """Return the user names of all who are reached at these addresses now (`dispatch.notices.actor_addresses`)."""
