"""A due time on the screen: which rule gave the limit, what moved it; the administrator moves cases to a changed calendar."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.browser.conftest import City

ZONE = ZoneInfo("Asia/Shanghai")
CENTRE = {"lon": 106.713, "lat": 26.583, "crs": "WGS-84", "accuracy_m": 5}  # inside the demo city's campaign zone


def test_due_time_says_its_campaign_its_moves_and_a_recount(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    case = city.act(city.report(photo, location=CENTRE), "sign_in", "unit_clerk")
    case = city.act(
        case, "request_extension", "unit_clerk", reason="需要调派车辆", limit="2wh", measures="已联系清运车辆，今日到场"
    )
    case = city.decide(case, "extension", "dispatcher", approve=True)
    case = city.act(
        case, "request_suspension", "unit_leader", reason="long_works", plan="等待沿街施工围挡拆除后清运",
        planned_at=(datetime.now(ZONE) + timedelta(days=20)).isoformat(), photos=[city.photo("unit_leader", photo)],
    )  # fmt: skip
    case = city.decide(case, "suspension", "supervisor", approve=True)
    case = city.act(case, "resume", "unit_clerk")

    admin = open_page("sys_admin", "/desk#/calendar")
    admin.wait_for_selector(".month:nth-of-type(12)")
    day = datetime.fromisoformat(case["due_at"]).astimezone(ZONE).date().isoformat()
    admin.goto(f"{city.url}/desk#/calendar/{day[:4]}")
    admin.click(f".day[data-date='{day}']")
    admin.click(".edit >> text=节假日")
    admin.fill(".edit input[name=name]", "示例节日")
    admin.keyboard.press("Enter")
    admin.wait_for_selector("text=到期时间与现行日历不一致")
    admin.click("text=查看并重算")
    admin.wait_for_selector(f".recount >> text={case['case_no']}")
    check_access(admin)
    admin.click("text=全部重算")
    admin.wait_for_selector("text=已重算")
    admin.wait_for_selector("text=到期时间与现行日历不一致", state="detached")

    page = open_page("dispatcher", f"/desk#/board/{case['id']}")
    page.wait_for_selector(".clock-sum >> text=2026年文明创建专区")
    said = page.text_content(".clock-sum")
    assert "批准延期 2 工作时" in said and "停计" in said and "因日历调整重算" in said
    assert datetime.fromisoformat(city.case(case["id"])["due_at"]).astimezone(ZONE).date().isoformat() > day
    check_access(page)
