"""Messages to the telephone of whoever called and has no account: where they lead, and the number, opened for that alone.

Implements `dispatch.outside.recipients.Callers`. The number is read at the moment of sending, which stands in the timeline of the
case (`text_caller`); no delivery holds it.
"""

from __future__ import annotations

from dispatch.links import Links
from dispatch.outside.recipients import Reached
from dispatch.service import CaseService
from dispatch.situation import Case

__all__ = ["QUERY_PAGE", "Texting"]

QUERY_PAGE = "/public/"  # by number and code, where there is nothing to be said now
SHORTEST = 7  # digits: shorter numbers are those of services
_ASKS = {"ask_reporter": "visit", "ask_rating": "rate"}  # messages that only ask for something


class Texting:
    """Reaches callers. One per process."""

    def __init__(self, cases: CaseService, links: Links) -> None:
        self._cases = cases
        self._links = links

    async def reach(self, case_id: str, kind: str, delivery: str) -> Reached | None:
        """Return the number and the path of the page for a message of this kind; None when it is no longer wanted, or the number
        is none that can be written to."""
        case = await self._cases.store.find(case_id)
        path = None if case is None else await self._path(case, kind)
        if path is None:
            return None
        phone = await self._cases.open_phone(case_id=case_id, kind=kind, key=delivery)
        return Reached(phone, path) if phone is not None and _is_mobile(phone) else None

    async def _path(self, case: Case, kind: str) -> str | None:
        purpose = _ASKS.get(kind)
        given = await self._links.of_now(case) if purpose is None else await self._links.give(case, purpose)
        if given is not None:
            return given.path
        return QUERY_PAGE if purpose is None else None


def _is_mobile(phone: str) -> bool:
    """A number with an area code in front rings on a desk.

    >>> _is_mobile("13812341234"), _is_mobile("085185801234"), _is_mobile("95598")
    (True, False, False)
    """
    return len(phone) >= SHORTEST and not phone.startswith("0")
