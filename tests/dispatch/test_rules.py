"""What the rules remember for a second must never be seen in a due time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dispatch.clocks import Limit, due_at
from tests.dispatch.town import rules

EDGES = ("01:00", "04:00", "06:00", "09:00", "15:59", "16:00")  # UTC; eight hours more on the town's clock


@pytest.mark.parametrize("cell", ["2wh", "7wh", "1wd", "30m", "2h"])
@pytest.mark.parametrize("edge", EDGES)
def test_clock_begun_anywhere_within_a_second_is_due_as_counted_by_itself(cell: str, edge: str) -> None:
    """Around the edges of working time, and whichever clock of the second came first."""
    given, limit = rules(), Limit.parse(cell)
    begin = datetime.fromisoformat(f"2026-11-20T{edge}").replace(tzinfo=UTC)
    for second in range(-1, 2):
        for milliseconds in (500, 0, 1, 999):
            start = begin + timedelta(seconds=second, milliseconds=milliseconds)
            assert given.clock("sign_in", limit, start)["due_at"] == due_at(start, limit, given.calendar)
