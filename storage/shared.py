"""Parts that many documents have in common, encoded once.

A candidate, an area of a path or a unit stands in thousands of cases with the very same content. As a `Shared` it is an ordinary
dict to whoever reads it and is copied into each document as the bytes that it is stored as, into each answer as its JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from bson import encode

__all__ = ["Shared", "copied"]

_RAW_DOCUMENT = 101  # by this mark the encoder knows what carries its own bytes, as RawBSONDocument does


class Shared(dict[str, Any]):
    """A dict of texts, numbers and such dicts that is never changed after it was made; `raw` is its BSON."""

    __slots__ = ("_json", "raw")
    _type_marker = _RAW_DOCUMENT

    def __init__(self, content: Mapping[str, Any]) -> None:
        super().__init__(content)
        self.raw = encode(content if type(content) is dict else dict(content))
        self._json: msgspec.Raw | None = None

    @property
    def json(self) -> msgspec.Raw:
        """Its JSON, made when it is first asked for."""
        if self._json is None:
            self._json = msgspec.Raw(msgspec.json.encode(dict(self)))
        return self._json

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("a shared part is never changed; make a copy")

    __setitem__ = __delitem__ = __ior__ = update = pop = popitem = clear = setdefault = _refuse

    def __deepcopy__(self, memo: dict[int, Any]) -> Shared:
        return self

    def __copy__(self) -> Shared:
        return self

    def __reduce__(self) -> tuple[type[Shared], tuple[dict[str, Any]]]:
        return Shared, (dict(self),)


def copied(value: Any) -> Any:
    """Return a part of a document that may be changed: its dicts and lists are new, what never changes (and what is shared) is
    the same. Stored documents hold nothing else, so this need not look for cycles as `deepcopy` does and takes a sixth as long.

    >>> part = {"tasks": [{"id": "t1"}]}
    >>> copied(part) == part, copied(part)["tasks"][0] is part["tasks"][0]
    (True, False)
    """
    if type(value) is dict:
        return {name: copied(item) for name, item in value.items()}
    return [copied(item) for item in value] if type(value) is list else value
