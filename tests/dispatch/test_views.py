"""What is shown of a case: the parts that come later are left out of the work for a case that has none of them."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch import views
from dispatch.situation import Situation
from storage.client import Database
from tests.dispatch.town import (
    CLERK,
    DISPATCHER,
    OPERATOR,
    START,
    SUPERVISOR,
    WALKER,
    event,
    new_key,
    open_service,
    ticket,
    whole,
)


class Reads(dict[str, Any]):
    """A case that remembers which of its parts were asked for."""

    def __init__(self, case: dict[str, Any]) -> None:
        super().__init__(case)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


@pytest.mark.parametrize(("who", "report"), [(WALKER, event()), (OPERATOR, ticket())])
async def test_later_parts_of_a_new_case_are_nothing_whoever_looks(database: Database, who: Any, report: Any) -> None:
    service = await open_service(database)
    filed = await service.report(actor=who, report=report, present=whole, key=new_key())
    case = await service.store.find(filed.id)
    assert case is not None and views._LATER.isdisjoint(case)
    for actor in (who, DISPATCHER, CLERK, SUPERVISOR):
        assert views._later(case, Situation(case, actor, START, service.rules)) == views._NOTHING_LATER


async def test_later_parts_when_they_are_made_come_from_the_parts_that_are_looked_for(database: Database) -> None:
    service = await open_service(database)
    filed = await service.report(actor=OPERATOR, report=ticket(), present=whole, key=new_key())
    case = await service.store.find(filed.id)
    assert case is not None
    seen = Reads(case)
    assert set(views._later(seen, Situation(seen, DISPATCHER, START, service.rules))) == set(views._NOTHING_LATER)
    assert seen.asked - set(case) <= views._LATER
