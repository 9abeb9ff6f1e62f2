"""A city learns from its own closed cases: over HTTP from the report to the next one that is ordered by what was learned."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from click.testing import CliRunner

from dispatch.actors import SYSTEM
from dispatch.city import LearningParams
from dispatch.learning.versions import MODELS, OFF, STATE, WEIGHTS, Versions
from dispatch.store import CASES
from tests.scenarios.robot import Robot
from tests.service import Running, open_service, serving
from web.cli.learn import learn
from web.learning import Learning

MODELS_PATH = "/api/v1/models"
ON = LearningParams(scheduled=True, every_days=7, least_cases=20)
TEXTS = {
    "520102-water": "供水管旁的线缆垂落下来,挂在水表箱上",
    "520102-road": "行道树边的通信线缆断开,搭在路灯杆和人行道上",
}
CASES_EACH = 20


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def city(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A city of its own, with closed cases that no rule decided: what is switched on here is on for nobody else."""
    driver = os.environ.get("HEYUN_DRIVER", "motor")
    async with open_service(mongodb_uri, tmp_path_factory.mktemp("learning"), driver=driver) as running:
        for number in range(CASES_EACH):
            for unit, text in TEXTS.items():
                await closed_by(running, unit, f"{text},{number}号楼")
        yield running


async def closed_by(service: Running, unit: str, text: str) -> None:
    """Report a case that the rules leave open, give it to a unit and carry it to its end."""
    robot = Robot(service)
    case = await report(service, text)
    action = next(one for one in case["actions"] if one["name"] == "dispatch")
    body = {field["name"]: await robot.value("dispatcher", case, field) for field in action["fields"] if field["required"]}
    answer = await service.post(
        f"/api/v1/cases/{case['id']}/actions/dispatch", body | {"unit": unit, "rev": case["rev"]}, "dispatcher"
    )
    assert answer.status == 200, answer.body
    assert (await robot.carry(answer.json))["state"] == "closed"


async def report(service: Running, text: str) -> dict[str, Any]:
    """Report and file; return the case as the dispatcher sees it."""
    body = {"category": "0205", "description": text, "channel": "phone", "appeal_type": "complaint", "file": True}
    body |= {"location": {"lon": 106.605, "lat": 26.62, "crs": "WGS-84", "accuracy_m": 5}}
    answer = await service.post("/api/v1/tickets", body, "operator")
    assert answer.status == 201, answer.body
    found: dict[str, Any] = (await service.get(f"/api/v1/cases/{answer.json['id']}", "dispatcher")).json
    return found


def starter(service: Running, params: LearningParams, now: datetime) -> Learning:
    """The service's own clockwork in a city with these parameters, at an instant."""
    services = service.services
    city = msgspec.structs.replace(services.city, overrides={"learning": msgspec.structs.asdict(params)})
    return Learning(services.settings, services.database, services.cases, lambda: city, lambda: now)


async def learned(service: Running) -> str:
    """Have a version learned if there is none, and return its id."""
    found = (await service.get(MODELS_PATH, "supervisor")).json["items"]
    if not found:
        assert await starter(service, ON, datetime.now(UTC)).learn() == 1
        found = (await service.get(MODELS_PATH, "supervisor")).json["items"]
        assert not found[0]["active"] and found[0]["switches"] == [], "never by itself"
    return str(found[0]["id"])


async def until(service: Running, *, on: bool) -> None:
    for _ in range(200):
        if (service.services.core.rules.learned is not None) == on:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the process did not hear of the switch")


async def switched_off(service: Running, id: str) -> None:
    await service.post(f"{MODELS_PATH}/{id}:deactivate", {"reason": "test is over"}, "supervisor")
    await until(service, on=False)


