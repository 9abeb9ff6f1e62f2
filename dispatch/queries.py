"""Ticket number and query code: whoever reported a matter, by whatever name or none, asks what became of it (domain.md §2.10).

queries = Queries(cases, links, secret)
queries.code_of(case["_id"])                    # 'K7M2-9QXR', said once at intake
await queries.find("GY20261122-000123", "k7m2 9qxr")

The code is an HMAC over the case's id: nothing of it is stored, and whoever has the key makes it again at any time. It shows what
a link shows and what has happened; what may be said is said by the link that comes with it.
"""

from __future__ import annotations

import hmac
import unicodedata

import msgspec

from dispatch.actors import Actor
from dispatch.errors import QueryUnknown
from dispatch.links import Links
from dispatch.plain import PublicCase, PublicStep, plain_case, plain_steps
from dispatch.service import CaseService

__all__ = ["LENGTH", "QueriedCase", "Queries", "QueryCode", "normal_code", "normal_number"]

LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # nothing that is read or heard as something else: 0 O, 1 I L
LENGTH = 8  # 31 to the power of 8: some 850,000 million codes


class QueryCode(msgspec.Struct, frozen=True):
    """What is to be told to who reported: both parts together open the case."""

    case_no: str
    code: str


class QueriedCase(PublicCase, kw_only=True):
    """What number and code show: besides the case, what has happened; `token` is that of the link to say something by."""

    steps: list[PublicStep]


class Queries:
    """Makes codes and answers who comes with one. `secret` comes from the key file and is always the same."""

    def __init__(self, cases: CaseService, links: Links, secret: bytes) -> None:
        self._cases = cases
        self._links = links
        self._secret = secret

    def code_of(self, case_id: str) -> str:
        """Return the code of a case as it is told: two groups of four."""
        number = int.from_bytes(hmac.digest(self._secret, case_id.encode(), "sha256")[:8])  # far more than there are codes
        letters = []
        for _ in range(LENGTH):
            number, at = divmod(number, len(LETTERS))
            letters.append(LETTERS[at])
        return "".join(letters[:4]) + "-" + "".join(letters[4:])

    async def read_out(self, *, actor: Actor, case_id: str, key: str | None = None) -> QueryCode:
        """Return number and code for somebody who tells them to who reported; the timeline says who read them. Raises what
        actions raise."""
        view = await self._cases.note(actor=actor, case_id=case_id, action="issue_code", fields={}, key=key)
        return QueryCode(view.case_no, self.code_of(case_id))

    async def find(self, case_no: str, code: str) -> QueriedCase:
        """Return the case of a number whose code this is. Raises `QueryUnknown`, alike for a number that does not exist, a code
        that is wrong and a case of which nobody is told."""
        identity = await self._cases.store.find_citizens(normal_number(case_no))
        is_right = hmac.compare_digest(self.code_of(identity or "").encode(), normal_code(code).encode())
        if identity is None or not is_right:
            raise QueryUnknown
        case = await self._cases.store.with_main(await self._cases.store.find_whole(identity))
        if case is None:
            raise QueryUnknown
        given = await self._links.of_now(case)
        shown = plain_case(case) if given is None else await self._links.show(given.token)
        known = {**msgspec.structs.asdict(shown), "token": None if given is None else given.token}
        return QueriedCase(**known, steps=plain_steps(case["timeline"]))


def normal_number(text: str) -> str:
    """Return the number of a case as it is stored, however it was typed.

    >>> normal_number(" gy20261122－000123 ")
    'GY20261122-000123'
    """
    return "".join(unicodedata.normalize("NFKC", text).upper().replace("—", "-").split())


def normal_code(text: str) -> str:
    """Return a code as it is told, however it was typed.

    >>> normal_code("k7m2 9qxr"), normal_code("Ｋ7M2—9QXR"), normal_code("K7")
    ('K7M2-9QXR', 'K7M2-9QXR', 'K7-')
    """
    bare = "".join(letter for letter in unicodedata.normalize("NFKC", text).upper() if letter.isalnum())
    return f"{bare[:4]}-{bare[4:]}"
