"""The race for a need: two hundred organizations claim its places at once over HTTP, of one service and of two side by side.

Exactly as many as there are places must have one, all others be told that it is filled; the case's chain must be whole and its
lead be told once of each. The seconds are those from the first request to the last answer.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.request import Request, urlopen

import aiohttp
import msgspec
from pymongo import MongoClient
from rich.table import Table

from bench.installation import DATABASE, Installation, console, free_port, installation
from dispatch.chain import verify

__all__ = ["Race", "main", "race"]

ORGANIZATIONS = 200
PLACES = (1, 20)
POINT = (106.7135, 26.5783)  # in the middle of the city
KIND, REACH_M = "VOL", 100_000.0
CATEGORY = "1801"  # complete without a photo; what is asked for does not depend on it


class Race(msgspec.Struct, frozen=True):
    """How a race ended: who got a place, why the others did not, how long it took until the last one knew."""

    won: int
    refused: dict[str, int]
    seconds: float


async def race(url: str, token: str, need: str, organizations: Sequence[str]) -> Race:
    """Have every organization claim the need at once; the token is of somebody who may act for all of them."""
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:
        for _ in range(2):  # as many connections are there as are needed: their making is not what is measured
            await asyncio.gather(*(_look(session, url) for _ in organizations))
        begun = time.perf_counter()
        answers = await asyncio.gather(*(_claim(session, f"{url}/api/v1/needs/{need}/claim", code) for code in organizations))
        seconds = time.perf_counter() - begun
    refused = Counter(answer for answer in answers if answer)
    return Race(answers.count(""), dict(refused), round(seconds, 3))


async def _look(session: aiohttp.ClientSession, url: str) -> None:
    async with session.get(f"{url}/api/v1/health") as answer:
        await answer.read()


async def _claim(session: aiohttp.ClientSession, path: str, organization: str) -> str:
    """Claim; returns why it was refused, empty where it was not."""
    key = {"Idempotency-Key": secrets.token_hex(8)}
    async with session.post(path, json={"organization": organization}, headers=key) as answer:
        body = await answer.json(content_type=None)
    return "" if answer.status == 200 else str(body.get("reason") or body.get("code"))


def main() -> dict[str, float]:
    """Measure, print and return for each number of places and of processes `won_…` (exact) and `seconds_…`."""
    figures: dict[str, float] = {}
    table = Table(
        "places", "processes", "won", "refused", "seconds", title=f"{ORGANIZATIONS} organizations claim one need at once"
    )
    with installation() as place:
        codes = _who_could_come(place)
        for processes in (1, 2):
            port = free_port()
            with place.process(["web.server"], port=port, processes=processes):
                for places in PLACES:
                    case = _need(place, port, places)
                    found = asyncio.run(race(f"http://127.0.0.1:{port}", place.tokens["org_coordinator"], f"{case}.n1", codes))
                    _check(place, case, places, found)
                    figures |= {f"won_{places}_of_{processes}": found.won, f"seconds_{places}_of_{processes}": found.seconds}
                    table.add_row(str(places), str(processes), str(found.won), str(found.refused), f"{found.seconds:.3f}")
    console.print(table)
    return figures


def _who_could_come(place: Installation) -> list[str]:
    """Give the volunteers of the city a reach as wide as the city and return as many of them as race; none is busy yet."""
    with MongoClient[dict[str, Any]](place.uri) as client:
        organizations = client[DATABASE].organizations
        organizations.update_many({"kinds": KIND}, {"$set": {"radius_m": REACH_M}})
        found = organizations.find({"kinds": KIND, "standing": "normal"}, {"_id": 1}).sort("_id", 1).limit(ORGANIZATIONS)
        return [str(one["_id"]) for one in found]


def _need(place: Installation, port: int, places: int) -> str:
    """Report a case, dispatch it, open a need with so many places; returns the id of the case."""
    lon, lat = POINT
    where = {"lon": lon, "lat": lat, "crs": "WGS-84", "accuracy_m": 5}
    case = _post(
        place, port, "grid_worker", "events", {"description": "独居老人行动不便", "category": CATEGORY, "location": where}
    )
    if case["state"] == "filed":
        action = next(one for one in _get(place, port, "dispatcher", case["id"])["actions"] if one["name"] == "dispatch")
        unit = next(field for field in action["fields"] if field["name"] == "unit")["value"]
        case = _post(place, port, "dispatcher", f"cases/{case['id']}/actions/dispatch", {"rev": case["rev"], "unit": unit})
    wanted = {"rev": case["rev"], "kind": KIND, "help": "companionship", "what": "陪独居老人就医", "places": places}
    return str(_post(place, port, "dispatcher", f"cases/{case['id']}/actions/open_need", wanted)["id"])


def _post(place: Installation, port: int, role: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    return _ask(place, port, role, path, json.dumps(body).encode(), {"Idempotency-Key": secrets.token_hex(8)})


def _get(place: Installation, port: int, role: str, case: str) -> dict[str, Any]:
    return _ask(place, port, role, f"cases/{case}", None, {})


def _ask(place: Installation, port: int, role: str, path: str, body: bytes | None, more: dict[str, str]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {place.tokens[role]}", "Content-Type": "application/json", **more}
    with urlopen(Request(f"http://127.0.0.1:{port}/api/v1/{path}", body, headers)) as answer:
        return dict(json.load(answer))


def _check(place: Installation, case_id: str, places: int, found: Race) -> None:
    """Raise where the database, the chain or the notices say anything else than the answers."""
    time.sleep(1)  # notices travel together a moment later
    with MongoClient[dict[str, Any]](place.uri, tz_aware=True) as client:
        case = client[DATABASE].cases.find_one({"_id": case_id})
        told = client[DATABASE].notices.count_documents({"case": case_id, "kind": "claim_need"})
    assert case is not None  # it was made a moment ago
    claimed = [task["organization"]["code"] for task in case["tasks"] if task["state"] == "claimed"]
    counts = {found.won, len(claimed), len(set(claimed)), told, places}
    if len(counts) > 1 or found.refused != {"need_filled": ORGANIZATIONS - places} or verify(case["timeline"], case_id):
        raise RuntimeError(f"{places} places: {found}, {len(claimed)} claimed, {told} told, {verify(case['timeline'], case_id)}")
