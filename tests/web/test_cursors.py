"""Cursors of lists by time: back comes what went in, and what is no cursor is refused by its name."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import Invalid
from web import cursors
from web.cursors import behind, cursor_of


def test_examples_when_run_then_true() -> None:
    assert doctest.testmod(cursors).failed == 0


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)), st.text("0123456789abcdef", min_size=1, max_size=64))
def test_cursor_when_read_back_then_the_millisecond_and_the_id(at: datetime, id: str) -> None:
    kept = at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=UTC)
    assert behind(cursor_of(kept, id)) == (kept, id)


@pytest.mark.parametrize("wrong", ["", "x", "2026-11-22T08:00:00Z", "1795320000007", "1795320000007-", "999999999999999-0c"])
def test_cursor_when_it_is_none_then_refused(wrong: str) -> None:
    with pytest.raises(Invalid) as caught:
        behind(wrong)
    assert [error.field for error in caught.value.errors] == ["cursor"]
