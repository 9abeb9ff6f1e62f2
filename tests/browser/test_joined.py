"""One matter that several report, on desk and phone: the earlier case is urged, the later one merged, all see how it goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import City, ticket

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PLACE = {"lon": 106.702, "lat": 26.602, "crs": "WGS-84", "accuracy_m": 5}  # a spot of its own
WHAT = {"category": "0204", "description": "整栋楼突然停电，楼道里一片漆黑"}
REPLY = "您反映的停电已经恢复，线路已经检查，感谢您的反映。"


def called(city: City, number: int, **changes: Any) -> Any:
    """Return the ticket of a caller of their own about the place."""
    caller = {"name": f"住户{number}", "phone": f"1391111{number:04d}", "anonymous": False, "confidential": False}
    return city.call("POST", "/tickets", "operator", ticket(location=PLACE, caller=caller, **WHAT, **changes))


def merged(city: City, case: Any, main: str) -> Any:
    """Return a case after it was merged into another."""
    return city.act(city.case(case["id"], "operator"), "merge", "operator", main=main, reason="同一处")


def test_operator_when_somebody_calls_again_urges_the_earlier_case_and_merges(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    main, again = called(city, 1), called(city, 1, file=False)
    desk = open_page("operator")
    desk.wait_for_selector("main")
    desk.goto(f"{city.url}/desk#/board/{again['id']}")
    desk.wait_for_selector(f".dr .repeated a >> text={main['case_no']}")
    check_access(desk)
    desk.click(".dr .repeated button")
    desk.wait_for_selector(".dr .repeated >> text=已催办")
    merged(city, again, main["id"])
    desk.reload()
    desk.click(f".dr .matter a >> text={main['case_no']}")
    desk.wait_for_selector(f".dr .joined a >> text={again['case_no']}")
    check_access(desk)


def test_reporter_and_desk_when_the_matter_is_visited_see_what_was_answered_and_said(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    main = called(city, 2)
    event = {**WHAT, "location": PLACE}
    own = merged(city, city.call("POST", "/events", "grid_worker", event), main["id"])
    others = [merged(city, called(city, number, file=False), main["id"]) for number in range(3, 11)]
    case = city.act(city.case(main["id"]), "sign_in", "unit_clerk")
    case = city.act(case, "contact", "unit_clerk", at=case["reported_at"], way="phone", result="reached")
    case = city.act(
        case,
        "submit_result",
        "unit_clerk",
        result="resolved",
        handling="已派工人到场更换开关并检查线路，供电恢复正常。",
        public_reply=REPLY,
    )
    case = city.act(city.case(main["id"]), "to_visit", "dispatcher")
    answer = {"contacted": True, "solved": True, "satisfaction": "satisfied"}
    for number, one in enumerate(others[:5]):
        said = answer if number else answer | {"solved": False, "satisfaction": "dissatisfied"}
        city.act(one, "visit_answer", "operator", **said)
    desk = open_page("operator")
    desk.wait_for_selector("main")
    desk.goto(f"{city.url}/desk#/board/{main['id']}")
    desk.wait_for_selector(".dr .joined >> text=回访 8 人，已答复 5，解决 4，满意 4")
    desk.click(".dr .joined summary")
    assert "未解决" in desk.inner_text(".dr .joined li >> nth=0"), "who is not content comes first"
    check_access(desk)
    phone = open_page("grid_worker", "/field", phone=True)
    phone.wait_for_selector("main")
    phone.goto(f"{city.url}/field#/case/{own['id']}")
    phone.wait_for_selector(f".matter >> text={main['case_no']}")
    phone.wait_for_selector(f".matter .reply >> text={REPLY}")
    check_access(phone)


def test_desk_when_somebody_who_joined_appeals_decides_it_by_their_words_and_they_see_it(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    main = called(city, 21, file=False)
    joined = merged(city, called(city, 22, file=False), main["id"])
    grounds = {"reason": "litigation", "next_door": "请到区法院立案庭", "reply": "该事项已进入诉讼程序，不予受理。"}
    city.act(city.case(main["id"], "operator"), "refuse", "operator", **grounds)
    desk = open_page("operator")
    desk.wait_for_selector("main")
    desk.goto(f"{city.url}/desk#/board/{joined['id']}")
    desk.wait_for_selector(f".dr .matter .reply >> text={grounds['reply']}")
    desk.wait_for_selector(".dr .access >> text=申诉链接")
    city.act(city.case(joined["id"], "operator"), "appeal_refusal", "operator", reason="线路是小区公用的，与诉讼无关")
    desk.reload()
    desk.wait_for_selector(".dr .matter .appeal >> text=申诉等待决定")
    check_access(desk)
    above = open_page("supervisor")
    above.wait_for_selector("main")
    above.goto(f"{city.url}/desk#/board/{main['id']}")
    above.wait_for_selector(f".dr .req >> text={joined['case_no']}（并案）：线路是小区公用的，与诉讼无关")
    check_access(above)
    city.decide(city.case(main["id"], "supervisor"), "appeal", "supervisor", approve=False)
    desk.reload()
    desk.wait_for_selector(".dr .matter .appeal >> text=没同意")
