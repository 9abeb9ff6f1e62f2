"""The queue of rules that returns propose: what holds beside what is proposed, taken with an opinion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import City
from tests.browser.test_admin import NO_SCROLL
from tests.browser.test_desk import in_language

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def returned(city: City, photo: Path) -> tuple[Any, str]:
    """Return a case that its unit gave back, naming another one, and the code of that unit."""
    case = city.case(city.report(photo)["id"], "unit_clerk")
    asked = next(action for action in case["actions"] if action["name"] == "request_return")
    other = next(field for field in asked["fields"] if field["name"] == "unit")["options"][0]
    case = city.act(case, "request_return", "unit_clerk", reason="not_duty", basis="三定方案明确由对方负责", unit=other)
    return city.decide(city.case(case["id"]), "return", "dispatcher", approve=True), other


def becomes_a_rule(city: City, page: Any, unit: str, rule: str) -> bool:
    """Wait until the snapshot by which cases are matched holds the rule."""
    for _ in range(60):
        if rule in {one["id"] for one in city.call("GET", f"/rules?unit={unit}&limit=500", "dispatcher")["items"]}:
            return True
        page.wait_for_timeout(500)
    return False


def test_supervisor_takes_one_proposal_and_leaves_another(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    (taken, unit), (left, _) = returned(city, photo), returned(city, photo)
    page = open_page("supervisor", "/desk#/proposals", language="zh-CN")
    card = f".proposal:has-text('{taken['case_no']}')"
    page.wait_for_selector(card)
    page.click(f"{card} .pri")
    page.wait_for_selector(f"{card} >> text=请写两个字以上的意见")
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    in_language(page, check_access)
    page.set_viewport_size({"width": 1280, "height": 800})
    assert page.evaluate(NO_SCROLL)
    page.keyboard.type("分工已明确")
    page.click(f"{card} .pri")
    page.wait_for_selector("text=之后的案件按新规则派")
    page.wait_for_selector(card, state="detached")
    assert becomes_a_rule(city, page, unit, f"L-{taken['case_no']}-q1")
    card = f".proposal:has-text('{left['case_no']}')"
    page.fill(f"{card} textarea", "先按现行分工")
    page.click(f"{card} >> text=不采纳")
    page.wait_for_selector(card, state="detached")
    waiting = {one["case_no"] for one in city.call("GET", "/rule-proposals", "dispatcher")["items"]}
    assert not waiting & {taken["case_no"], left["case_no"]}
