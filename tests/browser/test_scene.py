"""Danger on the screens: who is waited for on the scene, who came, when it was safe."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import City

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHOTS = os.environ.get("HEYUN_TEST_SHOTS")  # a folder for pictures of the screens, where somebody wants to look at them


def picture(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))


def test_danger_when_the_grid_worker_arrives_shows_what_is_still_waited_for(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    case = city.report(photo, description="人行道井盖缺失，有人险些掉进去", category="0201")
    assert case["urgency"] == "emergency", case
    page = open_page("grid_worker", "/field", phone=True)
    page.goto(f"{city.url}/field#/case/{case['id']}")
    page.wait_for_selector(".scene li >> text=到场")
    assert page.locator(".scene li").count() == 4  # signature, arrival, first report, safety
    check_access(page)
    picture(page, "phone-waits")
    page.tap("button.btn >> text=到场报到")
    page.wait_for_selector("form.arrival .far b >> text=米")
    check_access(page)
    picture(page, "phone-arrive")
    page.tap("form.arrival button.cta")
    page.wait_for_selector(".scene li:has-text('到场') >> text=完成")
    page.tap("button.btn >> text=报告现场情况")
    page.fill("form textarea >> nth=0", "井盖缺失，已拉警戒带，无人受伤")
    page.tap("form button.pri")
    page.wait_for_selector(".scene li:has-text('续报')")
    check_access(page)
    picture(page, "phone-reported")

    desk = open_page("dispatcher", "/desk")
    desk.goto(f"{city.url}/desk#/board/{case['id']}")
    desk.wait_for_selector(".dr .scene li >> text=续报")
    check_access(desk)
    picture(desk, "desk-drawer")
    clerk = open_page("unit_clerk", "/desk")
    clerk.goto(f"{city.url}/desk#/inbox/{case['id']}")
    clerk.wait_for_selector(".cs .scene li >> text=排除险情")
    row = clerk.locator(".it-row.on")  # the chosen one, marked as what it is
    assert row.locator(f"a[href*='{case['id']}']").count() == 1 and row.locator(".b.em").inner_text() == "特急"
    clerk.keyboard.press("q")
    clerk.wait_for_selector(".scene li:has-text('签收') >> text=完成")
    picture(clerk, "desk-inbox")
    clerk.click("footer >> text=险情已排除")
    clerk.fill("form textarea >> nth=0", "已设围挡和警示灯，封闭人行道")
    picture(clerk, "desk-safe-form")
    clerk.click("form.action-form button.pri")
    clerk.wait_for_selector(".scene li:has-text('排除险情') >> text=完成")
    check_access(clerk)
    picture(clerk, "desk-safe")
    after = city.case(case["id"])
    assert after["scene"]["reports"] == 1 and after["scene"]["safe_at"] and after["tasks"][0]["limit"] == "36h"
