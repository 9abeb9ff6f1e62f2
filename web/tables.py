"""Tables that are sent in: one body and one answer for all registers that take over the columns of a city pack's file."""

from __future__ import annotations

from typing import Annotated

import msgspec

from dispatch.packs import Imported
from web.bodies import Body

__all__ = ["TableAnswer", "TableBody", "table_answer"]

Csv = Annotated[str, msgspec.Meta(max_length=900_000)]


class TableBody(Body, frozen=True, kw_only=True):
    """A table by the columns of its file in a city pack, UTF-8 with a header; by default only looked at."""

    csv: Csv
    dry_run: bool = True


class TableAnswer(msgspec.Struct, kw_only=True):
    """How many rows are new, change one, say what is so already; whether anything was written (not in a dry run)."""

    new: int
    changed: int
    same: int
    dry_run: bool


def table_answer(done: Imported, body: TableBody) -> TableAnswer:
    """Return the API's shape of what a table did."""
    return TableAnswer(new=done.new, changed=done.changed, same=done.same, dry_run=body.dry_run)
