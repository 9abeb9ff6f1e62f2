"""The names of Pingshan's units: one canonical name for each, before anything is measured with them."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import cities.pingshan.aliases as module
from cities.data import read_rows
from cities.pingshan.aliases import TABLE, load_aliases
from cities.pingshan.convert import EVENTS


def test_table_when_read_then_one_canonical_name_and_role_for_each_id() -> None:
    rows = list(read_rows(TABLE))
    by_id = {row["unit_id"]: {other["canonical"] for other in rows if other["unit_id"] == row["unit_id"]} for row in rows}
    assert len(by_id) == 120
    assert all(len(names) == 1 for names in by_id.values())
    assert len({row["canonical"] for row in rows}) == 120, "no two ids are one unit"
    assert len({(row["recorded"], row["unit_id"]) for row in rows}) == len(rows)
    for row in rows:
        assert len({other["role"] for other in rows if other["canonical"] == row["canonical"]}) == 1


def test_name_of_two_units_when_resolved_then_the_id_decides() -> None:
    aliases = load_aliases()
    assert aliases.canonical("城建办", "9444") == "城建办（坑梓街道办事处）"
    assert aliases.canonical("城建办", "9466") == "城建办（龙田街道办事处）"
    assert aliases.role("城建办（坑梓街道办事处）") == aliases.role("城建办（龙田街道办事处）")
    assert aliases.canonical("一个没有记录过的单位", "1") == "一个没有记录过的单位"


@pytest.mark.shared_data
def test_record_when_resolved_then_every_name_is_in_the_table(shared_data: Path) -> None:
    known = load_aliases().names
    pairs = {(row["DISPOSE_UNIT_NAME"], row["DISPOSE_UNIT_ID"]) for row in read_rows(shared_data / EVENTS)}
    assert pairs - set(known) == {("-", "-")}


def test_doctests_when_run_then_hold() -> None:
    assert doctest.testmod(module).failed == 0
