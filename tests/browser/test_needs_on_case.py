"""Needs on their case: how many places are taken, until when others may, and what whoever asked may do about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import City
from tests.browser.test_desk import in_language
from tests.browser.test_needs import who_fits

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WHAT = "帮商户清理门前垃圾"


def test_dispatcher_sees_who_came_and_closes_the_need(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    case = city.case(city.report(photo)["id"])
    city.act(case, "open_need", "dispatcher", kind="VOL", help="cleaning", what=WHAT, places=2)
    helper = who_fits(city, case["id"])["code"]
    city.call("POST", f"/needs/{case['id']}.n1/claim", "org_coordinator", {"organization": helper})
    page = open_page("dispatcher", f"/desk#/board/{case['id']}", language="zh-CN")
    need = f".task:has-text('{WHAT}')"
    page.wait_for_selector(f"{need} >> text=已认领 1/2")
    in_language(page, check_access)
    page.click(f"{need} >> text=关闭需求")
    page.fill("[data-field=reason] textarea, [data-field=reason] input", "已清理完毕")
    page.click(".action-form button.pri")
    page.wait_for_selector(f"{need} >> text=已关闭")
    found = city.case(case["id"])
    assert (found["needs"][0]["state"], found["tasks"][-1]["state"]) == ("closed", "claimed"), "who came goes on"
