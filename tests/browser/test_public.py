"""The citizen's page without an account: from the desk's link to the answer, by number and code, and when neither works."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.conftest import City, ticket
from tests.browser.test_needs import OF_ONE, who_fits
from tests.dispatch.town import fill

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SMALLEST_TEXT, SMALLEST_TARGET = 18, 60  # px: what old eyes read and old hands hit
TOO_SMALL = """([text, target]) => {
  const shown = (node) => node.getClientRects().length > 0 && getComputedStyle(node).visibility !== 'hidden'
  const small = [...document.querySelectorAll('body *')].filter((node) => shown(node) && [...node.childNodes].some(
    (part) => part.nodeType === 3 && part.data.trim()) && parseFloat(getComputedStyle(node).fontSize) < text)
  const low = [...document.querySelectorAll('a, button, summary, label.answer, textarea, input:not([type=radio])')].filter(
    (node) => shown(node) && node.getBoundingClientRect().height < target)
  const wide = document.documentElement.scrollWidth > innerWidth ? ['the page scrolls sideways'] : []
  return [...small, ...low].map((node) => node.outerHTML.slice(0, 80)).concat(wide)
}"""


@pytest.fixture
def visitor(city: City, chromium: Any) -> Iterator[Callable[..., Any]]:
    """Open a public page as somebody who was never here; fail the test on a page error or a request to another site."""
    contexts, errors = [], []

    def open_page(path: str, *, width: int = 360) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": 800}, locale="en-US", timezone_id="Asia/Shanghai")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: errors.extend(_told(request, city.url)))
        page.goto(path if path.startswith("http") else city.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def _told(request: Any, ours: str) -> list[str]:
    """What a request gave away: to another site anything, to ours a session, or the secret address that it came from."""
    strange = [] if request.url.startswith((ours, "data:")) else [request.url]
    from_page = "/public/" in request.headers.get("referer", "")
    return strange + [request.url for told in (from_page, "cookie" in request.headers) if told]


def do(city: City, case_id: str, action: str, user: str, **fields: Any) -> Any:
    """Take an offered action with naive values and return the case as it is then."""
    case = city.case(case_id, user)
    offered = next(one for one in case["actions"] if one["name"] == action)
    return city.act(case, action, user, **(fill(offered) | fields))


def helped(city: City, case_id: str) -> Any:
    """Have an organization claim what the case asks for and hand in what it did; returns its task."""
    do(city, case_id, "open_need", "dispatcher", **OF_ONE)
    organization = who_fits(city, case_id)["code"]
    case = city.call("POST", f"/needs/{case_id}.n1/claim", "org_coordinator", {"organization": organization})
    task = next(task for task in case["tasks"] if task["state"] == "claimed")
    path = f"/cases/{case_id}/tasks/{task['id']}/actions"
    city.call("POST", f"{path}/serve", "org_coordinator", {"people": "两名志愿者", "at": case["reported_at"]})
    city.call("POST", f"{path}/task_submit", "org_coordinator", {"note": "陪同就医并代取药品", "hours": 2})
    return task


def visiting(city: City, *, before: Callable[[City, str], Any] | None = None, **changes: Any) -> tuple[Any, str]:
    """Return a caller's case whose reporter is asked, and the code that was said at intake; `before` is done to it meanwhile."""
    case = city.call("POST", "/tickets", "operator", ticket(category="0307", description="公交车一个多小时等不来一班", **changes))
    if case["state"] == "filed":
        do(city, case["id"], "dispatch", "dispatcher")
    if before is not None:
        before(city, case["id"])
    for action in ("sign_in", "contact", "submit_result"):
        do(city, case["id"], action, "unit_clerk")
    return do(city, case["id"], "to_visit", "dispatcher"), case["query_code"]


def link_to(city: City, case: Any, purpose: str = "visit") -> str:
    """Read the link out at the desk."""
    return str(city.call("POST", f"/cases/{case['id']}/link", "operator", {"purpose": purpose})["url"])


def is_fit(page: Any, check_access: Callable[[Any], None]) -> None:
    """Both languages: no violation, nothing too small to read or to hit, nothing that needs scrolling sideways."""
    for language, button in (("zh-CN", "English"), ("en", "中文")):
        assert page.evaluate("document.documentElement.lang") == language
        check_access(page)
        assert page.evaluate(TOO_SMALL, [SMALLEST_TEXT, SMALLEST_TARGET]) == []
        page.click(f"text={button}")


