"""Looks names up in the tables of the gazetteer: whole, by sound, by beginning, by first letters, by likeness. Immutable.

Nothing here knows what an address is; `grid.gazetteer` puts the answers together.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grid.areas import KINDS
from grid.gazetteer_building import INITIALS_MOST, NO_PLACE, PINYIN_MOST, GazetteerTables, Spans, door_keys, id_keys
from grid.likeness import Likeness, liken
from grid.sounds import codes_of

__all__ = ["Door", "Found", "GazetteerIndex", "Like"]

LONGEST = 24  # characters of a name that is looked for inside a text
_POSTINGS = 40_000  # of pairs of sounds that one question may touch
_LIKELY = 10  # texts that are compared character by character
_DOORS = 12  # known numbers on each side that are looked at


class Found(NamedTuple):
    """A text of the gazetteer inside a question: from `start` to `end` stands what is, or sounds like, text number `text`."""

    start: int
    end: int
    text: int


class Like(NamedTuple):
    """A text that is similar to a stretch of the question; `score` 1 is the same."""

    start: int
    end: int
    text: int
    score: float


class Door(NamedTuple):
    """A known house number: the number, what tells it from others of that number, and its entry."""

    number: int
    sub: int
    entry: int


class GazetteerIndex:
    """The tables, ready to be asked. Any number of callers may share it."""

    def __init__(self, tables: GazetteerTables) -> None:
        self._letters = np.frombuffer(tables.letters, dtype=np.uint16)
        self._starts = np.frombuffer(tables.starts, dtype=np.uint32)
        self._owner_starts = np.frombuffer(tables.owner_starts, dtype=np.uint32)
        self._owners = np.frombuffer(tables.owners, dtype=np.uint32)
        self._exact_sound = np.frombuffer(tables.sounds.exact, dtype=np.uint16)
        self._heard_sound = np.frombuffer(tables.sounds.heard, dtype=np.uint16)
        self._keys = np.frombuffer(tables.keys, dtype=np.uint64)
        self._key_texts = np.frombuffer(tables.key_texts, dtype=np.uint32)
        self._heard_keys = np.frombuffer(tables.heard_keys, dtype=np.uint64)
        self._heard_texts = np.frombuffer(tables.heard_texts, dtype=np.uint32)
        self._initials = np.frombuffer(tables.initials, dtype=f"S{INITIALS_MOST}")
        self._initial_texts = np.frombuffer(tables.initial_texts, dtype=np.uint32)
        self._pinyin = np.frombuffer(tables.pinyin, dtype=f"S{PINYIN_MOST}")
        self._pinyin_texts = np.frombuffer(tables.pinyin_texts, dtype=np.uint32)
        self._grams = np.frombuffer(tables.grams, dtype=np.uint32)
        self._gram_starts = np.frombuffer(tables.gram_starts, dtype=np.uint32)
        self._gram_texts = np.frombuffer(tables.gram_texts, dtype=np.uint32)
        self._names, self._name_starts = tables.names, np.frombuffer(tables.name_starts, dtype=np.uint32)
        self._kinds = np.frombuffer(tables.kinds, dtype=np.uint8)
        self._lon = np.frombuffer(tables.lon, dtype=np.int32)
        self._lat = np.frombuffer(tables.lat, dtype=np.int32)
        self._area = np.frombuffer(tables.area, dtype=np.int32)
        self._area_codes = tables.area_codes
        self._line = np.frombuffer(tables.line, dtype=np.int32).reshape(-1, 2)
        self._line_starts = np.frombuffer(tables.line_starts, dtype=np.uint32)
        self._doors = np.frombuffer(tables.doors, dtype=np.uint64)
        self._door_subs = np.frombuffer(tables.door_subs, dtype=np.uint16)
        self._door_entries = np.frombuffer(tables.door_entries, dtype=np.uint32)
        self._id_keys = np.frombuffer(tables.id_keys, dtype=np.uint64)
        self._id_entries = np.frombuffer(tables.id_entries, dtype=np.uint32)
        self.sounds = tables.sounds

    def __len__(self) -> int:
        return len(self._kinds)

    @property
    def texts(self) -> int:
        """How many texts there are: they have the numbers below."""
        return len(self._starts) - 1

    # entries

    def name(self, entry: int) -> str:
        """Return what the entry is called."""
        return self._names[self._name_starts[entry] : self._name_starts[entry + 1]].decode()

    def kind(self, entry: int) -> str:
        """Return the kind of the entry (one of `KINDS`)."""
        return KINDS[self._kinds[entry]]

    def point(self, entry: int) -> tuple[float, float] | None:
        """Return lon, lat of the entry, or None when only its area is known."""
        lon, lat = int(self._lon[entry]), int(self._lat[entry])
        return None if NO_PLACE in (lon, lat) else (lon / 1e7, lat / 1e7)

    def area(self, entry: int) -> str | None:
        """Return the code of the area that the entry was given, or None."""
        number = int(self._area[entry])
        return self._area_codes[number] if number >= 0 else None

    def line(self, entry: int) -> NDArray[np.float64]:
        """Return the course of the entry (rows of lon, lat), or its point alone; no rows when it lies nowhere."""
        course = self._line[self._line_starts[entry] : self._line_starts[entry + 1]]
        if not len(course) and self._lon[entry] != NO_PLACE:
            course = np.array([[self._lon[entry], self._lat[entry]]])
        return course / 1e7

    def entries_of(self, ids: Iterable[str]) -> list[int]:
        """Return the entries that have these ids; an id that nobody has is left out."""
        at, _ = _look_up(self._id_keys, id_keys(ids))
        found: list[int] = self._id_entries[at].tolist()
        return found

    # texts

    def text(self, number: int) -> str:
        """Return the text with this number."""
        return self._letters[self._starts[number] : self._starts[number + 1]].tobytes().decode("utf-16-le", errors="replace")

    def owners(self, text: int) -> list[int]:
        """Return the entries that are called by the text."""
        owners: list[int] = self._owners[self._owner_starts[text] : self._owner_starts[text + 1]].tolist()
        return owners

    def same_texts(self, other: GazetteerIndex) -> dict[int, int]:
        """Return of the texts of another index those that stand here too: their number there → that which they have here."""
        at, hits = _look_up(self._keys, other._keys)
        pairs = zip(other._key_texts[hits].tolist(), self._key_texts[at].tolist(), strict=True)
        return {there: here for there, here in pairs if np.array_equal(self._codes(here), other._codes(there))}

    def whole(self, text: str) -> list[Found]:
        """Return every text that stands in `text`, at least two characters long."""
        codes = codes_of(text)
        starts, ends, wanted = self._spans(codes, 2)
        at, hits = _look_up(self._keys, wanted)
        found = [
            Found(start, end, number)
            for start, end, number in zip(starts[hits].tolist(), ends[hits].tolist(), self._key_texts[at].tolist(), strict=True)
        ]
        return [one for one in found if np.array_equal(self._codes(one.text), codes[one.start : one.end])]

    def heard(self, text: str, least: int = 3) -> list[Found]:
        """Return every text that sounds like a stretch of `text` of at least `least` characters."""
        codes = self._heard_sound[codes_of(text)]
        starts, ends, wanted = self._spans(codes, least)
        at, hits = _look_up(self._heard_keys, wanted)
        found: list[Found] = []
        for first, hit in zip(at.tolist(), hits.tolist(), strict=True):
            last = bisect_right(self._heard_keys, wanted[hit], lo=first)
            spans = (Found(int(starts[hit]), int(ends[hit]), int(number)) for number in self._heard_texts[first:last])
            found += [
                one for one in spans if np.array_equal(self._heard_sound[self._codes(one.text)], codes[one.start : one.end])
            ]
        return found

    def alike(self, text: str, least: float = 0.6) -> list[Like]:
        """Return the texts that are most similar to a stretch of `text` by characters and sounds, best first."""
        likely = self._likely(self._heard_sound[codes_of(text)])
        asked = self._told(codes_of(text))
        found = (liken(asked, self._told(self._codes(number)), number) for number in likely)
        return sorted(
            (Like(one.start, one.end, one.key, one.score) for one in found if one.score >= least), key=lambda one: -one.score
        )

    def beginning(self, prefix: str, limit: int) -> list[int]:
        """Return texts that begin with `prefix`, in the order of characters."""
        first = bisect_left(range(len(self._starts) - 1), prefix, key=self.text)
        found = []
        for number in range(first, min(first + limit, len(self._starts) - 1)):
            if not self.text(number).startswith(prefix):
                break
            found.append(number)
        return found

    def holding(self, piece: str, limit: int) -> list[int]:
        """Return texts that hold `piece` (two characters or more), the shortest first."""
        posted = self._postings(self._heard_sound[codes_of(piece)])
        if not posted:
            return []
        common = posted[0]
        for one in posted[1:4]:
            common = common[np.isin(common, one, assume_unique=True)]
        lengths = (self._starts[common + 1] - self._starts[common]).astype(np.int64)
        nearest = common[np.argsort(lengths, kind="stable")][:2000]
        found: list[int] = []
        for number in nearest.tolist():
            if len(found) == limit:
                break
            if piece in self.text(number):
                found.append(number)
        return found

    def spelled(self, letters: str, limit: int) -> list[int]:
        """Return texts whose first letters (jynl) or whole spelling (jinyangnan) begin with `letters`, whole ones first."""
        typed = letters.encode("ascii", errors="ignore")
        found: dict[int, None] = {}
        for column, texts, most in (
            (self._initials, self._initial_texts, INITIALS_MOST),
            (self._pinyin, self._pinyin_texts, PINYIN_MOST),
        ):
            first, last = np.searchsorted(column, [typed[:most], typed[:most] + b"\xff"])
            found.update(dict.fromkeys(texts[first : min(last, first + limit)].tolist()))
        return list(found)[:limit]

    # doors

    def doors_near(self, text: int, what: str, number: int) -> list[Door]:
        """Return the known numbers of a road or an estate around `number`: all that are it, up to a dozen below and above."""
        low, high = door_keys(text, what, 0), door_keys(text, what, (1 << 31) - 1)
        wanted = door_keys(text, what, number)
        first, begin, end, last = np.searchsorted(
            self._doors, np.array([low, wanted, wanted + 1, high], dtype=np.uint64), side="left"
        ).tolist()
        around = slice(max(first, begin - 2 * _DOORS), min(last, end + 2 * _DOORS))
        numbers = (self._doors[around] & np.uint64((1 << 31) - 1)).tolist()
        subs, entries = self._door_subs[around].tolist(), self._door_entries[around].tolist()
        return [Door(*one) for one in zip(numbers, subs, entries, strict=True)]

    def has_doors(self, text: int) -> bool:
        """Tell whether any house number is known of the text."""
        return any(True for _ in self.door_entries(text))

    def door_entries(self, text: int) -> Iterator[int]:
        """Give the entries of all known numbers of the text."""
        at = int(np.searchsorted(self._doors, np.uint64(text << 32)))
        while at < len(self._doors) and int(self._doors[at]) >> 32 == text:
            yield int(self._door_entries[at])
            at += 1

    def _codes(self, text: int) -> NDArray[np.uint16]:
        return self._letters[self._starts[text] : self._starts[text + 1]]

    def _told(self, codes: NDArray[np.uint16]) -> Likeness:
        return Likeness(codes.tolist(), self._heard_sound[codes].tolist())

    @staticmethod
    def _spans(codes: NDArray[np.uint16], least: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]:
        """All stretches of `least` to `LONGEST` codes: begins, ends, keys."""
        count = len(codes)
        begins = np.repeat(np.arange(count), LONGEST - least + 1)
        ends = begins + np.tile(np.arange(least, LONGEST + 1), count)
        inside = ends <= count
        begins, ends = begins[inside], ends[inside]
        return begins, ends, Spans(codes).keys(begins, ends) if len(begins) else np.zeros(0, dtype=np.uint64)

    def _postings(self, heard: NDArray[np.uint16]) -> list[NDArray[np.uint32]]:
        """The texts of each pair of sounds that is known, rarest pair first."""
        pairs = np.unique(heard[:-1].astype(np.uint32) << np.uint32(16) | heard[1:].astype(np.uint32))
        at, _ = _look_up(self._grams, pairs)
        posted = [self._gram_texts[self._gram_starts[one] : self._gram_starts[one + 1]] for one in at.tolist()]
        return sorted(posted, key=len)

    def _likely(self, heard: NDArray[np.uint16]) -> list[int]:
        """The texts that share most pairs of sounds, rare ones counting more, for their length."""
        weights: list[NDArray[np.float64]] = []
        touched: list[NDArray[np.uint32]] = []
        total = 0
        for posted in self._postings(heard):
            total += len(posted)
            if total > _POSTINGS and touched:
                break
            touched.append(posted)
            weights.append(np.full(len(posted), 1.0 / np.log2(2.0 + len(posted))))
        if not touched:
            return []
        texts, where = np.unique(np.concatenate(touched), return_inverse=True)
        shared = np.bincount(where, weights=np.concatenate(weights))
        lengths = (self._starts[texts + 1] - self._starts[texts]).astype(np.float64)
        score = shared / np.sqrt(lengths)
        best = np.argpartition(-score, min(_LIKELY, len(score) - 1))[:_LIKELY]
        likely: list[int] = texts[best].tolist()
        return likely


def _look_up(
    table: NDArray[np.uint64] | NDArray[np.uint32], wanted: NDArray[np.uint64] | NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where in the sorted table what is wanted stands first, and which of the wanted those are."""
    if not len(table):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    at = np.searchsorted(table, wanted)
    hits = np.flatnonzero(table[np.minimum(at, len(table) - 1)] == wanted)
    return at[hits], hits
