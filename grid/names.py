"""Finding areas by name: in an address that somebody wrote or said, and as one types.

Names repeat (a city of 1,600 communities has about a hundred repeated ones), so a name counts only together with the district
or township that the text also names, or when it is the only one of its kind. What stays open is no result, never a guess.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from dispatch.model import LEVELS
from grid.areas import Area, Entry
from grid.hierarchy import AreaTree

__all__ = ["Found", "NameIndex"]

_RANK = {"city": 0, "district": 1, "township": 2, "community": 3}
_SUFFIXES = {
    "district": ("自治县", "区", "县", "市"),
    "township": ("街道办事处", "社区服务中心", "街道", "镇", "乡"),
    "community": ("社区居委会", "社区居民委员会", "居委会", "村民委员会", "村委会", "社区", "村"),
}
_LEAST_SHORT = {"district": 2, "township": 3, "community": 3}  # characters that a name without its suffix must keep


class Found(NamedTuple):
    """What an address names: an area and, when the gazetteer knows the place, its entry."""

    area: str | None
    entry: Entry | None = None


class _Mention(NamedTuple):
    codes: tuple[str, ...]
    level: str
    is_full: bool


class NameIndex:
    """Names of districts, townships and communities and the entries of the gazetteer. Immutable."""

    __slots__ = ("_entries", "_longest", "_names", "_searchable", "_short", "_tree")

    def __init__(self, areas: Iterable[Area], tree: AreaTree, gazetteer: Sequence[Entry] = ()) -> None:
        names: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        short: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._searchable: list[tuple[str, Found]] = []
        for area in sorted(areas, key=lambda area: LEVELS.index(area.level)):
            self._searchable.append((f"{area.name} {area.name_en}".casefold(), Found(area.code)))
            if area.level in _RANK:
                names[area.name, area.level].append(area.code)
                if stem := _stem(area):
                    short[stem, area.level].append(area.code)
        self._searchable.extend((" ".join((e.name, *e.aliases)).casefold(), Found(e.area_code, e)) for e in gazetteer)
        self._names = _by_text(names)
        self._short = _by_text(short)
        self._entries = {text: entry for entry in gazetteer for text in (entry.name, *entry.aliases) if len(text) > 1}
        self._longest = max(map(len, (*self._names, *self._short, *self._entries)), default=0)
        self._tree = tree

    def find(self, text: str) -> Found | None:
        """Return what the address names most narrowly and without contradiction, or None."""
        mentions, entries = self._scan(text)
        area = self._narrow(mentions)
        if entries:
            entry = max(entries, key=lambda item: len(item.name))
            return Found(entry.area_code or area, entry)
        return Found(area) if area else None

    def search(self, text: str, limit: int = 20) -> list[Found]:
        """Return what the text may mean: what it names as an address, then the areas and entries whose name holds it."""
        wanted = text.strip().casefold()
        if not wanted:
            return []
        named = self.find(text)
        found = [named] if named else []
        found.extend(islice((item for name, item in self._searchable if wanted in name and item != named), limit))
        return found[:limit]

    def _scan(self, text: str) -> tuple[list[_Mention], list[Entry]]:
        """Go through the text once; at each position the longest name counts and is then skipped."""
        mentions: list[_Mention] = []
        entries: list[Entry] = []
        position = 0
        while position < len(text):
            for length in range(min(self._longest, len(text) - position), 1, -1):
                piece = text[position : position + length]
                hits = self._names.get(piece) or self._short.get(piece, ())
                entry = self._entries.get(piece)
                if hits or entry:
                    is_full = piece in self._names
                    mentions.extend(_Mention(codes, level, is_full) for level, codes in hits)
                    entries.extend([entry] if entry else [])
                    position += length - 1
                    break
            position += 1
        return mentions, entries

    def _narrow(self, mentions: list[_Mention]) -> str | None:
        """Go down the levels; a level that contradicts the one above, or stays open, is left out."""
        within: str | None = None
        for level in ("district", "township", "community"):
            of_level = [mention for mention in mentions if mention.level == level]
            full = [mention for mention in of_level if mention.is_full]
            codes = {code for mention in full or of_level for code in mention.codes}
            fitting = {code for code in codes if within is None or self._tree.is_within(code, within)}
            if len(fitting) == 1:
                within = fitting.pop()
        return within


def _stem(area: Area) -> str | None:
    for suffix in _SUFFIXES.get(area.level, ()):
        if area.name.endswith(suffix):
            stem = area.name[: -len(suffix)]
            return stem if len(stem) >= _LEAST_SHORT[area.level] else None
    return None


def _by_text(names: dict[tuple[str, str], list[str]]) -> dict[str, tuple[tuple[str, tuple[str, ...]], ...]]:
    found: defaultdict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    for (text, level), codes in _sorted(names):
        found[text].append((level, tuple(codes)))
    return {text: tuple(hits) for text, hits in found.items()}


def _sorted(names: dict[tuple[str, str], list[str]]) -> Iterator[tuple[tuple[str, str], list[str]]]:
    return iter(sorted(names.items()))
