"""The textbook rival: Tornado + motor + `$geoIntersects` + `$geoNear` + one case-and-audit transaction per event.

What a competent developer writes from the manuals: the database answers whether the category exists and what its limit is,
where the point is, which rule holds, who is near and which open cases of the category are within 100 m; a transaction writes
the case and its audit entry. It takes the same body and gives the same kind of answer (area path, responsible unit with its
basis, due time, helping organizations, possible duplicates, the case). It does less than the service: no candidates with
reasons, no hash chain, no notices, no masking, no live stream. Kept here so that anyone can rerun the ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import hashlib
import json
from typing import Any

import tornado.httpserver
import tornado.web
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

__all__ = ["TextbookHandler", "make_app"]

DUPLICATE_METRES, DUPLICATE_DAYS = 100, 15
LEVELS = ("grid", "community", "township", "district", "city")


class TextbookHandler(tornado.web.RequestHandler):
    """Takes one event at a time, the plain way."""

    def initialize(self, database: Any, token: str) -> None:
        self.database, self.token = database, token

    async def post(self) -> None:
        if self.request.headers.get("Authorization") != f"Bearer {self.token}":
            raise tornado.web.HTTPError(401)
        body = json.loads(self.request.body)
        key = self.request.headers.get("Idempotency-Key")
        if not key or not isinstance(body.get("description"), str) or not body.get("location"):
            raise tornado.web.HTTPError(422)
        category = await self.database.rival_categories.find_one({"_id": body["category"]})
        if category is None:
            raise tornado.web.HTTPError(422)
        point = {"type": "Point", "coordinates": [body["location"]["lon"], body["location"]["lat"]]}
        path = await self._locate(point)
        rule = await self._rule(body["category"], path)
        organizations = await self._organizations(point)
        case = self._case(key, body, point, path, rule, organizations)
        case["due_at"] = case["reported_at"] + datetime.timedelta(hours=category["limit_hours"])
        case["duplicates"] = await self._duplicates(case)
        status = 201 if await self._write(case) else 200
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.write(json.dumps(case, default=str, ensure_ascii=False))

    async def _locate(self, point: dict[str, Any]) -> list[dict[str, Any]]:
        query = {"geometry": {"$geoIntersects": {"$geometry": point}}}
        grid = await self.database.rival_grids.find_one(query, {"geometry": 0})
        if grid is None:
            raise tornado.web.HTTPError(422)
        areas = await self.database.rival_areas.find({"_id": {"$in": grid["path"]}}).to_list(None)
        areas.sort(key=lambda area: LEVELS.index(area["level"]), reverse=True)
        return [*areas, {"_id": grid["_id"], "name": grid["name"], "level": "grid"}]

    async def _rule(self, category: str, path: list[dict[str, Any]]) -> dict[str, Any] | None:
        query = {"category": {"$in": [category, category[:2], "*"]}, "area_code": {"$in": [area["_id"] for area in path]}}
        rules = await self.database.rival_rules.find(query).to_list(None)
        depth = {area["_id"]: number for number, area in enumerate(path)}
        return max(rules, key=lambda rule: (depth[rule["area_code"]], len(rule["category"])), default=None)

    async def _organizations(self, point: dict[str, Any]) -> list[dict[str, Any]]:
        stages = [
            {
                "$geoNear": {
                    "near": point,
                    "distanceField": "distance_m",
                    "spherical": True,
                    "key": "point",
                    "maxDistance": 10_000,
                }
            },
            {"$match": {"$expr": {"$lte": ["$distance_m", "$radius_m"]}}},
            {"$limit": 5},
            {"$project": {"name": 1, "distance_m": 1}},
        ]
        return await self.database.rival_organizations.aggregate(stages).to_list(None)

    async def _duplicates(self, case: dict[str, Any]) -> list[dict[str, Any]]:
        query = {
            "category": case["category"],
            "location": {"$nearSphere": {"$geometry": case["location"], "$maxDistance": DUPLICATE_METRES}},
            "state": {"$in": ["filed", "dispatched"]},
            "reported_at": {"$gte": case["reported_at"] - datetime.timedelta(days=DUPLICATE_DAYS)},
        }
        return await self.database.rival_cases.find(query, {"category": 1, "reported_at": 1}).limit(5).to_list(None)

    def _case(
        self,
        key: str,
        body: dict[str, Any],
        point: dict[str, Any],
        path: list[Any],
        rule: dict[str, Any] | None,
        organizations: list[Any],
    ) -> dict[str, Any]:
        now = datetime.datetime.now(datetime.UTC)
        return {
            "_id": hashlib.sha256(key.encode()).hexdigest()[:32],
            "state": "dispatched" if rule else "filed",
            "category": body["category"],
            "description": body["description"],
            "location": point,
            "area_path": path,
            "areas": [area["_id"] for area in path],
            "lead": {"code": rule["lead"], "basis": rule["basis"], "rule": rule["_id"]} if rule else None,
            "organizations": organizations,
            "reported_at": now,
            "rev": 1,
        }

    async def _write(self, case: dict[str, Any]) -> bool:
        async def both(session: Any) -> None:
            await self.database.rival_cases.insert_one(case, session=session)
            entry = {
                "case": case["_id"],
                "action": "report",
                "at": case["reported_at"],
                "state": case["state"],
                "actor": "grid_worker",
            }
            await self.database.rival_audit.insert_one(entry, session=session)

        try:
            async with await self.database.client.start_session() as session:
                await session.with_transaction(
                    both, read_concern=ReadConcern("majority"), write_concern=WriteConcern("majority", j=True)
                )
        except DuplicateKeyError:
            return False
        return True


def make_app(database: Any, token: str) -> tornado.web.Application:
    """Return the rival's application."""
    return tornado.web.Application([("/api/v1/events", TextbookHandler, {"database": database, "token": token})])


async def serve(uri: str, name: str, port: int, token: str) -> None:
    """Serve until killed."""
    database = AsyncIOMotorClient(uri, tz_aware=True)[name]
    tornado.httpserver.HTTPServer(make_app(database, token)).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for option in ("--uri", "--name", "--token"):
        parser.add_argument(option, required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    asyncio.run(serve(given.uri, given.name, given.port, given.token))
