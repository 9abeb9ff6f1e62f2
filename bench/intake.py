"""Intake: what a report costs, everything included, against what only parsing costs and against the textbook rival.

All variants run against one database in one go, in turn, several rounds; the client, the service and mongod share the
machine. Ratios are made inside a round and their median is quoted.
"""

from __future__ import annotations

import csv
import gzip
import json
import statistics
from contextlib import ExitStack

from pymongo import GEOSPHERE, MongoClient
from rich.table import Table

from bench.installation import DATABASE, Installation, console, free_port, installation, send
from bench.load import Job, Outcome

__all__ = ["main"]

ROUNDS = 5
SECONDS = 4.0
CONNECTIONS = 64
TOKEN = "textbook"
GOALS = {
    "share_of_parse_only": "≥ 0.30", "times_textbook": "≥ 6", "times_textbook_2p": "≥ 7", "p99_share": "≤ 0.25",
    "p50_single_share": "≤ 0.6", "p50_alone_share": "≤ 1.15",
}  # fmt: skip


def main() -> dict[str, float]:
    """Measure, print a table and return the figures."""
    with installation() as place, ExitStack() as stack:
        _load_rival(place)
        ports = {name: free_port() for name in ("ours", "ours_2p", "alone", "textbook")}
        stack.enter_context(place.process(["bench.service"], port=ports["ours"]))
        stack.enter_context(place.process(["bench.service"], port=ports["ours_2p"], processes=2))
        stack.enter_context(place.process(["bench.service", "--alone"], port=ports["alone"]))
        rival = ["bench.textbook", "--uri", place.uri, "--name", DATABASE, "--token", TOKEN, "--port", str(ports["textbook"])]
        stack.enter_context(place.process(rival, port=ports["textbook"]))
        rounds = [_round(place, ports, number) for number in range(ROUNDS)]
    figures = _figures(rounds)
    _print(rounds, figures)
    return figures


def _round(place: Installation, ports: dict[str, int], number: int) -> dict[str, Outcome]:
    points, categories = place.points(4000, seed=number), _categories(place)
    tokens = {"textbook": TOKEN}

    def job(name: str, path: str, connections: int, seed: int) -> Outcome:
        token = tokens.get(name, place.tokens["grid_worker"])
        return send(
            Job(
                host="127.0.0.1", port=ports[name], path=path, token=token, connections=connections, seconds=SECONDS,
                points=points, categories=categories, seed=seed,
            )
        )  # fmt: skip

    plan = [
        ("parse", "ours", "/bench/parse", CONNECTIONS), ("ours", "ours", "/api/v1/events", CONNECTIONS),
        ("textbook", "textbook", "/api/v1/events", CONNECTIONS), ("ours_2p", "ours_2p", "/api/v1/events", CONNECTIONS),
        ("textbook_1", "textbook", "/api/v1/events", 1), ("ours_1", "ours", "/api/v1/events", 1),
        ("alone_1", "alone", "/api/v1/events", 1),
    ]  # fmt: skip
    if number % 2:
        plan.reverse()
    with console.status(f"round {number + 1} of {ROUNDS}"):
        return {
            name: job(where, path, connections, seed=number * 100 + place_in_plan)
            for place_in_plan, (name, where, path, connections) in enumerate(plan)
        }


def _categories(place: Installation) -> list[str]:
    """Return the categories whose report is complete without a photo and not sensitive: filed and dispatched in the write."""
    with (place.pack / "categories.csv").open(encoding="utf-8") as file:
        return [
            row["code"] for row in csv.DictReader(file) if not {"K", "S"} & set(row["flags"]) and row["urgency"] != "emergency"
        ]


def _figures(rounds: list[dict[str, Outcome]]) -> dict[str, float]:
    def median(above: str, below: str, field: str) -> float:
        return round(statistics.median(getattr(one[above], field) / getattr(one[below], field) for one in rounds), 3)

    return {
        "share_of_parse_only": median("ours", "parse", "per_second"),
        "times_textbook": median("ours", "textbook", "per_second"),
        "times_textbook_2p": median("ours_2p", "textbook", "per_second"),
        "p99_share": median("ours", "textbook", "p99_ms"),
        "p50_single_share": median("ours_1", "textbook_1", "p50_ms"),
        "p50_alone_share": median("ours_1", "alone_1", "p50_ms"),
    }


def _print(rounds: list[dict[str, Outcome]], figures: dict[str, float]) -> None:
    table = Table("variant", "answers/s", "p50 ms", "p99 ms", "statuses", title=f"intake, medians of {len(rounds)} rounds")
    for name in rounds[0]:
        outcomes = [one[name] for one in rounds]
        rate, p50, p99 = (statistics.median(getattr(o, field) for o in outcomes) for field in ("per_second", "p50_ms", "p99_ms"))
        table.add_row(name, f"{rate:,.0f}", f"{p50:.2f}", f"{p99:.2f}", str(outcomes[0].statuses))
    console.print(table)
    for name, value in figures.items():
        console.print(f"  {name:<22} {value:<8} {GOALS[name]}")
    console.print(f"  state of the last case taken in: {json.loads(rounds[-1]['ours'].sample or '{}').get('state')}")


def _load_rival(place: Installation) -> None:
    """Give the rival the same city: grids with geometry, areas, rules and organizations with the indexes it needs."""
    client: MongoClient[dict[str, object]] = MongoClient(place.uri)
    database = client[DATABASE]
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
    _load_rival_parties(database)
    client.close()


def _plain(properties: dict[str, object]) -> dict[str, object]:
    return {"name": properties["name"], "level": properties["level"]}


def _path(code: str | None, parents: dict[str, str | None]) -> list[str]:
    path = []
    while code:
        path.append(code)
        code = parents[code]
    return path


def _load_rival_parties(database: object) -> None:
    rules = list(database.rules.find())  # type: ignore[attr-defined]
    for rule in rules:
        rule["area_code"] = rule.get("area_code") or "520100"
    database.rival_rules.insert_many(  # type: ignore[attr-defined]
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
    database.rival_rules.create_index([("category", 1), ("area_code", 1)])  # type: ignore[attr-defined]
    organizations = [one for one in database.organizations.find() if one.get("lon") is not None]  # type: ignore[attr-defined]
    database.rival_organizations.insert_many(  # type: ignore[attr-defined]
        [
            {"_id": str(one["_id"]), "name": one["name"], "radius_m": one.get("radius_m") or 3000,
             "point": {"type": "Point", "coordinates": [one["lon"], one["lat"]]}}
            for one in organizations
        ]
    )  # fmt: skip
    database.rival_organizations.create_index([("point", GEOSPHERE)])  # type: ignore[attr-defined]


if __name__ == "__main__":
    print(json.dumps(main()))
