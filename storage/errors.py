"""The one base of all errors that a user or a program may see, and the errors of storage itself.

Raised anywhere, rendered only in `web/base.py` as an RFC 9457 problem document. `code` is stable and is what programs
switch on; people read the text that the message catalogue holds for `code`, filled with `data`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

__all__ = [
    "Conflict", "DuplicateValue", "FieldError", "Forbidden", "HeyunError", "Invalid", "Malformed", "MongodNotFound", "NotFound",
    "StaleRev", "StandaloneError", "StorageFailure", "StorageUnavailable", "TooLarge", "TooMany", "Unauthorized",
]  # fmt: skip


class FieldError(msgspec.Struct, frozen=True):
    """One thing that is wrong with one field (or one row of an import): where, a stable code, what is allowed."""

    field: str
    code: str
    message: str = ""
    row: int | None = None
    file: str | None = None


class HeyunError(Exception):
    """Base: `status` is the HTTP status, `code` the stable name, `data` fills the text and goes into the answer."""

    status = 500
    code = "internal"

    def __init__(self, detail: str = "", *, code: str | None = None, errors: Sequence[FieldError] = (), **data: Any) -> None:
        super().__init__(detail or code or self.code)
        self.detail = detail
        if code is not None:
            self.code = code
        self.errors = tuple(errors)
        self.data = data


class Invalid(HeyunError):
    """What was sent cannot be accepted as it is; `errors` name each field and what is allowed."""

    status = 422
    code = "invalid"


class Malformed(HeyunError):
    """What was sent is not JSON, not UTF-8, or not of the shape at all."""

    status = 400
    code = "malformed"


class NotFound(HeyunError, LookupError):
    """There is no such thing, or the asker may not know of it."""

    status = 404
    code = "not_found"


class Forbidden(HeyunError):
    """The asker may see the thing but may not do this with it."""

    status = 403
    code = "forbidden"


class Unauthorized(HeyunError):
    """Nobody is signed in, or what was shown is no longer valid."""

    status = 401
    code = "unauthorized"


class Conflict(HeyunError):
    """The thing is not in a state that allows this."""

    status = 409
    code = "conflict"


class StaleRev(HeyunError):
    """The case has changed since the asker saw it; `data` holds the present `rev` and `state`."""

    status = 412
    code = "stale_rev"


class TooLarge(HeyunError):
    """More bytes than this door takes."""

    status = 413
    code = "too_large"


class TooMany(HeyunError):
    """Asked too often; `data["retry_after"]` is in seconds."""

    status = 429
    code = "too_many"


class StorageUnavailable(HeyunError):
    """The database did not answer in time; nothing is known to be written."""

    status = 503
    code = "storage_unavailable"


class StorageFailure(HeyunError):
    """The database refused an operation; raised by `storage.client` for what is neither an outage nor a duplicate."""

    status = 500
    code = "storage_failure"


class DuplicateValue(Conflict):
    """A value that must be unique exists already; `data["keys"]` names the fields."""

    code = "duplicate_value"


class StandaloneError(HeyunError):
    """The server has no replica set, so neither majority writes, transactions nor change streams; raised at start."""

    status = 503
    code = "standalone"


class MongodNotFound(HeyunError):
    """There is no mongod that runs here; the text says what to install. Raised by `storage.embedded`."""

    status = 503
    code = "mongod_not_found"
