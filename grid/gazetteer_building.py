"""Builds the tables of the gazetteer: half a million names as flat arrays instead of as many objects.

Texts (names and aliases) are kept once, sorted, as characters and as sounds side by side. Each way of asking has its own sorted
keys: 64-bit hashes of characters and of sounds (a span of a question is hashed in one go with all others), first letters, the
whole spelling, and pairs of sounds for what is only similar. House numbers are no texts: they stand by road and number.
Built by a process of its own (`grid.build_process`) or at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from grid import sounds
from grid.address import BUILDING, door_of, ends_as_road, is_whole_door, normalise
from grid.areas import AREA_LEVELS, KINDS, Area, Entry

__all__ = [
    "INITIALS_MOST", "NO_PLACE", "PINYIN_MOST", "GazetteerTables", "Spans", "build_tables", "door_keys", "entries_of_areas",
    "id_keys", "kind_of",
]  # fmt: skip

NO_PLACE = np.iinfo(np.int32).max
INITIALS_MOST, PINYIN_MOST = 12, 24  # characters that the sorted spellings keep
_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64
_INVERSE = pow(_BASE, -1, 2**64)
_ESTATE_ENDS = ("小区", "花园", "家园", "苑", "公寓", "新村", "新城", "里", "坊", "庭", "嘉园", "名都", "华府", "公馆")
_SUFFIXES = {
    "district": ("自治县", "区", "县", "市"),
    "township": ("街道办事处", "社区服务中心", "街道", "镇", "乡"),
    "community": ("社区居委会", "社区居民委员会", "居委会", "村民委员会", "村委会", "社区", "村"),
}
_LEAST_SHORT = {"district": 2, "township": 3, "community": 3}  # characters that a name without its suffix must keep

UInt64s = NDArray[np.uint64]
UInt32s = NDArray[np.uint32]


class GazetteerTables(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The gazetteer as flat little-endian tables, ready to travel between processes.

    Text i has the characters `letters[starts[i]:starts[i + 1]]` (uint16), the texts sorted by them, and belongs to the entries
    `owners[owner_starts[i]:…]`. `keys`, `heard_keys` (uint64, sorted) and `key_texts`, `heard_texts` are for looking up whole
    texts by characters and by sound; `initials` and `pinyin` (fixed bytes, sorted) for typing; `grams` (two sounds, uint32,
    sorted) with `gram_starts`, `gram_texts` for what is similar. Entry e is called `names[name_starts[e]:…]` (UTF-8) and lies at
    `lon[e]`, `lat[e]` (int32, 1e-7 degrees, `NO_PLACE`: nowhere) in the area `area_codes[area[e]]` (-1: not said); its line is
    `line[line_starts[e]:…]` (lon, lat). `doors` (uint64: text, what, number, sorted) belong to `door_entries`. `id_keys` (uint64,
    sorted, see `id_keys`) with `id_entries` say which entry has an id.
    """

    sounds: sounds.Sounds
    letters: bytes
    starts: bytes
    owner_starts: bytes
    owners: bytes
    keys: bytes
    key_texts: bytes
    heard_keys: bytes
    heard_texts: bytes
    initials: bytes
    initial_texts: bytes
    pinyin: bytes
    pinyin_texts: bytes
    grams: bytes
    gram_starts: bytes
    gram_texts: bytes
    names: bytes
    name_starts: bytes
    kinds: bytes
    lon: bytes
    lat: bytes
    area: bytes
    area_codes: tuple[str, ...]
    line: bytes
    line_starts: bytes
    doors: bytes
    door_subs: bytes
    door_entries: bytes
    id_keys: bytes
    id_entries: bytes


class Spans:
    """Hashes of any spans of a row of codes, by running sums: each costs a subtraction and a multiplication.

    >>> row = Spans(np.array([5, 6, 7, 5, 6], dtype=np.uint16))
    >>> first, second = row.keys(np.array([0, 3]), np.array([2, 5])).tolist()
    >>> first == second
    True
    """

    def __init__(self, codes: NDArray[np.uint16]) -> None:
        count = len(codes)
        self._undo = _powers(_INVERSE, count)
        self._sums = np.zeros(count + 1, dtype=np.uint64)
        np.cumsum((codes.astype(np.uint64) + np.uint64(1)) * _powers(_BASE, count), out=self._sums[1:])

    def keys(self, starts: NDArray[Any], ends: NDArray[Any]) -> UInt64s:
        """Return the hash of each span (not empty); equal spans have equal hashes wherever they stand."""
        return np.asarray((self._sums[ends] - self._sums[starts]) * self._undo[starts])


def _powers(base: int, count: int) -> UInt64s:
    powers = np.full(count, base, dtype=np.uint64)
    powers[:1] = 1
    return np.cumprod(powers, dtype=np.uint64)


