"""What was acknowledged is there, exactly once, whatever is killed and however often; and of many who race, one wins."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from dispatch.actors import Actor
from dispatch.chain import verify
from dispatch.numbers import BLOCK
from dispatch.service import action_key
from dispatch.states import find
from dispatch.transition import Transition
from tests.faults.plant import NoAnswer, Plant, new_key, plant
from tests.small_city import INSIDE, NEXT_GRID, OTHER_DISTRICT

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(420)]

KILLS_EACH = 10
WORKERS = 10
HEARD_AS = {
    "file": "heard_filed", "dispatch": "heard_dispatched", "auto_dispatch": "heard_dispatched", "submit_result": "heard_result",
}  # fmt: skip
PLACES = (INSIDE, NEXT_GRID, OTHER_DISTRICT)


class Ledger:
    """What the clients were told: the only thing that the database is held against."""

    def __init__(self) -> None:
        self.cases: dict[str, tuple[str, dict[str, Any]]] = {}  # id → key and body that it was acknowledged under
        self.actions: dict[str, tuple[str, str]] = {}  # key → case, action that were acknowledged
        self.asked: dict[str, tuple[str, str, dict[str, Any]]] = {}  # key → role, path, body of the acknowledged action
        self.lost: dict[str, tuple[str, str]] = {}  # keys whose action was refused: it must not be there
        self.statuses: Counter[int] = Counter()
        self.unanswered = 0


def body_of(draw: random.Random) -> dict[str, Any]:
    lon, lat = draw.choice(PLACES)
    return {
        "description": f"路边垃圾堆放多日{draw.randrange(10**6)}",
        "category": draw.choice(("0101", "0201", "0501")),
        "location": {"lon": lon + draw.uniform(-1e-3, 1e-3), "lat": lat, "crs": "WGS-84", "accuracy_m": 5},
    }


async def report(hurt: Plant, ledger: Ledger, draw: random.Random) -> None:
    """Report with a new key; when no answer comes, with the same key again."""
    key, body = new_key(), body_of(draw)
    try:
        answer = await hurt.ask("grid_worker", "POST", "/events", body, key=key)
    except NoAnswer:
        ledger.unanswered += 1
        answer = await hurt.ask_until_answered("grid_worker", "POST", "/events", body, key=key)
    if answer.status == 503:
        answer = await hurt.ask_until_answered("grid_worker", "POST", "/events", body, key=key)
    ledger.statuses[answer.status] += 1
    assert answer.status in {200, 201}, answer.body
    ledger.cases[answer.body["id"]] = (key, body)


async def say_again(hurt: Plant, ledger: Ledger, draw: random.Random) -> None:
    """A retry long after, of a report or of an action, whatever has become of the case: the same case, nothing new."""
    if ledger.asked and draw.random() < 0.5:
        key, (role, path, body) = draw.choice(list(ledger.asked.items()))
        case = ledger.actions[key][0]
    else:
        case, (key, body) = draw.choice(list(ledger.cases.items()))
        role, path = "grid_worker", "/events"
    answer = await hurt.ask_until_answered(role, "POST", path, body, key=key)
    assert answer.status == 200 and answer.body["id"] == case, answer.body


async def act(hurt: Plant, ledger: Ledger, draw: random.Random) -> None:
    """Do what the case offers next; others may do the same at the same moment."""
    case = draw.choice(list(ledger.cases))
    role = draw.choice(("dispatcher", "unit_clerk", "operator", "grid_worker"))
    seen = await hurt.ask_until_answered(role, "GET", f"/cases/{case}")
    assert seen.status == 200, f"an acknowledged case is gone: {seen.body}"
    chosen = _choose(seen.body, draw)
    if chosen is None:
        return
    action, fields = chosen
    key = new_key()
    body = {"rev": seen.body["rev"], **fields}
    path = f"/cases/{case}/actions/{action}"
    answer = await hurt.ask_until_answered(role, "POST", path, body, key=key)
    ledger.statuses[answer.status] += 1
    if answer.status == 200:
        ledger.actions[key], ledger.asked[key] = (case, action), (role, path, body)
        if draw.random() < 0.2:
            again = await hurt.ask_until_answered(role, "POST", path, body, key=key)
            assert again.status == 200, again.body
    else:
        assert answer.status in {409, 412, 422}, answer.body
        ledger.lost[key] = (case, action)


def _choose(case: dict[str, Any], draw: random.Random) -> tuple[str, dict[str, Any]] | None:
    ready: dict[str, dict[str, Any]] = {
        "file": {}, "sign_in": {}, "supplement": {"text": "补充一点情况"}, "progress": {"note": "人员已到场处理"},
        "urge": {"note": "请尽快处理"},
        "submit_result": {
            "result": "resolved", "handling": "已安排人员到现场清理完毕，恢复原状，复核无遗留。", "photos": [],
            "public_reply": "您反映的问题已经处理完毕，感谢您的监督和支持。",
        },
        "send_back": {"defect": "off_point", "note": "请补充"}, "close": {}, "to_visit": {},
    }  # fmt: skip
    offered = [action["name"] for action in case["actions"] if action["name"] in ready]
    if "dispatch" in [action["name"] for action in case["actions"]]:
        dispatch = next(action for action in case["actions"] if action["name"] == "dispatch")
        unit = next(field for field in dispatch["fields"] if field["name"] == "unit")["options"][0]
        ready["dispatch"] = {"unit": unit["code"] if isinstance(unit, dict) else unit}
        offered.append("dispatch")
    if not offered:
        return None
    action = draw.choice(offered)
    return action, ready[action]


async def work(hurt: Plant, ledger: Ledger, seed: int, done: asyncio.Event) -> None:
    draw = random.Random(seed)
    while not done.is_set():
        step = draw.random()
        if step < 0.35 or len(ledger.cases) < 5:
            await report(hurt, ledger, draw)
        elif step < 0.9:
            await act(hurt, ledger, draw)
        else:
            await say_again(hurt, ledger, draw)


async def kill_again_and_again(hurt: Plant, kill: Callable[[], Awaitable[None]], seed: int) -> None:
    """Kill a part `KILLS_EACH` times at random moments: in turn whatever the other part is going through, and under load."""
    draw = random.Random(seed)
    for number in range(KILLS_EACH):
        await asyncio.sleep(draw.uniform(0.2, 2.5))
        while number % 2 and not hurt.asking:  # noqa: ASYNC110  load comes and goes, nobody announces it
            await asyncio.sleep(draw.uniform(0.0, 0.1))
        await kill()


async def test_kill_of_each_part_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with plant(tmp_path) as hurt:
        ledger, done = Ledger(), asyncio.Event()
        workers = [asyncio.create_task(work(hurt, ledger, seed, done)) for seed in range(WORKERS)]
        hurting = asyncio.gather(
            kill_again_and_again(hurt, hurt.kill_service, 98), kill_again_and_again(hurt, hurt.kill_mongod, 99)
        )
        finished, _ = await asyncio.wait([hurting, *workers], return_when=asyncio.FIRST_COMPLETED)
        done.set()
        for task in finished:
            task.result()
        await asyncio.gather(*workers)
        assert Counter(part for part, _ in hurt.kills) == {"service": KILLS_EACH, "mongod": KILLS_EACH}
        met = Counter(part for part, asking in hurt.kills if asking)
        assert min(met["service"], met["mongod"]) >= KILLS_EACH // 2, f"kills that met requests under way: {met}"
        await hurt.until_healthy()
        await _settle_notices(hurt)
        await _compare(hurt, ledger)
        assert "Traceback" not in hurt.log(), hurt.log()[-4000:]
        print(  # noqa: T201
            f"kills {dict(Counter(part for part, _ in hurt.kills))}, of them under load {dict(met)}: {len(ledger.cases)} cases, "
            f"{len(ledger.actions)} actions acknowledged, {len(ledger.lost)} refused, {ledger.unanswered} first tries without an "
            f"answer, statuses {dict(ledger.statuses)}"
        )  # the figures of the run, for whoever looks


async def test_stop_under_load_ends_in_order_and_loses_nothing(tmp_path: Path) -> None:
    async with plant(tmp_path) as sound:
        ledger, done = Ledger(), asyncio.Event()
        workers = [asyncio.create_task(work(sound, ledger, seed, done)) for seed in range(WORKERS)]
        for seconds in (0.5, 6.0, 1.0):  # the jobs tick every five seconds
            await asyncio.sleep(seconds)
            assert await sound.stop_service() == 0
            sound.start_service()
            await sound.until_healthy()
        done.set()
        await asyncio.gather(*workers)
        await _settle_notices(sound)
        await _compare(sound, ledger)
        assert not [line for line in sound.log().splitlines() if " INFO " not in line]


async def _settle_notices(hurt: Plant) -> None:
    """Wait until every notice that lies in an outbox is in the inboxes, those of killed processes too."""
    database = await hurt.database()
    left: set[str] = set()
    for _ in range(300):
        cases = await database.find("cases", {}, projection={"outbox.id": 1})
        there = {notice["_id"] for notice in await database.find("notices", {}, projection={"_id": 1})}
        left = {item["id"] for case in cases for item in case["outbox"]} - there
        if not left:
            break
        await asyncio.sleep(0.2)
    await database.close()
    assert not left, f"{len(left)} notices never reached the inboxes"


async def _compare(hurt: Plant, ledger: Ledger) -> None:
    database = await hurt.database()
    stored = {case["_id"]: case for case in await database.find("cases", {})}
    notices = await database.find("notices", {})
    await database.close()
    missing = ledger.cases.keys() - stored.keys()
    assert not missing, f"{len(missing)} acknowledged cases are gone"
    assert len(stored) == len(ledger.cases), "every report was answered in the end, so there is no case that nobody knows"
    for identity, (_, body) in ledger.cases.items():
        assert stored[identity]["description"] == body["description"], identity
    _compare_actions(stored, ledger)
    broken = {case["_id"]: problems for case in stored.values() if (problems := verify(case["timeline"], case["_id"]))}
    assert not broken, f"broken chains: {broken}"
    _compare_notices(stored, notices)


def _compare_actions(stored: dict[str, dict[str, Any]], ledger: Ledger) -> None:
    there: Counter[str] = Counter()
    for case in stored.values():
        there.update(entry["key"] for entry in case["timeline"] if entry.get("key"))
        assert [entry["seq"] for entry in case["timeline"]] == list(range(1, len(case["timeline"]) + 1))
    roles = ("dispatcher", "unit_clerk", "operator", "grid_worker")

    def times(case: str, key: str) -> int:
        return sum(there[action_key(case, Actor(id=role), key) or ""] for role in roles)

    for key, (case, action) in ledger.actions.items():
        assert times(case, key) == 1, f"the acknowledged {action} of {case} is there {times(case, key)} times"
    landed = {key: action for key, (case, action) in ledger.lost.items() if times(case, key)}
    assert not landed, f"refused, and there nevertheless: {landed}"
    doubled = {key: count for key, count in there.items() if count > 1 and key is not None}
    assert not doubled, doubled


def _compare_notices(stored: dict[str, dict[str, Any]], notices: list[dict[str, Any]]) -> None:
    """The inboxes hold the notices of the timelines, each once (its id follows from its entry's), and no others."""
    expected: dict[str, tuple[str, str, Any]] = {}
    for identity, case in stored.items():
        has_lead = False
        heard: dict[Any, tuple[str, tuple[str, str, Any]]] = {}  # by instant: of one write the reporter hears the last
        for entry in case["timeline"]:
            has_lead = has_lead or entry["action"] in {"dispatch", "auto_dispatch"}
            row, at = row_of(entry), entry["at"]
            if _tells_somebody(row, has_lead):
                expected["n" + entry["id"]] = (identity, entry["action"], at)
            if "heard" in row.notices and at > case["live"]["reported_at"]:
                heard[at] = f"n{entry['id']}.r", (identity, HEARD_AS[entry["action"]], at)
        expected |= dict(heard.values())
    found = {notice["_id"]: (notice["case"], notice["kind"], notice["at"]) for notice in notices}
    assert len(found) == len(notices)
    assert found == expected, f"missing {expected.keys() - found.keys()}, too many {found.keys() - expected.keys()}"


def row_of(entry: dict[str, Any]) -> Transition:
    """Return the row of the table that an entry was made by."""
    row = find("case", entry.get("from", ""), entry["actor"]["role"], entry["action"])
    assert row is not None, entry
    return row


def _tells_somebody(row: Transition, has_lead: bool) -> bool:
    """Read from the table of transitions: whose row names somebody; a lead unit can be told when there is one. What reporters
    hear are notices of their own."""
    names, needs_lead = set(row.notices) - {"heard"}, {"lead", "assists", "third_urge"}
    return any(name not in needs_lead or (name != "third_urge" and has_lead) for name in names)


@pytest.mark.parametrize("processes", [1, 2])
async def test_of_200_actions_on_one_case_exactly_one_decides(tmp_path: Path, processes: int) -> None:
    async with plant(tmp_path, processes=processes) as sound:
        await _until_all_answer(sound)
        made = await sound.ask("grid_worker", "POST", "/events", body_of(random.Random(1)), key=new_key())
        case = made.body
        assert case["state"] == "dispatched", case
        path, keys = f"/cases/{case['id']}/actions/sign_in", [new_key() for _ in range(200)]
        answers = await asyncio.gather(*(sound.ask("unit_clerk", "POST", path, {"rev": case["rev"]}, key=key) for key in keys))
        statuses = Counter(answer.status for answer in answers)
        assert statuses[200] == 1 and statuses[412] + statuses[409] == 199, statuses
        winner = next(key for key, answer in zip(keys, answers, strict=True) if answer.status == 200)
        database = await sound.database()
        stored = await database.find_one("cases", {"_id": case["id"]})
        await database.close()
        assert stored is not None
        signed = [entry.get("key") for entry in stored["timeline"] if entry["action"] == "sign_in"]
        assert signed == [action_key(case["id"], Actor(id="unit_clerk"), winner)]
        assert not verify(stored["timeline"], stored["_id"])


async def _until_all_answer(sound: Plant) -> None:
    """Every process gives numbers out of a block of its own: go on until each has given one."""
    draw, blocks = random.Random(3), set[int]()
    for _ in range(400):
        made = await sound.ask("grid_worker", "POST", "/events", body_of(draw), key=new_key())
        blocks.add((int(made.body["case_no"].rpartition("-")[2]) - 1) // BLOCK)
        if len(blocks) == sound.processes:
            return
    raise AssertionError(f"{sound.processes} processes, numbers of blocks {blocks}")


@pytest.mark.parametrize("processes", [1, 2])
async def test_two_groups_on_the_same_20_cases_agree_with_the_database(tmp_path: Path, processes: int) -> None:
    async with plant(tmp_path, processes=processes) as sound:
        draw = random.Random(2)
        asks = [sound.ask("grid_worker", "POST", "/events", body_of(draw), key=new_key()) for _ in range(20)]
        cases = [answer.body for answer in await asyncio.gather(*asks)]

        async def group() -> list[tuple[str, str, int]]:
            keys = [new_key() for _ in cases]
            asks = [
                sound.ask("unit_clerk", "POST", f"/cases/{case['id']}/actions/sign_in", {"rev": case["rev"]}, key=key)
                for case, key in zip(cases, keys, strict=True)
            ]
            answers = await asyncio.gather(*asks)
            return [(case["id"], key, answer.status) for case, key, answer in zip(cases, keys, answers, strict=True)]

        first, second = await asyncio.gather(group(), group())
        won = {case: key for case, key, status in first + second if status == 200}
        assert sum(status == 200 for _, _, status in first + second) == len(won) == 20
        database = await sound.database()
        stored = await database.find("cases", {})
        await database.close()
        for case in stored:
            signed = [entry.get("key") for entry in case["timeline"] if entry["action"] == "sign_in"]
            assert signed == [action_key(case["_id"], Actor(id="unit_clerk"), won[case["_id"]])]
            assert not verify(case["timeline"], case["_id"])
