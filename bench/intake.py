"""Intake: what a report costs, everything included, against what only parsing costs and against the textbook rival.

All variants run against one mongod in one go, in turn, several rounds; the client, the service and mongod share the machine.
Each has a database of its own, so that a process that is not measured does not follow what another one writes. Ratios are
made inside a round and their median is quoted.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
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
RIVAL, TWO, ALONE = "textbook", "heyun_two", "heyun_alone"
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
    with installation() as place, ExitStack() as stack:
        for name in (TWO, ALONE):
            place.copy_city(name)
        _load_rival(place)
        ports = {name: free_port() for name in ("ours", "ours_2p", "alone", "textbook")}
        ours = stack.enter_context(place.process(["bench.service"], port=ports["ours"]))
        ours_2p = stack.enter_context(place.process(["bench.service"], port=ports["ours_2p"], processes=2, database=TWO))
        alone = stack.enter_context(place.process(["bench.service", "--alone"], port=ports["alone"], database=ALONE))
        rival = ["bench.textbook", "--uri", place.uri, "--name", RIVAL, "--token", TOKEN, "--port", str(ports["textbook"])]
        textbook = stack.enter_context(place.process(rival, port=ports["textbook"]))
        started = {"ours": ours, "ours_2p": ours_2p, "alone": alone, "textbook": textbook}
        pids = {name: [process.pid for process in processes] for name, processes in started.items()}
        rounds = [_round(place, ports, pids, number, rounds_wanted, seconds) for number in range(rounds_wanted)]
    figures = _figures(rounds)
    _print(rounds, figures)
    return figures


def _round(
    place: Installation, ports: dict[str, int], pids: dict[str, list[int]], number: int, rounds: int, seconds: float
) -> Round:
    points, categories = place.points(4000, seed=number), _categories(place)
    tokens = {"textbook": TOKEN}

    def job(name: str, path: str, connections: int, seed: int) -> Variant:
        token = tokens.get(name, place.tokens["grid_worker"])
        before = _used_seconds(pids[name]), _used_seconds([place.mongod_pid])
        outcome = send(
            Job(
                host="127.0.0.1", port=ports[name], path=path, token=token, connections=connections, seconds=seconds,
                points=points, categories=categories, seed=seed,
            )
        )  # fmt: skip
        answers = sum(outcome.statuses.values()) / 1e6
        after = _used_seconds(pids[name]), _used_seconds([place.mongod_pid])
        return Variant(outcome, (after[0] - before[0]) / answers, (after[1] - before[1]) / answers)

    plan = [
        ("parse", "ours", "/bench/parse", CONNECTIONS), ("ours", "ours", "/api/v1/events", CONNECTIONS),
        ("textbook", "textbook", "/api/v1/events", CONNECTIONS), ("ours_2p", "ours_2p", "/api/v1/events", CONNECTIONS),
        ("textbook_1", "textbook", "/api/v1/events", 1), ("ours_1", "ours", "/api/v1/events", 1),
        ("alone_1", "alone", "/api/v1/events", 1),
    ]  # fmt: skip
    if number % 2:
        plan.reverse()
    with console.status(f"round {number + 1} of {rounds}"):
        return {
            name: job(where, path, connections, seed=number * 100 + place_in_plan)
            for place_in_plan, (name, where, path, connections) in enumerate(plan)
        }


def _used_seconds(pids: Sequence[int]) -> float:
    """Return the processor time that processes have used, threads included."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    per_second: int = os.sysconf("SC_CLK_TCK")
    return ticks / per_second


def _categories(place: Installation) -> list[str]:
    """Return the categories whose report is complete without a photo and not sensitive: filed and dispatched in the write."""
    with (place.pack / "categories.csv").open(encoding="utf-8") as file:
        return [
            row["code"] for row in csv.DictReader(file) if not {"K", "S"} & set(row["flags"]) and row["urgency"] != "emergency"
        ]


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
    for name in ("rival_cases", "rival_audit"):
        database.create_collection(name)
    _load_rival_parties(client[DATABASE], database)
    client.close()


def _plain(properties: dict[str, object]) -> dict[str, object]:
    return {"name": properties["name"], "level": properties["level"]}


def _path(code: str | None, parents: dict[str, str | None]) -> list[str]:
    path = []
    while code:
        path.append(code)
        code = parents[code]
    return path


def _load_rival_parties(city: Any, database: Any) -> None:
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
