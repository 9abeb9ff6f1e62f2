"""A whole service for tests: a real Tornado server on a free port over a real database with a small city and signed-in people.

`open_service` is an async context manager; `Running` holds the address, a client, and the people's tokens and passwords.
"""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from dispatch.service import utc_now
from orgs.accounts import Accounts
from storage.client import Database
from tests.small_city import INSIDE, PEOPLE, write_pack
from web.app import make_app, make_server
from web.cli.city import import_folder
from web.services import Services, build
from web.settings import Settings

__all__ = ["Answer", "Running", "asking_now_and_then", "event", "open_service"]

PASSWORD = "Heyun-2026-test"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: status, headers, decoded JSON (None where there is none), raw bytes."""

    status: int
    headers: Mapping[str, str]
    json: Any
    body: bytes

    @property
    def code(self) -> str | None:
        """The code of a problem document."""
        return self.json.get("code") if isinstance(self.json, dict) else None


@dataclass(slots=True)
class Running:
    """A running service. `tokens` by user name; `call` sends a request as somebody."""

    url: str
    services: Services
    server: HTTPServer
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.url.rpartition(":")[2])

    async def call(
        self,
        method: str,
        path: str,
        *,
        user: str | None = None,
        body: Any = None,
        raw: bytes | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request; `body` becomes JSON, `raw` goes as it is. Never raises for a status."""
        sent = dict(headers or {})
        if user is not None:
            sent["Authorization"] = f"Bearer {self.tokens[user]}"
        if key is not None:
            sent["Idempotency-Key"] = key
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        url = path if path.startswith("http") else self.url + path
        request = HTTPRequest(url, method=method, headers=sent, body=data, allow_nonstandard_methods=True, follow_redirects=False)
        return _answer(await AsyncHTTPClient(force_instance=True, max_body_size=64 << 20).fetch(request, raise_error=False))

    async def get(self, path: str, user: str | None = None, **options: Any) -> Answer:
        """GET as somebody."""
        return await self.call("GET", path, user=user, **options)

    async def post(self, path: str, body: Any, user: str | None = None, *, key: str | None = None, **options: Any) -> Answer:
        """POST JSON as somebody, with a fresh key unless one is given."""
        return await self.call("POST", path, user=user, body=body, key=key or secrets.token_hex(8), **options)

    async def report(self, user: str = "grid_worker", **changes: Any) -> dict[str, Any]:
        """Report an event and return the case."""
        answer = await self.post("/api/v1/events", event(**changes), user)
        assert answer.status == 201, answer.body
        case: dict[str, Any] = answer.json
        return case

    async def counts(self) -> dict[str, int]:
        """Return how many documents lie in the collections that a request could add to."""
        await self.services.cases.relay.sweep()  # notices of earlier cases are not this request's
        names = ("cases", "notices", "media_pictures", "media_files", "media_chunks", "sessions")
        return {name: await self.services.database.count(name, {}) for name in names}


def _answer(response: HTTPResponse) -> Answer:
    body = response.body or b""
    kind = response.headers.get("Content-Type", "")
    decoded = json.loads(body) if "json" in kind and body else None
    return Answer(response.code, response.headers, decoded, body)


def event(**changes: Any) -> dict[str, Any]:
    """Return the body of an event inside the small city."""
    lon, lat = INSIDE
    body: dict[str, Any] = {
        "description": "人行道井盖缺失,约50厘米,行人绕行",
        "category": "0201",
        "location": {"lon": lon, "lat": lat, "crs": "WGS-84", "accuracy_m": 5},
    }
    return body | changes


async def _people(database: Database) -> dict[str, str]:
    accounts = Accounts(database)
    for username, *_ in PEOPLE:
        await accounts.create_account(username, PASSWORD if username in ("operator", "dispatcher") else None)
    tokens = {username: await accounts.issue_token(username, "test") for username, *_ in PEOPLE}
    accounts.close()
    return tokens


async def load_small_city(database: Database, folder: Path) -> dict[str, str]:
    """Import the small city and make an account for each of its people; returns their tokens by user name."""
    await import_folder(database, write_pack(folder / "pack"), Console(file=io.StringIO()))
    return await _people(database)


def asking_now_and_then(uri: str) -> str:
    """Return a connection string by which the driver asks the server from time to time how it is.

    The loop of a folder's service stands still while tests of other folders run. An answer that is waited for all the time, as
    by default, would be long overdue then, and the driver would break off what has just begun.
    """
    return f"{uri}{'&' if '?' in uri else '?'}serverMonitoringMode=poll"


@asynccontextmanager
async def open_service(
    uri: str, folder: Path, *, driver: str = "motor", name: str | None = None, clock: Callable[[], datetime] = utc_now
) -> AsyncIterator[Running]:
    """Serve a small city from a database of its own, dropped afterwards. `folder` takes keys and the pack."""
    uri = asking_now_and_then(uri)
    name = name or f"heyun_test_{secrets.token_hex(6)}"
    database = await Database.connect(uri, name, driver=driver)
    try:
        tokens = await load_small_city(database, folder)
        async with serving(Settings(mongodb_uri=uri, database=name, driver=driver, data=folder), tokens, clock=clock) as running:
            yield running
    finally:
        await database.drop_database()
        await database.close()


@asynccontextmanager
async def serving(
    settings: Settings, tokens: Mapping[str, str], *, clock: Callable[[], datetime] = utc_now
) -> AsyncIterator[Running]:
    """Serve what lies in the configured database on a free port of the loopback."""
    services = await build(settings, clock=clock)
    try:
        server = make_server(make_app(services))
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        yield Running(f"http://127.0.0.1:{sockets[0].getsockname()[1]}", services, server, dict(tokens))
        server.stop()
        await server.close_all_connections()
    finally:
        await services.close()