def kind_of(kind: str, name: str) -> str:
    """Return the kind that an entry counts as; other words than `KINDS` are taken from how the name ends.

    >>> [kind_of("", name) for name in ("金阳南路", "龙福苑小区", "金阳南路8号", "喷水池")], kind_of("road", "一号")
    (['road', 'estate', 'door', 'landmark'], 'road')
    """
    if kind in KINDS:
        return kind
    plain = normalise(name)
    if is_whole_door(plain):
        return "door"
    if ends_as_road(plain):
        return "road"
    return "estate" if plain.endswith(_ESTATE_ENDS) else "landmark"


def entries_of_areas(areas: Iterable[Area]) -> list[Entry]:
    """Return districts, townships and communities as entries without a place, called by name and by name without its suffix."""
    return [
        Entry(name=area.name, aliases=_stem(area), kind=area.level, area_code=area.code)
        for area in areas
        if area.level in AREA_LEVELS
    ]


def _stem(area: Area) -> tuple[str, ...]:
    for suffix in _SUFFIXES.get(area.level, ()):
        if area.name.endswith(suffix):
            stem = area.name[: -len(suffix)]
            return (stem,) if len(stem) >= _LEAST_SHORT[area.level] else ()
    return ()


class _Door(NamedTuple):
    base: str
    what: str
    number: int
    sub: int
    entry: int


class _Collected(NamedTuple):
    """The texts with the entries that they name, the doors, and the kind of each entry."""

    texts: dict[str, list[int]]
    doors: list[_Door]
    kinds: list[int]


def build_tables(entries: Sequence[Entry], ids: Sequence[str] = (), spoken: sounds.Sounds | None = None) -> GazetteerTables:
    """Return the tables of these entries. Pure; 500,000 entries take some seconds. The last of them have the ids; `spoken` are
    the sounds of another gazetteer (none: pypinyin is asked)."""
    collected = _collect(entries)
    texts = sorted(collected.texts)
    letters = sounds.codes_of("".join(texts))
    starts = _starts(map(len, texts))
    spoken = spoken or sounds.build()
    exact, heard = (np.frombuffer(table, dtype=np.uint16)[letters] for table in (spoken.exact, spoken.heard))
    begins, ends = starts[:-1].astype(np.int64), starts[1:].astype(np.int64)
    keys, key_texts = _sorted_keys(Spans(letters).keys(begins, ends) if texts else np.zeros(0, dtype=np.uint64))
    heard_keys, heard_texts = _sorted_keys(Spans(heard).keys(begins, ends) if texts else np.zeros(0, dtype=np.uint64))
    initials, initial_texts, pinyin, pinyin_texts = _spellings(texts, exact, letters, starts, spoken)
    grams, gram_starts, gram_texts = _grams(heard, starts)
    return GazetteerTables(
        sounds=spoken, letters=letters.tobytes(), starts=starts.tobytes(),
        owner_starts=_starts(len(collected.texts[text]) for text in texts).tobytes(),
        owners=np.array([owner for text in texts for owner in collected.texts[text]], dtype=np.uint32).tobytes(),
        keys=keys.tobytes(), key_texts=key_texts.tobytes(), heard_keys=heard_keys.tobytes(), heard_texts=heard_texts.tobytes(),
        initials=initials, initial_texts=initial_texts, pinyin=pinyin, pinyin_texts=pinyin_texts,
        grams=grams.tobytes(), gram_starts=gram_starts.tobytes(), gram_texts=gram_texts.tobytes(),
        **_entry_tables(entries, collected.kinds), **_door_tables(collected.doors, {text: at for at, text in enumerate(texts)}),
        **_id_tables(ids, len(entries) - len(ids)),
    )  # fmt: skip


def _collect(entries: Sequence[Entry]) -> _Collected:
    texts: dict[str, list[int]] = {}
    doors: list[_Door] = []
    kinds = []
    for number, entry in enumerate(entries):
        kind = kind_of(entry.kind, entry.name)
        kinds.append(KINDS.index(kind))
        for text in {normalise(name): None for name in (entry.name, *entry.aliases)}:
            found = door_of(text) if kind in ("door", "building") else None
            if found is not None:
                base, house = found
                texts.setdefault(base, [])
                doors.append(_Door(base, house.what, house.number, house.sub, number))
            elif len(text) > 1:
                texts.setdefault(text, []).append(number)
    return _Collected(texts, doors, kinds)


def _starts(lengths: Iterable[int]) -> UInt32s:
    counts = np.fromiter(lengths, dtype=np.int64)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)


def _sorted_keys(keys: UInt64s) -> tuple[UInt64s, UInt32s]:
    order = np.argsort(keys, kind="stable")
    return keys[order], order.astype(np.uint32)


