"""What becomes of a row that a city pack and people both write: one rule for all tables (ADR 21). Pure.

Three states of a row are compared field by field: as the last pack had it, as it is now, as the new pack has it. Who changed it
alone since then decides; where both did, it is a conflict, and what people wrote stays unless the pack is told to win.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

__all__ = ["UNKNOWN", "WHOLE", "End", "Merged", "Row", "keys_of", "merge", "take_out", "unknown"]

Row = Mapping[str, Any]
End = Callable[[Row], Row | None]  # the row when it has ended; None: it is taken out
WHOLE = "*"  # in place of a field: the row as a whole came or went
UNKNOWN: Mapping[str, Any] = {"unknown": True}  # what a pack said of a field that nobody has put down; equal to no cell


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a row: `after` is the row from now on, `last` what is put down as the pack's word for the next import (both
    None: nothing). `taken` are the fields that the pack changes, `kept` those that people alone have changed, `conflicts` those
    that both have changed otherwise and that stay as people have them."""

    after: Row | None
    last: Row | None
    taken: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


def take_out(row: Row) -> None:
    """The end of a row in a table whose rows have no end of their own."""


def unknown(names: Iterable[str]) -> Row:
    """Return the last row of a pack that was taken over before such rows were put down: whatever differs is a conflict."""
    return dict.fromkeys(names, UNKNOWN)


def merge(last: Row | None, present: Row | None, new: Row | None, *, end: End = take_out, take_pack: bool = False) -> Merged:
    """Return what becomes of a row. `end` says how one ends that the pack no longer has; with `take_pack` the pack wins a
    conflict.

    >>> merge({"name": "a", "phone": "1"}, {"name": "a", "phone": "2"}, {"name": "b", "phone": "1"}).after
    {'name': 'b', 'phone': '2'}
    >>> merge({"phone": "1"}, {"phone": "2"}, {"phone": "3"}).conflicts
    ('phone',)
    """
    if new is None:
        return _dropped(last, present, end, take_pack)
    if present is None:
        return _absent(last, new, take_pack)
    return _by_field(unknown(new) if last is None else last, present, new, take_pack)


def _dropped(last: Row | None, present: Row | None, end: End, take_pack: bool) -> Merged:
    """The pack does not have it, or no longer. What it never had is no matter of its own."""
    if present is None or last is None:
        return Merged(after=present, last=None)
    ended = end(present)
    if ended == present:
        return Merged(after=present, last=last)
    if present == last or take_pack:
        return Merged(after=ended, last=ended, taken=(WHOLE,))
    return Merged(after=present, last=last, conflicts=(WHOLE,))


def _absent(last: Row | None, new: Row, take_pack: bool) -> Merged:
    """The row is not there: it is new, or somebody has taken it out."""
    if last is None or (take_pack and last != new):
        return Merged(after=new, last=new, taken=(WHOLE,))
    if last == new:
        return Merged(after=None, last=last, kept=(WHOLE,))
    return Merged(after=None, last=last, conflicts=(WHOLE,))


def _by_field(last: Row, present: Row, new: Row, take_pack: bool) -> Merged:
    """What the pack says of a conflict is not put down, so that it is told again until somebody settles it."""
    after, word = dict(present), dict(new)
    taken, kept, conflicts = [], [], []
    for name, cell in new.items():
        here = present[name]
        before = last.get(name, here)  # a column that is new since then: nobody has changed it
        if here == cell:
            continue
        if before == cell:
            kept.append(name)
        elif before == here or take_pack:
            taken.append(name)
            after[name] = cell
        else:
            conflicts.append(name)
            word[name] = before
    return Merged(after=after, last=word, taken=tuple(taken), kept=tuple(kept), conflicts=tuple(conflicts))


def keys_of(rows: Sequence[Row], known: Mapping[str, Row], identity: Callable[[Row], str]) -> list[str]:
    """Return a key for each row of a table whose rows have none, so that a row that stands elsewhere, or says something else, is
    still the same: that of the row known with the same content, else the next one of the same identity, else a new one.

    >>> known = {"k1": {"who": "wang", "day": 1}, "k2": {"who": "wang", "day": 2}}
    >>> keys_of([{"who": "wang", "day": 2}, {"who": "wang", "day": 3}], known, lambda row: row["who"])
    ['k2', 'k1']
    """
    same: dict[bytes, list[str]] = {}
    for key in sorted(known, reverse=True):
        same.setdefault(msgspec.msgpack.encode(known[key]), []).append(key)
    found: list[str | None] = []
    for row in rows:
        equal = same.get(msgspec.msgpack.encode(row))
        found.append(equal.pop() if equal else None)
    return _others(rows, found, known, identity)


def _others(
    rows: Sequence[Row], found: Sequence[str | None], known: Mapping[str, Row], identity: Callable[[Row], str]
) -> list[str]:
    used = {key for key in found if key is not None}
    left: dict[str, list[str]] = {}
    for key in sorted(known.keys() - used, reverse=True):
        left.setdefault(identity(known[key]), []).append(key)
    taken, keys = used | known.keys(), []
    for row, equal in zip(rows, found, strict=True):
        who = identity(row)
        key = equal or (left[who].pop() if left.get(who) else _fresh(who, taken))
        taken.add(key)
        keys.append(key)
    return keys


def _fresh(identity: str, taken: set[str]) -> str:
    number = 0
    while (key := blake2b(f"{identity}\0{number}".encode(), digest_size=8).hexdigest()) in taken:
        number += 1
    return key
