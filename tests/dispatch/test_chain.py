"""The hash chain: whole as written and as read back, broken by every change, whole again after erasing text."""

from __future__ import annotations

import copy
import time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dispatch.chain import anchor, anchor_is_authentic, canonical, erase_text, genesis, link, merkle_root, sealed_text, verify

CASE = "c" * 32
AT = datetime(2026, 11, 21, 8, 30, 0, 123000, tzinfo=UTC)


def timeline(length: int = 4) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    previous = genesis(CASE)
    for seq in range(length):
        entry = {
            "id": f"e{seq}",
            "seq": seq,
            "at": AT + timedelta(minutes=seq),
            "actor": {"id": "u1", "role": "unit_clerk"},
            "action": "contact",
            "fields": {"way": "phone", "tries": [1, 2.5, None]},
            "texts": {"note": sealed_text(f"已联系 {seq}")},
        }
        entries.append(link(entry, previous))
        previous = entries[-1]["hash"]
    return entries


def test_verify_when_untouched_then_nothing_is_wrong() -> None:
    entries = timeline()
    assert verify(entries, CASE) == [] and verify(entries, CASE, head=entries[-1]["hash"]) == [] and verify([], CASE) == []


def test_verify_when_anything_is_changed_then_seen() -> None:
    for change in (
        {"action": "close"},
        {"at": AT},
        {"actor": {"id": "u2", "role": "unit_clerk"}},
        {"extra": 1},
        {"prev_hash": "0" * 64},
        {"fields": {"way": "phone", "tries": [1, 2.5, 0]}},
        {"texts": {"note": sealed_text("别的")}},
        {"texts": {}},
        {"hash": None},
    ):
        entries = timeline()
        entries[2].update(change)
        assert verify(entries, CASE), change


def test_verify_when_entry_is_dropped_moved_or_cut_off_then_seen() -> None:
    entries = timeline()
    assert {problem.code for problem in verify(entries[:1] + entries[2:], CASE)} == {"broken", "sequence"}
    assert verify([entries[1], entries[0], *entries[2:]], CASE)
    assert verify(entries, "d" * 32)[0].code == "broken"
    assert [problem.code for problem in verify(entries[:-1], CASE, head=entries[-1]["hash"])] == ["truncated"]


def test_verify_when_text_is_rewritten_beside_its_digest_then_seen() -> None:
    entries = timeline()
    entries[1]["texts"]["note"]["value"] = "没有联系"
    assert [(problem.position, problem.code) for problem in verify(entries, CASE)] == [(1, "text_changed")]


def test_verify_when_text_and_salt_are_erased_then_chain_holds() -> None:
    entries = timeline()
    before = entries[1]["hash"]
    entries[1]["texts"]["note"] = erase_text(entries[1]["texts"]["note"])
    assert verify(entries, CASE) == [] and entries[1]["hash"] == before and "已联系" not in str(entries[1])


def test_sealed_text_when_same_text_twice_then_digests_differ() -> None:
    assert sealed_text("张三")["digest"] != sealed_text("张三")["digest"]


def test_canonical_when_zone_or_order_or_sequence_kind_differs_then_same_bytes() -> None:
    beijing = AT.astimezone(timezone(timedelta(hours=8)))
    assert canonical({"a": AT, "b": (1, {"y": 1, "x": 2})}) == canonical({"b": [1, {"x": 2, "y": 1}], "a": beijing})


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(min_size=1, max_size=6).filter(lambda key: key not in ("hash", "texts", "seq")), values, max_size=5)
)
def test_link_when_any_plain_values_then_verifies_after_a_copy(entry: dict[str, Any]) -> None:
    linked = link(entry, genesis(CASE))
    assert verify([copy.deepcopy(linked)], CASE) == []


def test_link_when_called_often_then_fast() -> None:
    entry = timeline(1)[0]
    best = min(_timed(entry) for _ in range(5))
    assert best < 30e-6, f"{best * 1e6:.1f} µs"  # 7 µs measured; room for a busy machine


def _timed(entry: dict[str, Any]) -> float:
    began = time.perf_counter()
    for _ in range(1000):
        link(entry, "0" * 64)
    return (time.perf_counter() - began) / 1000


@given(st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=9))
def test_merkle_root_when_a_head_changes_then_root_changes(heads: dict[str, str]) -> None:
    root = merkle_root(heads)
    assert merkle_root(dict(reversed(list(heads.items())))) == root
    assert merkle_root({**heads, "added": "1"}) != root
    assert all(merkle_root({**heads, key: heads[key] + "x"}) != root for key in heads)


def test_anchor_when_changed_or_other_key_then_not_authentic() -> None:
    found = anchor(date(2026, 11, 21), {CASE: "1"}, "", b"key")
    assert anchor_is_authentic(found, b"key") and not anchor_is_authentic(found, b"other")
    other = anchor(date(2026, 11, 22), {CASE: "1"}, found.mac, b"key")
    assert other.previous == found.mac and other.mac != found.mac
