"""Finds the names of the gazetteer in an address: what is written exactly, then what sounds so, then what is similar. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from grid.address import HouseNumber, Reading, runs
from grid.areas import AREA_LEVELS, Part
from grid.gazetteer_corrected import NameIndex
from grid.gazetteer_index import Found

__all__ = ["EXACT", "SIMILAR", "SOUND", "Mention", "parts_of", "recognise"]

EXACT, SOUND, SIMILAR = "exact", "sound", "similar"
_LEAST_HEARD = 3  # characters: two alone sound like too much
_LEAST_SIMILAR = 0.6
_MOST_RUNS = 3  # that are compared by likeness
_MOST_NAMES = 8  # of one address; whoever writes more says nothing more
_CONNECTING = ("和", "与", "跟", "至", "到", "从", "去", "是", "住", "及")
_BEFORE_NUMBER = ("", "的", "上", "街", "路")  # what may stand between a name and its house number
_LEAST_LONGER = 0.7  # likeness from which a longer name is believed in place of a piece of it that is exact


class Mention(NamedTuple):
    """A name in the address: text number `text` of the index, how it was recognised and how surely (0…1).

    `number` is the house number that follows it. `areas` and `places` are the entries that it may be. `is_piece`: what stands
    directly beside it was not understood, so it may be a piece of a longer name.
    """

    start: int
    end: int
    text: int
    how: str
    score: float
    areas: tuple[int, ...] = ()
    places: tuple[int, ...] = ()
    number: HouseNumber | None = None
    is_piece: bool = False


def recognise(index: NameIndex, reading: Reading) -> list[Mention]:
    """Return the names in the order in which they stand; none overlaps another."""
    exact = [Mention(*one, EXACT, 1.0) for one in islice(_longest_first(_named(index, reading)), _MOST_NAMES)]
    mentions = [_longer(index, reading, exact, one) if at < _MOST_RUNS else one for at, one in enumerate(exact)]
    mentions += list(_heard(index, reading, mentions))
    mentions += list(_similar(index, reading, mentions))
    left = runs(reading, [(one.start, one.end) for one in mentions])
    return [_completed(index, reading, one, left) for one in sorted(mentions)[:_MOST_NAMES]]


def _named(index: NameIndex, reading: Reading) -> Iterator[Found]:
    return (one for one in index.whole(reading.text) if index.owners(one.text) or index.has_doors(one.text))


def _longest_first(found: Iterable[Found]) -> Iterator[Found]:
    """Give what stands in the text from left to right, at each place the longest; what lies below it is skipped."""
    end = 0
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if one.start >= end:
            end = one.end
            yield one


def _longer(index: NameIndex, reading: Reading, mentions: Sequence[Mention], one: Mention) -> Mention:
    """Return the longer name that is meant when an exact one is only its beginning or its end, and the rest is misspelled:
    朝阳门内 in 朝阳门内大该, 三条 in 东司三条."""
    owners = index.owners(one.text)
    if owners and index.kind(owners[0]) in AREA_LEVELS:
        return one
    left = runs(reading, [(other.start, other.end) for other in mentions])
    after = next((end for start, end in left if start == one.end and end - start > 1), None)
    if after is not None:
        return _longer_in(index, reading, one, one.start, after)
    before = next((start for start, end in left if end == one.start and end - start > 1), None)
    return one if before is None else _longer_in(index, reading, one, before, one.end)


def _longer_in(index: NameIndex, reading: Reading, one: Mention, start: int, end: int) -> Mention:
    """The name most like the stretch that holds the whole of the exact one, at the same end."""
    length = one.end - one.start
    for other in index.alike(reading.text[start:end], _LEAST_LONGER):
        at, stop = start + other.start, start + other.end
        is_at_end = at == one.start if start == one.start else stop == one.end
        if is_at_end and stop - at > length and len(index.text(other.text)) > length:
            return Mention(at, stop, other.text, SIMILAR, other.score**2)
    return one


def _heard(index: NameIndex, reading: Reading, mentions: Sequence[Mention]) -> Iterator[Mention]:
    for start, end in runs(reading, [(one.start, one.end) for one in mentions]):
        if end - start < _LEAST_HEARD:
            continue
        run = reading.text[start:end]
        alike = sorted(index.heard(run, _LEAST_HEARD), key=lambda one: -_same(run[one.start : one.end], index.text(one.text)))
        for one in _longest_first(alike):
            same = _same(run[one.start : one.end], index.text(one.text)) / (one.end - one.start)
            yield Mention(start + one.start, start + one.end, one.text, SOUND, 0.8 + 0.15 * same)


def _same(one: str, other: str) -> int:
    return sum(left == right for left, right in zip(one, other, strict=True))


def _similar(index: NameIndex, reading: Reading, mentions: Sequence[Mention]) -> Iterator[Mention]:
    left = [run for run in runs(reading, [(one.start, one.end) for one in mentions]) if run[1] - run[0] >= _LEAST_HEARD]
    for start, end in left[:_MOST_RUNS]:
        for one in index.alike(reading.text[start:end], _LEAST_SIMILAR):
            if one.end - one.start >= min(_LEAST_HEARD, len(index.text(one.text))):
                yield Mention(start + one.start, start + one.end, one.text, SIMILAR, one.score**2)
                break


def _completed(index: NameIndex, reading: Reading, one: Mention, left: Sequence[tuple[int, int]]) -> Mention:
    owners = index.owners(one.text)
    following = (number for number in reading.numbers if number.start >= one.end)
    number = next((number for number in following if reading.text[one.end : number.start] in _BEFORE_NUMBER), None)
    is_area = [index.kind(owner) in AREA_LEVELS for owner in owners]
    return one._replace(
        areas=tuple(owner for owner, area in zip(owners, is_area, strict=True) if area),
        places=tuple(owner for owner, area in zip(owners, is_area, strict=True) if not area),
        number=number,
        is_piece=any(
            _belongs(reading.text[start:end], start == one.end) for start, end in left if one.end == start or one.start == end
        ),
    )


def _belongs(run: str, is_after: bool) -> bool:
    """Tell whether what stands beside a name may make it a piece of another: 西+花市大街, 朝阳门+内大街."""
    return len(run) > 1 if is_after else run not in _CONNECTING


def parts_of(index: NameIndex, reading: Reading, mentions: Sequence[Mention]) -> tuple[Part, ...]:
    """Return the address piece by piece: what each was taken for, and what was not understood."""
    text, found = reading.text, []
    for one in mentions:
        first = (one.places or one.areas or (None,))[0]
        kind, name = ("road", index.text(one.text)) if first is None else (index.kind(first), index.name(first))
        found.append((one.start, Part(text[one.start : one.end], kind, name, one.how)))
    taken = [(one.start, one.end) for one in mentions]
    found += [
        (start, Part(text[start:end], kind))
        for kind, start, end in (
            *(("number", number.start, number.end) for number in reading.numbers),
            *reading.words,
            *(("unknown", *run) for run in runs(reading, taken)),
        )
        if all(end <= begin or start >= stop for begin, stop in taken)
    ]
    return tuple(part for _, part in sorted(found, key=lambda one: one[0]))
