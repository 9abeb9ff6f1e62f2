"""Intake: what a report costs, everything included, against what only parsing costs and against the textbook rival.

All variants run against one mongod in one go, in turn, several rounds; the client, the service and mongod share the machine.
Each has a database of its own, so that a process that is not measured does not follow what another one writes, begins each round
without a case, is warmed up until most places and categories were asked for once, and finds an empty write-back cache. Ratios
are made inside a round and their median is quoted.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from pymongo import GEOSPHERE, MongoClient
from rich.table import Table

from bench.installation import DATABASE, Installation, console, free_port, installation, send
from bench.load import Job, Outcome

__all__ = ["main"]

ROUNDS = 5
SECONDS = 4.0
CONNECTIONS = 64
TOKEN = "textbook"
EVENTS = "/api/v1/events"
WARMUP_SECONDS = 12.0  # until most places and categories have been asked for once
RIVAL, TWO, ALONE = "textbook", "heyun_two", "heyun_alone"
WRITTEN = ("cases", "notices", "tellings", "rival_cases", "rival_audit")
GOALS = {
    "share_of_parse_only": "≥ 0.30", "times_textbook": "≥ 6", "times_textbook_2p": "≥ 7", "p99_share": "≤ 0.25",
    "p50_single_share": "≤ 0.6", "p50_alone_share": "≤ 1.15",
}  # fmt: skip


class Variant(msgspec.Struct, frozen=True):
    """What one variant did in one round; processor time of the service and of mongod in microseconds an answer."""

    outcome: Outcome
    service_us: float
    mongod_us: float


Round = dict[str, Variant]


def main(rounds_wanted: int = ROUNDS, seconds: float = SECONDS) -> dict[str, float]:
    """Measure, print a table and return the figures."""
    with installation() as place:
        for name in (TWO, ALONE):
            place.copy_city(name)
        _load_rival(place)
        rounds = [_round(place, number, rounds_wanted, seconds) for number in range(rounds_wanted)]
    figures = _figures(rounds)
    _print(rounds, figures)
    return figures


# name → arguments, processes, database; only the one that is measured runs
SERVERS = {
    "ours": (["bench.service"], 1, DATABASE),
    "textbook": (["bench.textbook"], 1, RIVAL),
    "ours_2p": (["bench.service"], 2, TWO),
    "alone": (["bench.service", "--alone"], 1, ALONE),
}
# server → what is measured on it: name, path, connections
PLAN = {
    "ours": [("parse", "/bench/parse", CONNECTIONS), ("ours", EVENTS, CONNECTIONS), ("ours_1", EVENTS, 1)],
    "textbook": [("textbook", EVENTS, CONNECTIONS), ("textbook_1", EVENTS, 1)],
    "ours_2p": [("ours_2p", EVENTS, CONNECTIONS)],
    "alone": [("alone_1", EVENTS, 1)],
}


def _round(place: Installation, number: int, rounds: int, seconds: float) -> Round:
    found: Round = {}
    with console.status(f"round {number + 1} of {rounds}"):
        for server in sorted(PLAN, reverse=bool(number % 2)):
            found |= _measured(place, server, number, seconds)
    return {name: found[name] for measured in PLAN.values() for name, _, _ in measured}


def _measured(place: Installation, server: str, number: int, seconds: float) -> Round:
    """Start one server, warm it up, send each load of its plan."""
    arguments, processes, database = SERVERS[server]
    place.forget(database, WRITTEN)
    if server == "textbook":
        _index_rival(place)
    port = free_port()
    if server == "textbook":
        arguments = [*arguments, "--uri", place.uri, "--name", database, "--token", TOKEN, "--port", str(port)]
    job = Job(
        host="127.0.0.1", port=port, path=EVENTS, token=TOKEN if server == "textbook" else place.tokens["grid_worker"],
        connections=CONNECTIONS, seconds=WARMUP_SECONDS, points=place.points(4000, seed=number),
        categories=place.plain_categories(), seed=number * 100 + 99,
    )  # fmt: skip
    with place.process(arguments, port=port, processes=processes, database=database) as running:
        send(job)
        place.settle()
        return {
            name: _variant(
                place,
                running,
                msgspec.structs.replace(job, path=path, connections=many, seconds=seconds, seed=number * 100 + turn),
            )
            for turn, (name, path, many) in enumerate(PLAN[server])
        }


def _variant(place: Installation, running: Sequence[subprocess.Popen[bytes]], job: Job) -> Variant:
    pids = [process.pid for process in running]
    before = _used_seconds(pids), _used_seconds([place.mongod_pid])
    outcome = send(job)
    after = _used_seconds(pids), _used_seconds([place.mongod_pid])
    answers = sum(outcome.statuses.values()) / 1e6
    return Variant(outcome, (after[0] - before[0]) / answers, (after[1] - before[1]) / answers)


def _used_seconds(pids: Sequence[int]) -> float:
    """Return the processor time that processes have used, threads included."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    per_second: int = os.sysconf("SC_CLK_TCK")
    return ticks / per_second


