"""Which closed cases are looked at once more: a draw that nobody can steer or foresee and anybody who may can do again.

The draw of a closure follows from the case, how often it had been closed before, and a secret of the installation. So neither
the person who closes nor one who picks ids for reports can tell or choose what is drawn, and an inspection that has the key
file gets the same draw for every closed case, drawn or not.
"""

from __future__ import annotations

import hmac
from typing import Annotated, Any

import msgspec

__all__ = ["LOOKED_AT", "NO_SAMPLING", "PURPOSE", "Sampling", "Share", "draw_of", "is_drawn"]

PURPOSE = "spot-checks"  # names the secret in the key file
LOOKED_AT = ("resolved", "partly")  # outcomes of which there is something to see on site

Share = Annotated[float, msgspec.Meta(ge=0, le=1, description="a share between 0 and 1")]


class Sampling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which share of closed cases is drawn: of those that grid workers settled themselves (domain.md T03), of all others.

    >>> Sampling(closed=0.05, by_category={"0201": 0.2}).rate("0201", is_self_handled=False)
    0.2
    """

    self_handled: Share = 0.0
    closed: Share = 0.0
    by_category: dict[str, Share] = {}

    def rate(self, category: str | None, *, is_self_handled: bool) -> float:
        """Return the share that holds for a case of a category; what was self-handled is never drawn less for its category."""
        own = self.by_category.get(category or "")
        if is_self_handled:
            return max(self.self_handled, own or 0.0)
        return self.closed if own is None else own


NO_SAMPLING = Sampling()


def draw_of(secret: bytes, case: dict[str, Any]) -> str:
    """Return the draw of a closed case: 16 hexadecimal digits, evenly spread; another one for each time that it is closed.

    >>> case = {"_id": "c1"}
    >>> draw_of(b"key", case) == draw_of(b"key", case), draw_of(b"key", case) == draw_of(b"key", case | {"closures": [{}]})
    (True, False)
    """
    named = f"{case['_id']}:{len(case.get('closures') or ())}"
    return hmac.digest(secret, named.encode(), "sha256")[:8].hex()


def is_drawn(draw: str, rate: float) -> bool:
    """Tell whether a draw falls into the share that is looked at.

    >>> is_drawn("1999999999999999", 0.1), is_drawn("199999999999a000", 0.1), is_drawn("ffffffffffffffff", 1.0)
    (True, False, True)
    """
    return int(draw, 16) < rate * 2**64
