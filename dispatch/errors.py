"""Errors of the core that a user or a program may see. Rendered only in `web/base.py`."""

from __future__ import annotations

from storage.errors import Conflict, HeyunError, Invalid, NotFound

__all__ = [
    "IdempotencyKeyRequired", "IdempotencyMismatch", "LinkUnknown", "LinkUsed", "NotAllowed", "OutOfArea",
    "QueryUnknown", "UnknownArea", "UnknownCrs",
]  # fmt: skip


class NotAllowed(Conflict):
    """The action is not permitted on the case as it is now; `data` holds `allowed` (names) and `reason` (a guard's name).

    Raised by `dispatch.engine`.
    """

    code = "not_allowed"


class LinkUnknown(NotFound):
    """Nothing can be said by this link: made up, for something else, run out, or overtaken by the case. One answer for all, so
    that nothing is learnt by trying. Raised by `dispatch.links`."""

    code = "link_unknown"


class QueryUnknown(NotFound):
    """Number and code do not belong together. One answer for all that may be wrong, so that nothing is learnt by trying.
    Raised by `dispatch.queries`."""

    code = "query_unknown"


class LinkUsed(Conflict):
    """Another answer was given by this link before; raised by `dispatch.links`."""

    code = "link_used"


class IdempotencyMismatch(Invalid):
    """The key was used before with another body or action; raised by `dispatch.service`."""

    code = "idempotency_mismatch"


class IdempotencyKeyRequired(HeyunError):
    """Neither an Idempotency-Key nor a program's `source_id` came with a report; raised by `dispatch.intake`."""

    status = 400
    code = "idempotency_key_required"


class OutOfArea(Invalid):
    """The point lies outside the city; raised by a `Locator`."""

    code = "out_of_area"


class UnknownCrs(Invalid):
    """The coordinate system is none of `model.CRS_NAMES`; raised by a `Locator`."""

    code = "unknown_crs"


class UnknownArea(Invalid):
    """No area of the city has this code; raised by a `Locator`."""

    code = "unknown_area"
