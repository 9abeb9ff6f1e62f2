"""The open cases in memory: what is kept is what was given, seen by whom the store lets see it, and small."""

from __future__ import annotations

import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dispatch.actors import Scope
from dispatch.board import Board
from dispatch.duplicates import RecentCases
from dispatch.keys import sees
from tests.dispatch.memory import live_part

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
CODES = st.lists(st.sampled_from(("a", "b", "c", "*")), max_size=3, unique=True)
TEXT = st.text(st.sampled_from("井盖 ·ab"), max_size=12)
LIVE = st.builds(
    live_part,
    category=st.none() | st.sampled_from(("0101", "0201")),
    lon=st.floats(106, 107),
    lat=st.floats(26, 27),
    at=st.just(NOW),
    line=TEXT,
    state=st.sampled_from(("reported", "filed", "dispatched")),
    light=st.sampled_from(("green", "red")),
    areas=CODES,
    units=CODES,
    orgs=CODES,
    reporter=st.none() | st.sampled_from(("li", "wang")),
    sensitive=st.booleans(),
    pending=st.lists(st.sampled_from(("return", "extend")), max_size=2),
)
SCOPES = st.builds(
    Scope,
    city=st.booleans(),
    areas=st.frozensets(st.sampled_from("abc")),
    units=st.frozensets(st.sampled_from("abc")),
    organizations=st.frozensets(st.sampled_from("ab*")),
    reporter=st.none() | st.sampled_from(("li", "wang")),
    sensitive=st.booleans(),
)


@given(st.lists(LIVE, max_size=8), SCOPES)
def test_board_when_cases_are_taken_in_then_nothing_of_them_is_lost(lives: list[dict[str, Any]], scope: Scope) -> None:
    board = Board()
    for number, live in enumerate(lives):
        board.apply(str(number), live, f"GY-{number}")
        kept = board.get(str(number))
        assert kept is not None and kept.case_no == f"GY-{number}"
        assert {name: _listed(kept[name]) for name in live if name not in ("open", "due_at")} == {
            name: value for name, value in live.items() if name not in ("open", "due_at")
        }
        assert sees(scope, kept) == sees(scope, live)
    seen = {case.id for case in board.visible(scope)}
    assert seen == {str(number) for number, live in enumerate(lives) if sees(scope, live)}
    assert sum(board.summary(scope)["states"].values()) == len(seen)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def test_apply_when_an_older_state_comes_late_then_the_newer_stays_and_a_closed_one_leaves() -> None:
    board = Board()
    for rev in (1, 3, 2):
        board.apply("a", live_part("0101", 106.0, 26.0, NOW, "x", rev=rev), "GY-1")
    found = board.get("a")
    assert found is not None and found.rev == 3
    assert board.apply("a", live_part("0101", 106.0, 26.0, NOW, "x", rev=4, open=False), "GY-1") is None and not len(board)


def test_keep_when_cases_were_not_read_then_the_old_ones_are_forgotten() -> None:
    board = Board()
    for name, at in (("old", NOW), ("read", NOW), ("young", NOW + timedelta(minutes=1))):
        board.apply(name, live_part("0101", 106.0, 26.0, at, "x"), name)
    assert [case.id for case in board.keep({"read"}, NOW + timedelta(seconds=1))] == ["old"] and len(board) == 2


def test_memory_when_many_cases_are_open_then_each_takes_well_below_a_kilobyte() -> None:
    board, recent, count = Board(), RecentCases(), 5_000
    tracemalloc.start()
    try:
        for number in range(count):
            grid = f"5201{number % 700:08d}"
            areas, line = ["520100", "520102", "520102001", grid[:10], grid], f"乱堆垃圾 · 示例社区第{number % 700}网格"
            given_part = live_part("0104", 106.6 + number / 1e5, 26.6, NOW, line, areas=areas, units=[f"520102-{number % 40}"])
            live = json.loads(json.dumps({**given_part, "reported_at": None}))  # every string anew, as from the database
            live["reported_at"] = NOW + timedelta(milliseconds=number)
            found = board.apply(f"{number:032x}", live, f"GY20261121-{number:06d}")
            assert found is not None
            recent.add(found)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / count < 900, f"{used / count:.0f} bytes a case"