def test_link_when_followed_asks_thanks_and_leads_on_to_the_rating(
    city: City, visitor: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    case, _ = visiting(city)
    url = link_to(city, case)
    page = visitor(url)
    page.wait_for_selector("text=请您回答三个问题")
    assert case["case_no"] in page.content() and "特此答复" in page.content()
    assert "李" not in page.inner_text("main") and "138" not in page.inner_text("main")
    assert url.rpartition("/")[2] not in page.title()
    is_fit(page, check_access)
    page.click("text=提交回答")
    assert page.locator(".gap").count() == 3
    assert page.evaluate("document.activeElement.name") == page.locator(".answer input").first.get_attribute("name")
    page.keyboard.press("Space")  # contacted; the rest by the arrows and the tabulator
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.fill("textarea[name=note]", "谢谢师傅")
    page.click("text=提交回答")
    page.wait_for_selector("text=按您的回答，这件事已经办结。")
    page.wait_for_selector("text=如果愿意，也请评一评")
    is_fit(page, check_access)
    after = city.case(case["id"], "operator")
    assert after["state"] == "closed" and after["visit"]["satisfaction"] == "satisfied"
    for row in range(3):
        page.locator("form .ask").nth(row).get_by_label("好", exact=True).check()
    page.click("text=提交评价")
    page.wait_for_selector("text=谢谢您的评价")
    assert city.case(case["id"], "operator")["rating"]["attitude"] == 4
    page.goto(url)
    page.wait_for_selector("text=回答过了")


def test_link_when_an_organization_helped_takes_thanks_to_it(
    city: City, visitor: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    case, _ = visiting(city, before=helped)
    task = next(task for task in city.case(case["id"])["tasks"] if task["kind"] == "org" and task["state"] == "submitted")
    page = visitor(link_to(city, case))
    form = page.locator("form", has_text=f"{task['organization']['name']}帮了您")
    form.wait_for()
    is_fit(page, check_access)
    form.locator("text=送上感谢").click()
    assert form.locator(".gap").count() == 1 and page.evaluate("document.activeElement.type") == "radio"
    page.keyboard.press("Space")  # the best, which comes first
    form.locator("textarea").fill("谢谢小陈，跑了好几趟")
    form.locator("text=送上感谢").click()
    page.wait_for_selector("text=谢谢您，心意已经转达")
    assert form.count() == 0, "once"
    is_fit(page, check_access)
    thanked = next(one for one in city.case(case["id"])["tasks"] if one["id"] == task["id"])
    assert thanked["state"] == "confirmed" and thanked["opinions"]["resident"]["rating"] == 5
    assert thanked["opinions"]["resident"]["thanks"] == "谢谢小陈，跑了好几趟"
    page.wait_for_selector("text=请您回答三个问题")


def test_link_when_used_elsewhere_or_unknown_says_so_kindly_and_leads_on(
    city: City, visitor: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    case, _ = visiting(city)
    url = link_to(city, case)
    first, second = visitor(url), visitor(url)
    for page, solved in ((first, "visit.solved_no"), (second, "visit.solved_yes")):
        page.wait_for_selector("text=请您回答三个问题")
        page.locator(".ask").nth(0).get_by_label("联系过").check()
        page.locator(".ask").nth(1).get_by_label("没有" if solved.endswith("no") else "解决了").check()
        page.locator(".ask").nth(2).get_by_label("不满意", exact=True).check()
    first.click("text=提交回答")
    first.wait_for_selector("text=工作人员会看您的回答")
    second.click("text=提交回答")
    second.wait_for_selector("text=您已经回答过了")
    assert city.case(case["id"], "operator")["visit_answer"]["solved"] is False
    unknown = visitor("/public/cases/" + "A" * 43, width=1280)
    unknown.wait_for_selector("text=这个链接已经不能用了")
    assert unknown.locator("a[href='tel:12345']").count() == 1
    is_fit(unknown, check_access)
    unknown.click("main a.big")
    unknown.wait_for_selector("input[name=code]")


def test_query_when_the_code_is_wrong_then_right_shows_the_way_and_takes_an_appeal(
    city: City, visitor: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    case, code = visiting(city)
    do(city, case["id"], "visit_ok", "operator", contacted=True, solved=True, satisfaction="satisfied")
    page = visitor("/public/")
    page.click("button.pri")
    page.wait_for_selector("text=请填工单号")
    is_fit(page, check_access)
    page.fill("input[name=case_no]", case["case_no"].lower())
    page.fill("input[name=code]", "AAAA-AAAA")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=没有查到")
    assert page.input_value("input[name=case_no]") == case["case_no"].lower()
    page.fill("input[name=code]", code.lower().replace("-", " "))
    page.keyboard.press("Enter")
    page.wait_for_selector("text=请您评一评")
    page.click("text=办理经过")
    page.wait_for_selector("text=收到您反映的事")
    is_fit(page, check_access)
    page.click("text=可以申诉一次")
    page.fill("textarea[name=reason]", "短")
    page.click("text=提交申诉")
    page.wait_for_selector("text=请至少写 5 个字")
    page.fill("textarea[name=reason]", "第二天又坏了，请再看看")
    page.click("text=提交申诉")
    page.wait_for_selector("text=申诉已经收到")
    (request,) = city.case(case["id"], "supervisor")["requests"]
    assert (request["kind"], request["state"]) == ("appeal", "pending")
    page.click("text=查另一件")
    assert page.input_value("input[name=code]") == ""


def test_desk_when_asked_reads_out_code_and_link_once(
    city: City, open_page: Callable[..., Any], visitor: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    case, code = visiting(city)
    desk = open_page("operator", f"/desk#/board/{case['id']}")
    desk.click("text=反馈链接")
    url = desk.input_value(".access-link input")
    desk.click(".access >> text=查询码")
    desk.wait_for_selector(f"text={code}")
    check_access(desk)
    page = visitor(url)
    page.wait_for_selector("text=请您回答三个问题")
    desk.reload()
    desk.click("text=反馈链接")
    desk.wait_for_selector("text=本轮链接已提取过")


def test_pages_when_sent_tell_no_referrer_no_index_and_load_nothing_foreign(city: City) -> None:
    for path in ("/public/", "/public/cases/" + "A" * 43):
        with urllib.request.urlopen(city.url + path, timeout=10) as answer:
            headers, body = answer.headers, answer.read().decode()
        assert headers["Referrer-Policy"] == "no-referrer" and "noindex" in headers["X-Robots-Tag"]
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "AAAA" not in body
        assert "<noscript>" in body and "12345" in body
