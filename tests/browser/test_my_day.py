"""The grid worker's day on the phone: on duty or not, patrols, visits; nothing typed is lost, and no position is told plainly."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from grid.visit_store import PLACES
from storage.client import Database
from tests.browser.conftest import HERE, City
from tests.browser.test_admin import NO_SCROLL
from tests.browser.test_scene import picture

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SMALL = {"viewport": {"width": 360, "height": 740}}


def grid_at(city: City, at: dict[str, float]) -> str:
    """Return the code of the grid of a place."""
    found = city.call("GET", f"/locate?lon={at['longitude']}&lat={at['latitude']}&crs=WGS-84", "grid_worker")
    return str(found["area_path"][-1]["code"])


def away(city: City) -> dict[str, float]:
    """Return a place in the same grid, some 70 m from where the phones are: too far to be there."""
    for east, north in ((0.0007, 0), (-0.0007, 0), (0, 0.0006), (0, -0.0006)):
        place = {"longitude": HERE["longitude"] + east, "latitude": HERE["latitude"] + north, "accuracy": 6}
        if grid_at(city, place) == grid_at(city, HERE):
            return place
    raise AssertionError("the grid is too small")


def planned(city: City, **changes: Any) -> Any:
    """Return a patrol of the grid worker that may be begun all day."""
    shop = away(city)
    place = {"lon": HERE["longitude"], "lat": HERE["latitude"], "crs": "WGS-84"}
    points = [
        {"id": "gate", "name": "北门", "key": True, **place},
        {"id": "shop", "name": "农贸市场", "photo": True, **place, "lon": shop["longitude"], "lat": shop["latitude"]},
    ]
    day = datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat()
    walk = {"name": f"巡查{secrets.token_hex(2)}", "worker": "grid_worker", "areas": [grid_at(city, HERE)], "points": points}
    return city.call("POST", "/patrols", "grid_lead", {**walk, "day": day, "begins": "00:00", "ends": "00:00", **changes})


def listed(city: City, **changes: Any) -> str:
    """Put a place on the list of visits that is due, and return its id."""
    id = f"v-{secrets.token_hex(4)}"
    place = {"area_code": grid_at(city, HERE), "grade": "red", "address": f"中山路 7 号 {id}", "note": "独居，腿脚不便"}
    city.call("PUT", f"/visit-places/{id}", "grid_lead", {**place, **changes})
    return id


def made_due(uri: str, city: City, place: str, days: int) -> None:
    """Let a place have been listed so many days ago: a list cannot be made in the past by anybody. In a thread of its own, since
    the browser's driver holds this one's loop."""

    async def work() -> None:
        database = await Database.connect(uri, city.database)
        since = (datetime.now(ZoneInfo("Asia/Shanghai")).date() - timedelta(days=days)).isoformat()
        await database.update_one(PLACES, {"_id": place}, {"$set": {"since": since}})
        await database.close()

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    thread.join()


def visits_of(city: City, place: str) -> list[Any]:
    """Return what was put down about a place."""
    found: list[Any] = city.call("GET", f"/visit-places/{place}/visits", "grid_worker")["items"]
    return found


def test_patrol_when_walked_on_the_phone_then_places_and_track_are_with_the_service(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    patrol = planned(city)
    listed(city)
    page = open_page("grid_worker", "/field", phone=True, **SMALL)
    page.wait_for_selector(".duty b >> text=在岗")
    page.wait_for_selector(f"a[href='#/patrol/{patrol['id']}']")
    check_access(page)
    assert page.evaluate(NO_SCROLL)
    picture(page, "phone-day")
    page.tap(f"a[href='#/patrol/{patrol['id']}']")
    page.wait_for_selector(".gps b >> text=定位误差 8 米")
    check_access(page)
    picture(page, "phone-patrol-planned")
    page.tap(".foot .cta")
    page.wait_for_selector("header .b >> text=巡查中")
    page.tap("button[aria-label='我到了: 北门']")
    page.wait_for_selector(".point:has-text('北门') .seen")
    page.context.set_geolocation(away(city))
    page.tap("button[aria-label='我到了: 农贸市场']")
    page.set_input_files(".point input.pick", str(photo))
    page.wait_for_selector(".point .shot img")
    check_access(page)
    assert page.evaluate(NO_SCROLL)
    picture(page, "phone-patrol")
    page.wait_for_selector(".gps b >> text=定位误差 6 米")
    page.tap("button[aria-label='记下: 农贸市场']")
    page.wait_for_selector(".point:has-text('农贸市场') .seen")
    page.tap(".foot .cta")
    check_access(page)
    picture(page, "phone-patrol-end")
    page.tap(".foot .pri")
    page.wait_for_selector("header .b >> text=已结束")
    page.wait_for_selector("main >> text=100% 在网格内")
    done = city.call("GET", f"/patrols/{patrol['id']}", "grid_worker")
    assert [(one["point"], len(one["photos"])) for one in done["visits"]] == [("gate", 0), ("shop", 1)]
    assert (done["ended_by"], done["coverage"]) == ("grid_worker", 1.0)
    assert done["track"]["fixes"] >= 2 and done["track"]["valid"], "one position at the start, one at the end"


def test_patrol_when_the_network_is_away_then_kept_in_order_and_sent_later(city: City, open_page: Callable[..., Any]) -> None:
    patrol = planned(city, points=[])
    page = open_page("grid_worker", "/field", phone=True, language="zh-CN")
    page.tap(f"a[href='#/patrol/{patrol['id']}']")
    page.wait_for_selector(".gps b >> text=定位误差")
    page.context.set_offline(True)
    page.tap(".foot .cta")
    page.wait_for_selector("header .b >> text=巡查中")
    page.wait_for_selector("main >> text=存在本机，等着发出")
    page.tap(".foot .cta")
    page.tap(".foot .pri")
    page.wait_for_selector("header .b >> text=已结束")
    page.locator("main .rows >> text=等网络").nth(1).wait_for()  # one that is tried says so for a moment
    assert city.call("GET", f"/patrols/{patrol['id']}", "grid_worker")["state"] == "planned"
    page.context.set_offline(False)
    page.wait_for_selector("main >> text=等网络", state="detached")
    page.wait_for_selector("main >> text=在网格内")
    done = city.call("GET", f"/patrols/{patrol['id']}", "grid_worker")
    assert (done["state"], done["ended_by"]) == ("ended", "grid_worker") and done["track"]["fixes"] >= 1


def test_clock_in_when_it_is_refused_then_says_how_far_and_nothing_waits(city: City, open_page: Callable[..., Any]) -> None:
    patrol = planned(city)
    far = {"longitude": HERE["longitude"] + 0.05, "latitude": HERE["latitude"], "accuracy": 10}
    page = open_page("grid_worker", f"/field#/patrol/{patrol['id']}", phone=True, geolocation=far)
    page.wait_for_selector(".gps b >> text=定位误差 10 米")
    page.tap(".foot .cta")
    page.wait_for_selector(".foot .msg.bad")
    page.wait_for_selector("header .b >> text=未开始")
    assert page.locator("main >> text=等网络").count() == 0


def test_position_when_denied_then_said_plainly_and_visits_go_on_without(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    patrol, place = planned(city), listed(city)
    page = open_page("grid_worker", f"/field#/patrol/{patrol['id']}", phone=True, language="en", permissions=[])
    page.wait_for_selector(".gps.y >> text=No permission for the position")
    page.tap(".foot .cta")
    page.wait_for_selector(".foot .msg.bad >> text=you cannot clock in")
    check_access(page)
    picture(page, "phone-denied")
    assert city.call("GET", f"/patrols/{patrol['id']}", "grid_worker")["state"] == "planned", "nothing was sent"
    page.goto(f"{city.url}/field#/visit/{place}")
    page.wait_for_selector(".gps.y >> text=It can be put down without a position")
    page.tap(".chip >> text=Nobody in")
    check_access(page)
    page.tap(".foot .cta")
    page.wait_for_selector(".toast >> text=Put down")
    assert [(one["outcome"], one["distance_m"]) for one in visits_of(city, place)] == [("absent", None)]


def test_visit_when_the_answer_is_lost_then_kept_over_a_reload_and_put_down_once(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    place = listed(city)
    page = open_page("grid_worker", f"/field#/visit/{place}", phone=True, **SMALL)
    page.wait_for_selector("h2 >> text=中山路")
    page.tap(".foot .cta")
    page.wait_for_selector(".msg.bad")  # nothing was sent: what came of it is missing
    page.tap(".chip >> text=见到了")
    page.fill("textarea", "米油够，想装扶手")
    check_access(page)
    assert page.evaluate(NO_SCROLL)
    picture(page, "phone-visit")
    page.wait_for_timeout(600)
    page.reload()
    page.wait_for_selector(".chip.on >> text=见到了")
    expect(page.locator("textarea")).to_have_value("米油够，想装扶手")

    def lose_the_answer(route: Any) -> None:
        route.fetch()  # the service has it
        route.abort()  # the phone does not know

    page.route(f"**/api/v1/visit-places/{place}/visits", lose_the_answer)
    page.tap(".foot .cta")
    page.wait_for_selector("main .rows >> text=等网络")
    check_access(page)
    picture(page, "phone-day-waiting")
    page.unroute(f"**/api/v1/visit-places/{place}/visits")
    page.reload()
    page.wait_for_selector(".duty")
    page.wait_for_selector("main .rows >> text=等网络", state="detached")
    assert [(one["outcome"], one["note"]) for one in visits_of(city, place)] == [("seen", "米油够，想装扶手")]


def test_visits_when_due_then_the_latest_first_and_gone_once_somebody_was_seen(
    city: City, mongodb_uri: str, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    late, soon = listed(city), listed(city)
    made_due(mongodb_uri, city, late, 10)
    made_due(mongodb_uri, city, soon, 5)
    page = open_page("grid_worker", "/field", phone=True, **SMALL)
    page.wait_for_selector(f"a[href='#/visit/{late}']:has-text('超 3 天')")
    page.wait_for_selector(f"a[href='#/visit/{soon}']:has-text('还有 2 天')")
    order = page.locator("a[href^='#/visit/']").evaluate_all("found => found.map(one => one.hash.split('/').pop())")
    assert order.index(late) < order.index(soon)
    page.locator(f"a[href='#/visit/{late}']").scroll_into_view_if_needed()
    check_access(page)
    assert page.evaluate(NO_SCROLL)
    picture(page, "phone-visits")
    page.tap(f"a[href='#/visit/{late}']")
    page.tap(".chip >> text=见到了")
    page.tap(".foot .cta")
    page.wait_for_selector(f"a[href='#/visit/{soon}']")
    page.wait_for_selector(f"a[href='#/visit/{late}']", state="detached")
    assert [one["outcome"] for one in visits_of(city, late)] == ["seen"]


def test_day_when_read_in_english_or_by_a_lead_then_whole_and_accessible(
    open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    page = open_page("grid_lead", "/field", phone=True, language="en", **SMALL)
    page.wait_for_selector(".duty b >> text=On duty")
    page.wait_for_selector("main >> text=Patrols today")
    check_access(page)
    assert page.evaluate(NO_SCROLL)
    picture(page, "phone-day-en")
