"""What waits after closing on desk and phone, and one inspection handed in for several units."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import City, ticket

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HANDLED = {
    "result": "resolved",
    "handling": "已派环卫工人两名到场清运，路面冲洗干净，通行恢复正常。",
    "public_reply": "您反映的垃圾已经清走，路面已经冲洗，感谢您的反映。",
}


def closed(city: City, photo: Path) -> Any:
    """Return a case of litter that was checked and closed."""
    case = city.act(city.report(photo), "sign_in", "unit_clerk")
    case = city.act(case, "submit_result", "unit_clerk", photos=[city.photo("unit_clerk", photo)], **HANDLED)
    case = city.act(case, "send_check", "dispatcher")
    place = {name: case["location"][name] for name in ("lon", "lat", "crs")}
    return city.act(case, "check_pass", "grid_worker", photos=[city.photo("grid_worker", photo)], position=place)


def test_check_that_was_drawn_waits_on_the_desk_and_is_made_on_the_phone(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    case = city.act(closed(city, photo), "draw_spot_check", "supervisor")
    desk = open_page("supervisor")
    desk.wait_for_selector(".q .tabs button:has-text('复查') .cnt:not(:text-is('0'))")
    desk.click(".q .tabs >> text=复查")
    desk.click(f"a[href^='#/board/{case['id']}']:has-text('待抽查')")
    desk.wait_for_selector(".dr .record >> text=结案抽查")
    check_access(desk)
    phone = open_page("grid_worker", "/field", phone=True)
    phone.tap(f"a[href='#/case/{case['id']}']:has-text('抽查')")
    phone.wait_for_selector(".far b >> text=0 米")
    phone.set_input_files("input.pick", str(photo))
    phone.wait_for_selector(".shot img")
    phone.tap(".chips >> text=/^合格$/")
    check_access(phone)
    phone.tap(".foot .cta")
    phone.wait_for_selector(".foot .cta", state="detached")
    assert city.case(case["id"])["spot_check"]["result"] == "pass"
    desk.wait_for_selector(f".lst a[href^='#/board/{case['id']}']", state="detached")


def test_clerk_hands_in_one_inspection_for_another_unit_with_what_is_there(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    body = ticket(photos=[city.photo("operator", photo)])
    case = city.act(city.call("POST", "/tickets", "operator", body), "sign_in", "unit_clerk")
    units = []
    for kind in ("joint", "assist"):
        case = city.case(case["id"])
        fields = next(one for one in case["actions"] if one["name"] == "add_unit")["fields"]
        units.append(next(one for one in fields if one["name"] == "unit")["options"][0])
        case = city.act(case, "add_unit", "dispatcher", unit=units[-1], kind=kind)
    page = open_page("unit_clerk", language="zh-CN")
    page.wait_for_selector(".inbox")
    page.goto(f"{city.url}/desk#/inbox/{case['id']}?tab=handling")
    page.click(".w1 .task >> nth=0 >> text=签收任务")
    page.click(".w1 .task >> nth=0 >> text=提交任务结果")
    page.fill(".action-form [data-field=note] input, .action-form [data-field=note] textarea", "联合检查：设施完好，没有隐患")
    page.click(".action-form .have .im >> nth=0")
    page.click(".action-form [data-field=covers] .chip >> nth=0")
    check_access(page)
    page.click(".action-form button.pri")
    page.wait_for_selector(".w1 .task >> text=的检查结果")
    tasks = {task["unit"]["code"]: task for task in city.case(case["id"])["tasks"] if task["kind"] != "lead"}
    first, other = (tasks[code] for code in units)
    assert first["result"]["photos"] == case["photos"] and other["result"]["covered_by"] == first["id"]
    page.wait_for_selector(".w1 .task >> text=对联合检查结果提异议")
