"""Names of Pingshan's units: the record writes one unit with and without its street in brackets. Fixed by `unit_aliases.csv`.

The table was made before anything was measured with it (README.md says how) and is no result of learning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import msgspec

from cities.data import read_rows

__all__ = ["Aliases", "load_aliases"]

TABLE = Path(__file__).parent / "unit_aliases.csv"
MISSING = ("", "-")


class Aliases(msgspec.Struct, frozen=True):
    """The canonical name by recorded name and id, and what each unit does: one role for the same office in all streets."""

    names: Mapping[tuple[str, str], str]
    roles: Mapping[str, str]

    def canonical(self, recorded: str, unit_id: str) -> str | None:
        """Return the one name of a unit; None where the record names none, the name itself where the table does not know it.

        >>> load_aliases().canonical("六联社区（坪山街道办事处）", "1755"), load_aliases().canonical("-", "-")
        ('六联社区', None)
        """
        if recorded in MISSING:
            return None
        return self.names.get((recorded, unit_id), recorded)

    def role(self, canonical: str) -> str:
        """Return what a unit does; a unit that nobody has a role for is its own.

        >>> load_aliases().role("六联社区")
        '社区'
        """
        return self.roles.get(canonical, canonical)


@cache
def load_aliases() -> Aliases:
    """Return the table."""
    return _table(read_rows(TABLE))


def _table(rows: Iterable[Mapping[str, str]]) -> Aliases:
    names: dict[tuple[str, str], str] = {}
    roles: dict[str, str] = {}
    for row in rows:
        names[row["recorded"], row["unit_id"]] = row["canonical"]
        roles[row["canonical"]] = row["role"]
    return Aliases(names, roles)
