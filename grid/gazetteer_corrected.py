"""A gazetteer with corrections beside it: what was put or removed since its tables were built is seen at once.

The big tables stay as they are. The entries that were put are small tables of their own, and what they replace of the big ones is
no more named. Numbers of entries and of texts go on where those of the big tables end; a text that both have bears the number
that it has in the big ones. Both sorts of index answer the same questions (`NameIndex`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from grid.areas import Entry
from grid.gazetteer_building import build_tables
from grid.gazetteer_index import Door, Found, GazetteerIndex, Like
from grid.sounds import Sounds

__all__ = ["CorrectedIndex", "Correction", "Corrections", "NameIndex"]


class NameIndex(Protocol):
    """What names can be asked for; `grid.gazetteer_index.GazetteerIndex` says what each means."""

    def __len__(self) -> int: ...
    def name(self, entry: int) -> str: ...
    def kind(self, entry: int) -> str: ...
    def point(self, entry: int) -> tuple[float, float] | None: ...
    def area(self, entry: int) -> str | None: ...
    def line(self, entry: int) -> NDArray[np.float64]: ...
    def text(self, number: int) -> str: ...
    def owners(self, text: int) -> list[int]: ...
    def whole(self, text: str) -> list[Found]: ...
    def heard(self, text: str, least: int = 3) -> list[Found]: ...
    def alike(self, text: str, least: float = 0.6) -> list[Like]: ...
    def beginning(self, prefix: str, limit: int) -> list[int]: ...
    def holding(self, piece: str, limit: int) -> list[int]: ...
    def spelled(self, letters: str, limit: int) -> list[int]: ...
    def doors_near(self, text: int, what: str, number: int) -> list[Door]: ...
    def has_doors(self, text: int) -> bool: ...


class Correction(NamedTuple):
    """What became of an entry by the correction of this number: what it holds now, or None when it was taken out."""

    id: str
    version: int
    entry: Entry | None


class Corrections:
    """The last correction of each entry, and those that were put as an index. Immutable."""

    def __init__(self, known: dict[str, Correction], spoken: Sounds) -> None:
        """Takes a tenth of a second for two thousand; `spoken` are the sounds of the big tables."""
        put = [(one.id, one.entry) for one in known.values() if one.entry is not None]
        self._known = known
        self._spoken = spoken
        self.index = GazetteerIndex(build_tables([entry for _, entry in put], [id for id, _ in put], spoken))

    def __len__(self) -> int:
        return len(self._known)

    @property
    def ids(self) -> Iterable[str]:
        """The entries that are corrected."""
        return self._known.keys()

    def then(self, newer: Sequence[Correction], after: int) -> Corrections:
        """Return these with newer ones, without those up to the number `after`: the big tables hold them."""
        known = self._known | {one.id: one for one in newer}
        return Corrections({id: one for id, one in known.items() if one.version > after}, self._spoken)


class CorrectedIndex:
    """The big tables with corrections beside them. Made in a few milliseconds, however many they are."""

    def __init__(self, base: GazetteerIndex, corrections: Corrections) -> None:
        self._base, self._beside = base, corrections.index
        self._entries, self._texts = len(base), base.texts
        self._gone = frozenset(base.entries_of(corrections.ids))
        self._in_base = base.same_texts(self._beside)
        self._in_beside = {there: number for number, there in self._in_base.items()}

    def __len__(self) -> int:
        return self._entries - len(self._gone) + len(self._beside)

    def name(self, entry: int) -> str:
        """Return what the entry is called."""
        index, number = self._holder(entry)
        return index.name(number)

    def kind(self, entry: int) -> str:
        """Return the kind of the entry."""
        index, number = self._holder(entry)
        return index.kind(number)

    def point(self, entry: int) -> tuple[float, float] | None:
        """Return lon, lat of the entry, or None when only its area is known."""
        index, number = self._holder(entry)
        return index.point(number)

    def area(self, entry: int) -> str | None:
        """Return the code of the area that the entry was given, or None."""
        index, number = self._holder(entry)
        return index.area(number)

    def line(self, entry: int) -> NDArray[np.float64]:
        """Return the course of the entry, or its point alone."""
        index, number = self._holder(entry)
        return index.line(number)

    def _holder(self, entry: int) -> tuple[GazetteerIndex, int]:
        return (self._base, entry) if entry < self._entries else (self._beside, entry - self._entries)

    def text(self, number: int) -> str:
        """Return the text with this number."""
        return self._base.text(number) if number < self._texts else self._beside.text(number - self._texts)

    def owners(self, text: int) -> list[int]:
        """Return the entries that are called by the text, those that were put last at the end."""
        there, here = self._numbers(text)
        found = [] if there is None else [entry for entry in self._base.owners(there) if entry not in self._gone]
        return found if here is None else found + [self._entries + entry for entry in self._beside.owners(here)]

    def whole(self, text: str) -> list[Found]:
        """Return every text that stands in `text`, at least two characters long."""
        return self._both(self._base.whole(text), self._beside.whole(text))

    def heard(self, text: str, least: int = 3) -> list[Found]:
        """Return every text that sounds like a stretch of `text` of at least `least` characters."""
        return self._both(self._base.heard(text, least), self._beside.heard(text, least))

    def alike(self, text: str, least: float = 0.6) -> list[Like]:
        """Return the texts that are most similar to a stretch of `text` by characters and sounds, best first."""
        beside = (one._replace(text=self._public(one.text)) for one in self._beside.alike(text, least))
        found = {one.text: one for one in (*self._base.alike(text, least), *beside)}
        return sorted((one for one in found.values() if self._is_named(one.text)), key=lambda one: -one.score)

    def beginning(self, prefix: str, limit: int) -> list[int]:
        """Return texts that begin with `prefix`: what was put last, then in the order of characters."""
        return self._first(self._base.beginning(prefix, limit), self._beside.beginning(prefix, limit), limit)

    def holding(self, piece: str, limit: int) -> list[int]:
        """Return texts that hold `piece` (two characters or more): what was put last, then the shortest first."""
        return self._first(self._base.holding(piece, limit), self._beside.holding(piece, limit), limit)

    def spelled(self, letters: str, limit: int) -> list[int]:
        """Return texts whose first letters or whole spelling begin with `letters`: what was put last, then as they come."""
        return self._first(self._base.spelled(letters, limit), self._beside.spelled(letters, limit), limit)

    def doors_near(self, text: int, what: str, number: int) -> list[Door]:
        """Return the known numbers of a road or an estate around `number`."""
        there, here = self._numbers(text)
        found = [] if there is None else self._base.doors_near(there, what, number)
        found = [one for one in found if one.entry not in self._gone]
        if here is not None:
            found += [one._replace(entry=self._entries + one.entry) for one in self._beside.doors_near(here, what, number)]
        return sorted(found)

    def has_doors(self, text: int) -> bool:
        """Tell whether any house number is known of the text."""
        there, here = self._numbers(text)
        if here is not None and self._beside.has_doors(here):
            return True
        return there is not None and any(entry not in self._gone for entry in self._base.door_entries(there))

    def _numbers(self, text: int) -> tuple[int | None, int | None]:
        """The number of a text in the big tables and in those beside."""
        return (text, self._in_beside.get(text)) if text < self._texts else (None, text - self._texts)

    def _public(self, beside: int) -> int:
        return self._in_base.get(beside, self._texts + beside)

    def _is_named(self, text: int) -> bool:
        """Tell whether a text still names anything."""
        return bool(self.owners(text)) or self.has_doors(text)

    def _both(self, base: Iterable[Found], beside: Iterable[Found]) -> list[Found]:
        found = dict.fromkeys((*base, *(one._replace(text=self._public(one.text)) for one in beside)))
        return [one for one in found if self._is_named(one.text)]

    def _first(self, base: Sequence[int], beside: Sequence[int], limit: int) -> list[int]:
        found = dict.fromkeys((*map(self._public, beside), *base))
        return [text for text in found if self._is_named(text)][:limit]
