"""Boundaries as somebody brings them: what a file says of each area before anything of it is in force.

`Boundary` is what the readers of files give, what `grid.inspection` judges, and what a change of the territory is made from.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from grid.areas import layer_of

__all__ = ["Boundary", "Finding", "Severity", "wrong_property"]

MOST_VALUE = 60  # characters of a wrong value that are shown
Severity = Literal["error", "warning"]


class Boundary(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One area as it would be: `number` is its place in the file (the first is 1), `wkb` its shape in WGS-84 degrees, lon first.

    An empty `wkb` means no shape; `unread` then says why one that is there could not be read. `valid_from` and `valid_to` are
    what the file says about when it holds (aware UTC), None where it says nothing.
    """

    number: int
    code: str = ""
    name: str = ""
    level: str = ""
    kind: str = ""
    parent: str | None = None
    name_en: str = ""
    synthetic: bool = False
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    wkb: bytes = b""
    unread: str = ""

    @property
    def layer(self) -> str:
        """Which layer it would belong to (`grid.areas.Area.layer`)."""
        return layer_of(self.level, self.kind)


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong, or doubtful, with a boundary.

    `code` is stable (`grid.inspection.CODES`), and so is `reason`, which says in what way, unless it is GEOS's own words. An
    `error` keeps the file from being taken, a `warning` does not. `feature` is the number in the file, None for what concerns a
    whole parent that is not in it. `area` is the code at fault, `other` whom it concerns (a sibling, the parent). `figures` are
    square metres (`…_m2`), metres (`…_m`) or shares; `at` is lon, lat in WGS-84 where a map should look.
    """

    code: str
    severity: Severity
    feature: int | None = None
    area: str = ""
    other: str = ""
    field: str = ""
    reason: str = ""
    figures: dict[str, float] = {}
    at: tuple[float, float] | None = None


def wrong_property(number: int, code: str, field: str, reason: str, value: str) -> Finding:
    """Return the finding of a property with a value that is not taken; `other` holds the value.

    `reason`: `missing`, no `choice`, against its `pattern` or `length`, not a `day`, or out of `order`.

    >>> wrong_property(3, "520102", "level", "choice", "block").other
    'block'
    """
    return Finding(
        code="wrong_property", severity="error", feature=number, area=code, field=field, reason=reason, other=value[:MOST_VALUE]
    )