async def test_model_when_learned_and_switched_on_then_the_next_open_choice_is_ordered_and_explained(city: Running) -> None:
    before = await report(city, "水表箱旁的供水管线缆垂落下来")
    assert before["match"]["decided"] == "manual" and "low_score" in before["match"]["doubt"]
    assert "learned" not in before["match"]
    assert before["match"]["candidates"][0]["unit"]["code"] == "520102-urban", "the first of the catalogue"

    id = await learned(city)
    (version,) = (await city.get(MODELS_PATH, "supervisor")).json["items"]
    assert (version["cases"], version["held_out"]) == (2 * CASES_EACH, 2 * CASES_EACH // 5)
    assert version["rules"]["top1"] == 0.0, "the catalogue's first was never right"
    assert version["learned"]["top1"] == version["model"]["top1"] == 1.0

    done = await city.post(f"{MODELS_PATH}/{id}:activate", {}, "supervisor")
    assert done.status == 200 and done.json["active"], done.body
    entry = done.json["switches"][-1]
    assert (entry["by"], entry["role"], entry["on"], entry["forced"]) == ("supervisor", "supervisor", True, False)
    await until(city, on=True)

    for unit, text in (("520102-water", "水表箱旁的供水管线缆垂落下来"), ("520102-road", "人行道路灯杆上通信线缆断开")):
        match = (await report(city, text))["match"]
        first = match["candidates"][0]
        assert first["unit"]["code"] == unit
        assert first["parts"]["learned"] == match["learned"]["p"] == first["score"] > 0.5
        assert "历史办理可能性" in first["reason"] and "依据" in first["reason"] and "件由其办理" in first["reason"]
        assert match["learned"]["version"] == id and match["learned"]["by_rules"][0][0] == "520102-urban"
        scores = [one["score"] for one in match["candidates"]]
        assert scores == sorted(scores, reverse=True)
        assert (match["decided"] == "auto") == (first["score"] >= version["threshold"])
    asked = (await city.get("/api/v1/match?lon=106.605&lat=26.62&crs=WGS-84&category=0205", "dispatcher")).json
    assert asked["learned"]["version"] == id
    await switched_off(city, id)
    assert "learned" not in (await report(city, "水表箱旁的供水管线缆垂落下来"))["match"]


async def test_switch_when_made_in_one_process_then_on_in_another_one_and_in_one_that_starts_later(city: Running) -> None:
    id, settings = await learned(city), city.services.settings
    async with serving(settings, city.tokens) as other:
        await city.post(f"{MODELS_PATH}/{id}:activate", {}, "supervisor")
        await until(city, on=True)
        await until(other, on=True)
        assert (await report(other, "水表箱旁的供水管线缆垂落下来"))["match"]["learned"]["version"] == id
        async with serving(settings, city.tokens) as later:
            assert later.services.core.rules.learned is not None
        await switched_off(city, id)
        await until(other, on=False)


async def test_model_when_rules_give_one_winner_then_they_are_not_overruled(city: Running) -> None:
    id = await learned(city)
    await city.post(f"{MODELS_PATH}/{id}:activate", {}, "sys_admin")
    await until(city, on=True)
    case = await city.report()
    assert case["match"]["decided"] == "auto" and "learned" not in case["match"]
    assert case["lead"]["code"] == "520102-water"
    await switched_off(city, id)


async def test_switch_when_not_for_this_person_or_unknown_then_refused(city: Running) -> None:
    id = await learned(city)
    assert (await city.get(MODELS_PATH, "grid_worker")).status == 403
    assert (await city.post(f"{MODELS_PATH}/{id}:activate", {}, "dispatcher")).status == 403
    assert (await city.post(f"{MODELS_PATH}/nothing:activate", {}, "supervisor")).status == 404
    assert (await city.post(f"{MODELS_PATH}/{id}:deactivate", {}, "supervisor")).status == 422, "why is needed"
    assert (await city.get(f"{MODELS_PATH}/{id}?with=nothing", "supervisor")).status == 404
    assert (await city.get(f"{MODELS_PATH}/{id}", "dispatcher")).json["other"] is None


async def test_version_when_worse_than_the_rules_then_on_only_by_force_with_a_reason(city: Running) -> None:
    id, database = await learned(city), city.services.database
    document = await database.find_one(MODELS, {"_id": id})
    assert document is not None
    worse = document | {"_id": "M-worse", "switches": [], "learned": document["rules"] | {"top1": -0.1}}
    await database.insert_one(MODELS, worse)
    part = await database.find_one(WEIGHTS, {"version": id})
    assert part is not None
    await database.insert_one(WEIGHTS, part | {"_id": "M-worse:0", "version": "M-worse"})
    for body in ({}, {"force": True}, {"reason": "没有强制"}):
        refused = await city.post(f"{MODELS_PATH}/M-worse:activate", body, "supervisor")
        assert (refused.status, refused.code) == (409, "model_not_better")
    compared = (await city.get(f"{MODELS_PATH}/{id}?with=M-worse", "dispatcher")).json
    assert compared["gains"]["top1"] == pytest.approx(document["learned"]["top1"] + 0.1)
    assert compared["other"]["id"] == "M-worse"
    await city.post(f"{MODELS_PATH}/{id}:activate", {}, "supervisor")
    forced = await city.post(f"{MODELS_PATH}/M-worse:activate", {"force": True, "reason": "试点一周"}, "supervisor")
    assert forced.status == 200 and forced.json["switches"][-1]["forced"]
    replaced = (await city.get(f"{MODELS_PATH}/{id}", "supervisor")).json["model"]
    assert not replaced["active"] and not replaced["switches"][-1]["on"], "one is on at a time"
    again = await city.post(f"{MODELS_PATH}/M-worse:activate", {"force": True, "reason": "试点一周"}, "supervisor")
    assert len(again.json["switches"]) == 1, "once more changes nothing"
    await until(city, on=True)
    await switched_off(city, "M-worse")
    await database.delete_one(MODELS, {"_id": "M-worse"})


async def test_version_when_of_another_form_then_not_switched_on_and_when_on_the_rules_answer(
    city: Running, caplog: pytest.LogCaptureFixture
) -> None:
    id, database = await learned(city), city.services.database
    document = await database.find_one(MODELS, {"_id": id})
    assert document is not None
    await database.insert_one(MODELS, document | {"_id": "M-old", "switches": [], "form": 0})
    refused = await city.post(f"{MODELS_PATH}/M-old:activate", {"force": True, "reason": "试试"}, "supervisor")
    assert (refused.status, refused.code) == (409, "model_outdated")
    await database.update_one(MODELS, {"_id": "M-old"}, {"$set": {"form": document["form"]}})
    with caplog.at_level(logging.ERROR, "heyun.learning"):
        assert (await city.post(f"{MODELS_PATH}/M-old:activate", {}, "supervisor")).status == 200
        for _ in range(200):
            if "cannot be read" in caplog.text:
                break
            await asyncio.sleep(0.02)
    assert "M-old cannot be read, the rules alone answer" in caplog.text
    caplog.clear()
    assert city.services.core.rules.learned is None
    assert (await report(city, "水表箱旁的供水管线缆垂落下来"))["state"] == "filed"
    await switched_off(city, "M-old")
    await database.delete_one(MODELS, {"_id": "M-old"})


async def test_switches_when_made_at_once_then_one_is_on_and_all_are_told(city: Running) -> None:
    id = await learned(city)
    path = f"{MODELS_PATH}/{id}"
    before = len((await city.get(path, "supervisor")).json["model"]["switches"])
    answers = await asyncio.gather(*(city.post(f"{path}:activate", {}, "supervisor") for _ in range(4)))
    assert [one.status for one in answers] == [200] * 4
    assert len((await city.get(path, "supervisor")).json["model"]["switches"]) == before + 1
    await until(city, on=True)
    await switched_off(city, id)


async def test_version_when_worse_on_closed_cases_then_off_and_said(city: Running, caplog: pytest.LogCaptureFixture) -> None:
    id, database = await learned(city), city.services.database
    await city.post(f"{MODELS_PATH}/{id}:activate", {}, "supervisor")
    await until(city, on=True)
    now = datetime.now(UTC)
    watching = starter(city, ON, now)
    assert await watching.watch() == 0, "nothing closed yet that it ordered"
    closed = await database.find(CASES, {"live.state": "closed"}, limit=12)
    for case in closed:  # as if the model had named another unit than the one that handled it, and the rules that one
        learned_part = {"version": id, "p": 0.9, "by_rules": [[case["lead"]["code"], 0.72]], "doubt": ["low_score"]}
        changed = {"match.learned": learned_part, "match.candidates.0.unit.code": "520100-govt"}
        await database.update_one(CASES, {"_id": case["_id"]}, {"$set": changed})
    assert await watching.watch() == 0, "once a day"
    with caplog.at_level(logging.WARNING, "heyun.learning"):
        assert await starter(city, ON, now + timedelta(days=1)).watch() == 1
    assert "switched off" in caplog.text
    caplog.clear()
    shown = (await city.get(f"{MODELS_PATH}/{id}", "supervisor")).json["model"]
    assert not shown["active"] and shown["switches"][-1]["by"] == SYSTEM.id
    (notice,) = [one for one in (await city.get("/api/v1/notices", "supervisor")).json["items"] if one["kind"] == OFF]
    assert (notice["line"], notice["case"]) == (id, "")
    assert "rules alone 12" in shown["switches"][-1]["reason"]
    assert (shown["live"]["cases"], shown["live"]["only_rules"]) == (12, 12)
    await until(city, on=False)


async def test_watch_when_explained_then_walks_an_index(city: Running) -> None:
    found = await city.services.database.explain(CASES, {"match.learned.version": "M1", "live.open": False}, None, 100)
    assert "COLLSCAN" not in str(found["queryPlanner"]["winningPlan"])


async def test_schedule_when_off_or_not_due_or_too_few_cases_then_nothing_is_learned(
    city: Running, caplog: pytest.LogCaptureFixture
) -> None:
    await learned(city)
    now, number = datetime.now(UTC), len(await Versions(city.services.database).list())
    off = LearningParams(scheduled=False, every_days=1, least_cases=20)
    assert await starter(city, off, now + timedelta(days=9)).learn() == 0
    assert await starter(city, ON, now + timedelta(days=6)).learn() == 0, "every seven days"
    with caplog.at_level(logging.WARNING, "heyun.learning"):
        many = LearningParams(scheduled=True, every_days=1, least_cases=10_000)
        assert await starter(city, many, now + timedelta(days=9)).learn() == 0
    assert "too_few_cases" in caplog.text
    caplog.clear()
    assert len(await Versions(city.services.database).list()) == number
    assert (await city.services.database.find_one(STATE, {"_id": "learning"}))["at"] > now


async def test_verb_when_run_then_a_version_more_and_its_figures(city: Running) -> None:
    settings = city.services.settings
    environment = {
        "HEYUN_MONGODB_URI": settings.mongodb_uri, "HEYUN_DATABASE": settings.database, "HEYUN_DATA": str(settings.data),
    }  # fmt: skip
    before = {one.id for one in await Versions(city.services.database).list()}
    done = await asyncio.to_thread(CliRunner().invoke, learn, ["--least", "20", "--json"], env=environment)
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout.strip().splitlines()[-1])
    (new,) = [one for one in await Versions(city.services.database).list() if one.id not in before]
    assert made["id"] == new.id and made["learned"]["top1"] == new.learned.top1
    assert (new.active, new.switches, new.live) == (False, [], None)
    assert "rules, then model" in done.output
    await city.services.database.delete_one(MODELS, {"_id": new.id})
    few = await asyncio.to_thread(CliRunner().invoke, learn, ["--least", "5000"], env=environment)
    assert few.exit_code != 0 and "it takes 5000" in str(few.exception)


async def test_danger_when_rules_leave_a_choice_then_the_model_is_not_asked(city: Running) -> None:
    id = await learned(city)
    await city.post(f"{MODELS_PATH}/{id}:activate", {}, "supervisor")
    await until(city, on=True)
    case = await report(city, "水表箱旁的供水管线缆垂落下来,有人触电")
    assert case["urgency"] == "emergency" and case["state"] == "dispatched"
    assert "learned" not in case["match"] and case["lead"]["code"] == "520102-urban", "the first of the catalogue"
    await switched_off(city, id)
