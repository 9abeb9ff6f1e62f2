"""Tables for people's spreadsheets: CSV that shows Chinese as it is and in which no cell is ever run as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

__all__ = ["neutral", "plain", "written"]

_STARTS = ("=", "+", "-", "@", "\t", "\r")


def written(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return the table as text, with a byte order mark for spreadsheets; what could be a formula is neutralised.

    >>> written(("name", "cases"), [("=1+1", 3)])
    "\\ufeffname,cases\\r\\n'=1+1,3\\r\\n"
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([neutral(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return "\ufeff" + text.getvalue()


def neutral(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula.

    >>> neutral("@SUM(A1)"), neutral("条例"), neutral("'=1")
    ("'@SUM(A1)", '条例', "''=1")
    """
    return f"'{cell}" if cell.lstrip("'").startswith(_STARTS) else cell


def plain(cell: str) -> str:
    """Return what a cell was before `neutral`.

    >>> [plain(neutral(cell)) for cell in ("-5", "'=1", "条例", "'quoted")]
    ['-5', "'=1", '条例', "'quoted"]
    """
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_STARTS) else cell
