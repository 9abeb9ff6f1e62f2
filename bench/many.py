"""Very many open cases: made from some that the service has taken in, so that lists and sweeps meet what they will meet.

A copy has its own id, number, place in the city, times and clocks. To keep a million of them on a small disk each copy keeps two
candidates, two organizations and the last entry of the timeline.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from bson import decode, encode
from bson.codec_options import CodecOptions
from pymongo import MongoClient, WriteConcern

from bench.installation import DATABASE, Installation, free_port, send
from bench.load import Job
from dispatch.keys import case_keys

__all__ = ["add_cases", "take_in_some"]

CASES = "cases"
GROUP = 2_000
SPREAD = timedelta(days=60)
_MODELS = 400
_AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)


def take_in_some(place: Installation) -> None:
    """Let the service take in reports all over the city: the models of the copies."""
    port = free_port()
    with place.process(["web.server"], port=port):
        send(
            Job(
                host="127.0.0.1", port=port, path="/api/v1/events", token=place.tokens["grid_worker"], connections=16,
                seconds=3, points=place.points(4000), categories=place.plain_categories(), seed=1,
            )
        )  # fmt: skip


def add_cases(place: Installation, count: int, *, due: int = 0, ended: bool = False, seed: int = 1) -> None:
    """Add `count` open (or `ended`) cases, the first `due` of them with a light that must change now."""
    with MongoClient[dict[str, Any]](place.uri, tz_aware=True) as client:
        cases = client[DATABASE].get_collection(CASES, write_concern=WriteConcern(w=1))
        models = list(cases.find({"live.state": "dispatched"}, limit=_MODELS))
        made = _copies([_slim(model, ended) for model in models], count, due, seed)
        while group := list(islice(made, GROUP)):
            cases.insert_many(group, ordered=False)


def _copies(models: list[dict[str, Any]], count: int, due: int, seed: int) -> Iterator[dict[str, Any]]:
    draw, now = random.Random(seed), datetime.now(UTC).replace(microsecond=0)
    stored = [encode(model) for model in models]  # a fresh copy comes out of BSON four times as fast as out of `deepcopy`
    for number in range(count):
        case: dict[str, Any] = decode(draw.choice(stored), _AWARE)
        case["_id"] = f"{draw.getrandbits(128):032x}"
        case["case_no"] = f"BM{now:%Y%m%d}-{seed:03d}{number:07d}"
        reported = now - timedelta(seconds=draw.randrange(int(SPREAD.total_seconds())))
        ends = now + timedelta(seconds=draw.randrange(3600, int(SPREAD.total_seconds())))
        _put_times(case, reported, ends, now - timedelta(seconds=60) if number < due else ends - timedelta(seconds=1800))
        if not case["live"]["open"]:
            case["next_light_at"] = None
        yield case


def _slim(model: dict[str, Any], ended: bool) -> dict[str, Any]:
    case: dict[str, Any] = copy.deepcopy(model)
    case["match"]["candidates"] = case["match"]["candidates"][:2]
    case["organizations"] = case["organizations"][:2]
    case["timeline"] = case["timeline"][-1:]
    for name in ("outbox", "told_at", "origin"):
        case.pop(name, None)
    if ended:
        case["live"].update(state="closed", open=False)
        case.update(closed_at=case["live"]["reported_at"], outcome="resolved", keys=case_keys(case))
    return case


def _put_times(case: dict[str, Any], reported: datetime, ends: datetime, yellow: datetime) -> None:
    case["live"].update(reported_at=reported, due_at=ends, light="green")
    for clock in case["clocks"]:
        if clock["done_at"] is None:
            clock.update(started_at=reported, due_at=ends, yellow_at=yellow, deep_red_at=ends + timedelta(days=7), light="green")
    case["next_light_at"] = yellow
