"""The hash chain of a timeline: nobody can change, drop or insert an entry afterwards without it being seen.

An entry is a dict of plain values. Its hash is SHA-256 over the canonical form (sorted JSON, times as whole milliseconds,
without `hash` itself) that includes the previous entry's hash. Free text stands under `texts` as `{value, salt, digest}` and
enters the hash only by its salted digest: after `erase_text` the value and the salt are gone and the chain still holds.

    entry = link({"id": "…", "action": "contact", "texts": {"note": sealed_text("已联系")}}, previous)
    problems = verify(timeline, case_id)
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from storage.shared import Shared

__all__ = [
    "Anchor", "ChainProblem", "anchor", "anchor_is_authentic", "canonical", "entry_hash", "erase_text", "genesis", "link",
    "merkle_root", "sealed_text", "verify",
]  # fmt: skip

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ENCODER = msgspec.json.Encoder(order="sorted")
_PLAIN = frozenset({str, int, bool, float, type(None)})


class ChainProblem(msgspec.Struct, frozen=True):
    """One thing wrong with a timeline: at which entry (its place, from 0), a stable code and what was found.

    Codes: `changed` (the entry is not what was hashed), `broken` (it does not follow the one before), `text_changed`,
    `sequence` (numbers with a gap or a repeat), `truncated` (the last entry is not the head that is known), `malformed`.
    """

    position: int
    code: str
    detail: str = ""


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """The daily anchor: the Merkle root over the heads that changed that day, bound to the day before and authenticated."""

    day: str
    root: str
    count: int
    previous: str
    mac: str


def genesis(subject: str) -> str:
    """Return the hash before the first entry: it is the subject's own, so that a chain cannot be moved to another case."""
    return hashlib.sha256(b"heyun:" + subject.encode()).hexdigest()


def canonical(entry: Mapping[str, Any]) -> bytes:
    """Return the bytes that are hashed. The same before writing and after reading back from the database.

    >>> canonical({"b": datetime(2026, 11, 21, 8, 30, tzinfo=UTC), "a": (1, None), "hash": "…"})
    b'{"a":[1,null],"b":1795249800000}'
    """
    plain = dict(entry)
    plain.pop("hash", None)
    if texts := plain.pop("texts", None):
        plain["texts"] = {name: text["digest"] for name, text in texts.items()}
    for key, value in entry.items():
        if type(value) not in _PLAIN and key != "texts":
            plain[key] = _plain(value)
    return _ENCODER.encode(plain)


def entry_hash(entry: Mapping[str, Any]) -> str:
    """Return the hash (64 hexadecimal digits) of an entry that already carries its `prev_hash`."""
    return hashlib.sha256(canonical(entry)).hexdigest()


def link(entry: Mapping[str, Any], prev_hash: str) -> dict[str, Any]:
    """Return the entry with `prev_hash` and `hash`, ready to be appended."""
    linked = {**entry, "prev_hash": prev_hash}
    linked["hash"] = entry_hash(linked)
    return linked


def sealed_text(text: str, salt: str | None = None) -> dict[str, str]:
    """Return a free text as it stands in an entry: value, salt (random unless given) and digest."""
    salt = secrets.token_hex(16) if salt is None else salt
    return {"value": text, "salt": salt, "digest": _digest(text, salt)}


def erase_text(sealed: Mapping[str, str]) -> dict[str, str]:
    """Return the text erased: the digest alone, from which without the salt nothing can be guessed."""
    return {"digest": sealed["digest"]}


def verify(timeline: Sequence[Mapping[str, Any]], subject: str, *, head: str | None = None) -> list[ChainProblem]:
    """Return what is wrong with the whole timeline of `subject` (a case id), nothing when it is whole.

    `head` is the last hash where it is known from elsewhere (an anchor): only so is a cut-off end seen.
    """
    problems: list[ChainProblem] = []
    previous = genesis(subject)
    for position, entry in enumerate(timeline):
        stored = entry.get("hash")
        if not isinstance(stored, str):
            problems.append(ChainProblem(position, "malformed", "no hash"))
            continue
        problems.extend(ChainProblem(position, code, detail) for code, detail in _entry_problems(entry, previous))
        if "seq" in entry and position and entry["seq"] != timeline[position - 1].get("seq", -1) + 1:
            problems.append(ChainProblem(position, "sequence", f"number {entry['seq']}"))
        previous = stored
    if head is not None and previous != head:
        problems.append(ChainProblem(len(timeline), "truncated", f"ends in {previous}, not {head}"))
    return problems


def _entry_problems(entry: Mapping[str, Any], previous: str) -> Iterable[tuple[str, str]]:
    if entry.get("prev_hash") != previous:
        yield "broken", f"follows {entry.get('prev_hash')}, not {previous}"
    try:
        found = entry_hash(entry)
    except (KeyError, TypeError, AttributeError) as error:
        yield "malformed", type(error).__name__
        return
    if found != entry["hash"]:
        yield "changed", f"hashes to {found}"
    for name, text in (entry.get("texts") or {}).items():
        if "value" in text and _digest(text["value"], text.get("salt", "")) != text["digest"]:
            yield "text_changed", str(name)


def merkle_root(heads: Mapping[str, str]) -> str:
    """Return the Merkle root over case ids and their last hashes, in the order of the ids; leaf and node hashes differ.

    >>> merkle_root({"a": "1", "b": "2"}) == merkle_root({"b": "2", "a": "1"}) != merkle_root({"a": "1"})
    True
    """
    level = [hashlib.sha256(b"\x00" + f"{key}:{heads[key]}".encode()).digest() for key in sorted(heads)]
    if not level:
        return hashlib.sha256(b"\x00").hexdigest()
    while len(level) > 1:
        paired = [hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
    return level[0].hex()


def anchor(day: date, heads: Mapping[str, str], previous: str, key: bytes) -> Anchor:
    """Return the anchor of a day: `heads` are the cases changed that day, `previous` the `mac` of the anchor before.

    `key` comes from outside the database.
    """
    root, count = merkle_root(heads), len(heads)
    return Anchor(
        day=day.isoformat(), root=root, count=count, previous=previous, mac=_mac(day.isoformat(), root, count, previous, key)
    )


def anchor_is_authentic(found: Anchor, key: bytes) -> bool:
    """Tell whether an anchor was made with `key` and not changed since."""
    return hmac.compare_digest(found.mac, _mac(found.day, found.root, found.count, found.previous, key))


def _mac(day: str, root: str, count: int, previous: str, key: bytes) -> str:
    return hmac.new(key, f"{day}\n{root}\n{count}\n{previous}".encode(), hashlib.sha256).hexdigest()


def _digest(text: str, salt: str) -> str:
    return hashlib.sha256(f"{salt}\0{text}".encode()).hexdigest()


@lru_cache(maxsize=256)
def _milliseconds(at: datetime) -> int:
    """The entries of one write share their time."""
    return (at - _EPOCH) // _MILLISECOND


def _plain(value: Any) -> Any:
    """Times become whole milliseconds, as the database keeps them; tuples and lists are one."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is datetime:
        return _milliseconds(value)
    if kind is dict or kind is Shared:
        if not value or _PLAIN.issuperset(map(type, value.values())):
            return value
        return {key: _plain(part) for key, part in value.items()}
    if kind is list or kind is tuple:
        return [_plain(part) for part in value]
    return _plain(msgspec.to_builtins(value, builtin_types=(datetime,)))
