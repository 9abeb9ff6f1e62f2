"""A day of the demo city as `./heyun demo` plays it: nobody is refused anything, nothing stays open."""

from __future__ import annotations

import pytest

from cities.day import play
from tests.service import Running


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_day_when_played_comes_to_its_end(guiyang_service: Running) -> None:
    running = guiyang_service
    result = await play(running.url, running.tokens, cases=80, seed=7, progress=lambda text: None)
    assert not result.refused and (result.taken_in, result.open) == (80, 0)
    assert result.closed + result.answered == 80
    assert result.steps["help: task_confirm"] and result.steps["decide return"] and result.steps["check_pass"]
