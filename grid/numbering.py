"""How areas are numbered in China (domain §5.1): 6 digits a district, 9 a township, 12 a community, 15 a grid.

Each code begins with that of the area above; of a city (4 digits and 00) only the first four count. The last three digits of a
grid run from 001 to 999 inside its community. A territory whose city has another kind of code (a city abroad) is numbered as it
likes: `is_national` tells.

>>> flaw("520102001001017", "grid", "520102001001"), flaw("520102001001000", "grid", "520102001001")
(None, 'sequence')
>>> flaw("52010200100101", "grid", "520102001001"), flaw("520103001001017", "grid", "520102001001")
('digits', 'parent')
"""

from __future__ import annotations

import re

from grid.areas import is_below_grid

__all__ = ["DIGITS", "TOWNSHIPS", "flaw", "is_national", "level_of", "parent_of"]

DIGITS = {"city": 6, "district": 6, "township": 9, "community": 12, "grid": 15}
TOWNSHIPS = range(1, 600)  # 001–099 street offices, 100–199 towns, 200–399 townships, 400–599 joined with an enterprise
_PLAIN = re.compile(r"[0-9]+\Z")  # not str.isdigit, which takes full-width digits too


def is_national(city: str) -> bool:
    """Tell whether the code of the widest area is one of six digits, so that all below it follow the national numbering."""
    return len(city) == DIGITS["city"] and _PLAIN.match(city) is not None


def level_of(code: str) -> str | None:
    """Return the level that a code of the national numbering stands for, or None.

    >>> level_of("520100"), level_of("520102"), level_of("520102001"), level_of("5201")
    ('city', 'district', 'township', None)
    """
    if not _PLAIN.match(code):
        return None
    if len(code) == DIGITS["city"]:
        return "city" if code.endswith("00") else "district"
    return next((level for level in ("township", "community", "grid") if DIGITS[level] == len(code)), None)


def parent_of(code: str) -> str | None:
    """Return the code of the area above by the digits alone, or None for a city or another kind of code.

    >>> parent_of("520102001001017"), parent_of("520102001"), parent_of("520102"), parent_of("520100")
    ('520102001001', '520102', '520100', None)
    """
    level = level_of(code)
    if level is None or level == "city":
        return None
    return code[:4] + "00" if level == "district" else code[:-3]


def flaw(code: str, level: str, parent: str | None) -> str | None:
    """Return what is wrong with the code of an area of `level` below `parent`, or None.

    `digits`: not as many digits as the level has; `parent`: does not begin as the code of its parent; `sequence`: its last three
    digits are not in use (000 of a grid or community, above 599 of a township). A micro-grid is its grid's code, `-`, two digits.
    """
    if level == "grid" and parent is not None and is_below_grid(code, "", parent):
        return flaw(parent, level, None)
    if not _PLAIN.match(code) or len(code) != DIGITS.get(level):
        return "digits"
    if parent is not None and not code.startswith(parent[:4] if parent.endswith("00") and len(parent) == 6 else parent):
        return "parent"
    last = int(code[-3:])
    if level in ("community", "grid") and last == 0:
        return "sequence"
    return "sequence" if level == "township" and last not in TOWNSHIPS else None