def _spellings(
    texts: Sequence[str], exact: NDArray[np.uint16], letters: NDArray[np.uint16], starts: UInt32s, spoken: sounds.Sounds
) -> tuple[bytes, bytes, bytes, bytes]:
    """First letters and whole spellings, each sorted, with the texts that they belong to. A text with a phrase that is read
    otherwise than its characters (重庆路) stands there in both ways."""
    said = np.array(["", *spoken.syllables], dtype=object)
    known = exact <= len(spoken.syllables)
    plain = [chr(code) if code < 128 else "" for code in letters.tolist()]
    words = np.where(known, said[np.where(known, exact, 0)], plain).tolist()
    phrases, bounds = spoken.phrases(), starts.tolist()
    read = [(words[bounds[at] : bounds[at + 1]], at) for at in range(len(texts))]
    read += [(otherwise, at) for syllables, at in read if (otherwise := sounds.read_aloud(texts[at], syllables, phrases))]
    owners = np.array([at for _, at in read], dtype=np.uint32)
    tables: list[bytes] = []
    for size, most in ((1, INITIALS_MOST), (None, PINYIN_MOST)):
        column = np.array(["".join([one[:size] for one in syllables])[:most] for syllables, _ in read], dtype=f"S{most}")
        order = np.argsort(column, kind="stable")
        tables += [column[order].tobytes(), owners[order].tobytes()]
    return tables[0], tables[1], tables[2], tables[3]


def _grams(heard: NDArray[np.uint16], starts: UInt32s) -> tuple[UInt32s, UInt32s, UInt32s]:
    """Pairs of neighbouring sounds inside a text, and for each pair the texts that hold it."""
    texts = np.repeat(np.arange(len(starts) - 1, dtype=np.uint32), np.diff(starts).astype(np.int64))
    inside = np.flatnonzero(texts[:-1] == texts[1:])
    pairs = heard[inside].astype(np.uint32) << np.uint32(16) | heard[inside + 1].astype(np.uint32)
    both = np.unique(pairs.astype(np.uint64) << np.uint64(32) | texts[inside].astype(np.uint64))
    found, begins = np.unique((both >> np.uint64(32)).astype(np.uint32), return_index=True)
    return found, np.append(begins, len(both)).astype(np.uint32), (both & np.uint64(0xFFFFFFFF)).astype(np.uint32)


def _entry_tables(entries: Sequence[Entry], kinds: Sequence[int]) -> dict[str, Any]:
    codes: dict[str | None, int] = {None: -1}
    area = [codes.setdefault(entry.area_code or None, len(codes) - 1) for entry in entries]
    names = [entry.name.encode() for entry in entries]
    lines = [entry.line for entry in entries]
    return {
        "names": b"".join(names), "name_starts": _starts(map(len, names)).tobytes(),
        "kinds": np.array(kinds, dtype=np.uint8).tobytes(),
        "lon": _fixed([entry.lon for entry in entries]), "lat": _fixed([entry.lat for entry in entries]),
        "area": np.array(area, dtype=np.int32).tobytes(), "area_codes": tuple(code for code in codes if code is not None),
        "line": _fixed([part for line in lines for point in line for part in point]),
        "line_starts": _starts(map(len, lines)).tobytes(),
    }  # fmt: skip


def _fixed(degrees: Sequence[float | None]) -> bytes:
    return np.array([NO_PLACE if value is None else round(value * 1e7) for value in degrees], dtype=np.int32).tobytes()


def _door_tables(doors: Sequence[_Door], text_of: dict[str, int]) -> dict[str, Any]:
    keys = np.fromiter((door_keys(text_of[door.base], door.what, door.number) for door in doors), dtype=np.uint64)
    subs = np.array([door.sub for door in doors], dtype=np.uint16)
    order = np.lexsort((subs, keys))
    entries = np.array([door.entry for door in doors], dtype=np.uint32)
    return {"doors": keys[order].tobytes(), "door_subs": subs[order].tobytes(), "door_entries": entries[order].tobytes()}


def _id_tables(ids: Sequence[str], first: int) -> dict[str, Any]:
    keys, order = _sorted_keys(id_keys(ids))
    return {"id_keys": keys.tobytes(), "id_entries": (order + np.uint32(first)).tobytes()}


def id_keys(ids: Iterable[str]) -> UInt64s:
    """Return a number for each id: eight bytes of its hash, so that among half a million two are the same with a chance of one in
    a hundred million."""
    return np.frombuffer(b"".join(blake2b(id.encode(), digest_size=8).digest() for id in ids), dtype=np.uint64)


def door_keys(text: int, what: str, number: int) -> int:
    """Return the key under which a number of a road or an estate stands: all of one text and one sort are neighbours."""
    return text << 32 | (what == BUILDING) << 31 | number