def _figures(rounds: list[Round]) -> dict[str, float]:
    def median(above: str, below: str, field: str) -> float:
        pairs = ((getattr(one[above].outcome, field), getattr(one[below].outcome, field)) for one in rounds)
        return round(statistics.median(ours / theirs for ours, theirs in pairs), 3)

    return {
        "share_of_parse_only": median("ours", "parse", "per_second"),
        "times_textbook": median("ours", "textbook", "per_second"),
        "times_textbook_2p": median("ours_2p", "textbook", "per_second"),
        "p99_share": median("ours", "textbook", "p99_ms"),
        "p50_single_share": median("ours_1", "textbook_1", "p50_ms"),
        "p50_alone_share": median("ours_1", "alone_1", "p50_ms"),
    }


def _print(rounds: list[Round], figures: dict[str, float]) -> None:
    title = f"intake, medians of {len(rounds)} rounds"
    table = Table("variant", "answers/s", "p50 ms", "p99 ms", "service µs", "mongod µs", "statuses", title=title)
    for name in rounds[0]:
        variants = [one[name] for one in rounds]
        of_outcome = [
            statistics.median(getattr(one.outcome, field) for one in variants) for field in ("per_second", "p50_ms", "p99_ms")
        ]
        used = [statistics.median(getattr(one, field) for one in variants) for field in ("service_us", "mongod_us")]
        rate, p50, p99 = of_outcome
        shown = [f"{rate:,.0f}", f"{p50:.2f}", f"{p99:.2f}", *(f"{one:,.0f}" for one in used), str(variants[0].outcome.statuses)]
        table.add_row(name, *shown)
    console.print(table)
    for name, value in figures.items():
        console.print(f"  {name:<22} {value:<8} {GOALS[name]}")
    console.print(f"  state of the last case taken in: {json.loads(rounds[-1]['ours'].outcome.sample or '{}').get('state')}")


def _load_rival(place: Installation) -> None:
    """Give the rival the same city: grids with geometry, areas, rules and organizations with the indexes it needs."""
    client: MongoClient[dict[str, object]] = MongoClient(place.uri)
    database = client[RIVAL]
    with gzip.open(place.pack / "areas.geojson.gz") as file:
        features = json.load(file)["features"]
    parents = {one["properties"]["code"]: one["properties"].get("parent") for one in features}
    areas = [{"_id": one["properties"]["code"], **_plain(one["properties"])} for one in features]
    database.rival_areas.insert_many([one for one in areas if one["level"] != "grid"])
    grids = [one for one in features if one["properties"]["level"] == "grid"]
    database.rival_grids.insert_many(
        [
            {"_id": one["properties"]["code"], "name": one["properties"]["name"], "geometry": one["geometry"],
             "path": _path(one["properties"]["parent"], parents)}
            for one in grids
        ]
    )  # fmt: skip
    database.rival_grids.create_index([("geometry", GEOSPHERE)])
    _load_rival_parties(client[DATABASE], database)
    client.close()


def _index_rival(place: Installation) -> None:
    with MongoClient[dict[str, object]](place.uri) as client:
        client[RIVAL].create_collection("rival_audit")
        client[RIVAL].rival_cases.create_index([("category", 1), ("location", GEOSPHERE)])


def _plain(properties: dict[str, object]) -> dict[str, object]:
    return {"name": properties["name"], "level": properties["level"]}


def _path(code: str | None, parents: dict[str, str | None]) -> list[str]:
    path = []
    while code:
        path.append(code)
        code = parents[code]
    return path


def _load_rival_parties(city: Any, database: Any) -> None:
    database.rival_categories.insert_many([{"_id": one, "limit_hours": 24} for one in city.categories.distinct("_id")])
    rules = list(city.rules.find())
    for rule in rules:
        rule["area_code"] = rule.get("area_code") or "520100"
    database.rival_rules.insert_many(
        [
            {
                "_id": str(rule["_id"]),
                "category": rule["category"],
                "area_code": rule["area_code"],
                "lead": rule["lead"],
                "basis": rule.get("basis", ""),
            }
            for rule in rules
        ]
    )
    database.rival_rules.create_index([("category", 1), ("area_code", 1)])
    organizations = [one for one in city.organizations.find() if one.get("lon") is not None]
    database.rival_organizations.insert_many(
        [
            {"_id": str(one["_id"]), "name": one["name"], "radius_m": one.get("radius_m") or 3000,
             "point": {"type": "Point", "coordinates": [one["lon"], one["lat"]]}}
            for one in organizations
        ]
    )  # fmt: skip
    database.rival_organizations.create_index([("point", GEOSPHERE)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args()
    print(json.dumps(main(given.rounds, given.seconds)))
