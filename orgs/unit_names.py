"""Finding a unit by any of the names that real records call it: code, name, short name, alias, with or without its street in
brackets, in full-width or half-width forms. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from orgs.units import Unit

__all__ = ["UnitNames", "folded", "unbracketed"]

_SPACES = re.compile(r"\s+")
_BRACKETS = re.compile(r"[(\[【〔]([^)\]】〕]*)[)\]】〕]")


class UnitNames:
    """All names of the units; immutable once built."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self._whole: dict[str, dict[str, Unit]] = {}
        self._bare: dict[str, dict[str, Unit]] = {}
        for unit in units:
            for name in names_of(unit):
                self._whole.setdefault(folded(name), {})[unit.code] = unit
                self._bare.setdefault(unbracketed(folded(name)), {})[unit.code] = unit

    def find(self, name: str) -> tuple[Unit, ...]:
        """Return the units that a name may mean, by code: one where it is clear, all where it is not, none where nobody has it.

        The name as it is goes first. Then brackets are left out on both sides; what stands in those of the question chooses among
        several units, where it says anything about one of them.
        """
        wanted = folded(name)
        found = self._whole.get(wanted) or self._bare.get(unbracketed(wanted), {})
        hints = _BRACKETS.findall(wanted)
        hinted = {code: unit for code, unit in found.items() if any(hint and _speaks_of(unit, hint) for hint in hints)}
        chosen = hinted if len(found) > 1 and hinted else found
        return tuple(chosen[code] for code in sorted(chosen))


def names_of(unit: Unit) -> Iterator[str]:
    """Give every name of a unit, its code among them."""
    yield from (name for name in (unit.code, unit.name, unit.short_name, *unit.aliases) if name)


def folded(name: str) -> str:
    """Return a name without what writers differ in: width of characters, case, spaces.

    >>> folded(" 综合执法局（新华 街道） ")
    '综合执法局(新华街道)'
    """
    return _SPACES.sub("", unicodedata.normalize("NFKC", name)).casefold()


def unbracketed(name: str) -> str:
    """Return a folded name without what stands in brackets; all of it where nothing else would be left.

    >>> unbracketed("综合执法局(新华街道)"), unbracketed("(空)")
    ('综合执法局', '(空)')
    """
    return _BRACKETS.sub("", name) or name


def _speaks_of(unit: Unit, hint: str) -> bool:
    return any(hint in folded(name) for name in names_of(unit))
