"""What an import of a city pack did to tables that people write as well, for whoever imports it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from dispatch.pack_merging import WHOLE
from dispatch.pack_taking import Note, TableOutcome

__all__ = ["TABLES", "tell"]

TABLES = ("all", "areas", "units", "rules", "organizations", "offers", "roster", "groups", "gazetteer", "calendar")
COLUMNS = ("new", "changed", "ended", "same", "kept", "conflicts")
MOST_SHOWN = 40  # notes of a table
MOST_WIDE = 60  # characters of a cell


def tell(outcomes: Mapping[str, TableOutcome], console: Console) -> None:
    """Print a line for each table, then what stays as people have it: row and field, conflicts first."""
    table = Table("table", *COLUMNS, box=None)
    for name, outcome in outcomes.items():
        table.add_row(name, *(str(getattr(outcome, column)) for column in COLUMNS))
    console.print(table)
    for name, outcome in outcomes.items():
        for line in _lines(name, outcome):
            console.print(line, markup=False)


def _lines(name: str, outcome: TableOutcome) -> Iterator[str]:
    notes = sorted(outcome.notes, key=lambda note: note.decision != "conflict")
    yield from (f"  {_line(name, note)}" for note in notes[:MOST_SHOWN])
    if len(notes) > MOST_SHOWN:
        yield f"  {name}: and more"
    if outcome.conflicts or (outcome.kept and not notes):
        yield f"  {name}: people's word stays; --take-pack {name.partition('.')[0]} takes the pack's"


def _line(name: str, note: Note) -> str:
    """One note.

    >>> _line("units.csv", Note(row="D1", field="name", decision="conflict", here="a", pack="b"))
    'units.csv, row D1, name: conflict, `a` here, `b` in the pack'
    >>> _line("roster.csv", Note(row="wang (1)", field="*", decision="kept", here=None, pack={"username": "wang"}))
    'roster.csv, row wang (1): kept, removed here'
    """
    if note.field == WHOLE:
        what = "removed here" if note.here is None else "changed here, no longer in the pack"
        also = ", changed in the pack" if note.here is None and note.decision == "conflict" else ""
        return f"{name}, row {note.row}: {note.decision}, {what}{also}"
    return f"{name}, row {note.row}, {note.field}: {note.decision}, {_cell(note.here)} here, {_cell(note.pack)} in the pack"


def _cell(cell: Any) -> str:
    """A cell on one line; of what is sealed only what may be shown."""
    if isinstance(cell, Mapping):
        return _cell(cell.get("shown"))
    if isinstance(cell, list):
        cell = ";".join(str(one.get("shown") if isinstance(one, Mapping) else one) for one in cell)
    text = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)
    return f"`{text if len(text) <= MOST_WIDE else text[: MOST_WIDE - 1] + '…'}`"
