"""A whole installation that can be hurt: the real service and the real mongod as processes of their own, with a small city."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError

from rich.console import Console

from storage.client import Database
from storage.embedded import Embedded, start
from tests.small_city import write_pack
from web.cli.city import prepare
from web.settings import Settings

__all__ = ["Answer", "NoAnswer", "Plant", "plant"]

DATABASE = "heyun"
PATIENCE_SECONDS = 60.0


class NoAnswer(Exception):
    """The connection broke before an answer came: the request may or may not have been carried out."""


class Answer:
    """A status and a decoded body."""

    def __init__(self, status: int, body: Any) -> None:
        self.status, self.body = status, body


class Plant:
    """Starts, kills and restarts the two parts, and asks the service as a demo account."""

    def __init__(self, data: Path, mongod: Embedded) -> None:
        self.data, self.mongod = data, mongod
        self.port = _free_port()
        self.service: subprocess.Popen[bytes] | None = None
        self.kills: list[str] = []
        self.http = AsyncHTTPClient(force_instance=True, max_clients=256)

    @property
    def settings(self) -> Settings:
        return Settings(mongodb_uri=self.mongod.uri, data=self.data, port=self.port, database=DATABASE)

    @property
    def tokens(self) -> dict[str, str]:
        return {role: one["token"] for role, one in json.loads((self.data / "demo-accounts.json").read_text()).items()}

    def start_service(self) -> None:
        """Start a service process; it answers a moment later."""
        environment = {
            **os.environ, "HEYUN_MONGODB_URI": self.mongod.uri, "HEYUN_DATA": str(self.data), "HEYUN_PORT": str(self.port),
            "HEYUN_DATABASE": DATABASE, "HEYUN_HOST": "127.0.0.1",
        }  # fmt: skip
        log = (self.data / "service.log").open("ab")
        self.service = subprocess.Popen([sys.executable, "-m", "web.server"], env=environment, stdout=log, stderr=log)
        log.close()

    async def kill_service(self) -> None:
        """Kill -9 and start again."""
        assert self.service is not None
        self.service.send_signal(signal.SIGKILL)
        await asyncio.to_thread(self.service.wait)
        self.kills.append("service")
        self.start_service()
        await self.until_healthy()

    async def kill_mongod(self) -> None:
        """Kill -9 and start again on what it left."""
        os.kill(self.mongod.pid, signal.SIGKILL)
        while self.mongod.is_alive():
            await asyncio.sleep(0.01)
        self.kills.append("mongod")
        await asyncio.to_thread(self.mongod.restart)

    async def until_healthy(self) -> None:
        """Return when the service answers its health check."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(NoAnswer):
                if (await self.ask("dispatcher", "GET", "/health")).status == 200:
                    return
            await asyncio.sleep(0.05)
        raise AssertionError(f"the service did not come back: {(self.data / 'service.log').read_text()[-2000:]}")

    async def ask(self, role: str, method: str, path: str, body: Any = None, *, key: str | None = None) -> Answer:
        """Send one request once. Raises `NoAnswer` when the connection breaks or nothing comes in time."""
        headers = {"Authorization": f"Bearer {self.tokens_cached[role]}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        request = HTTPRequest(
            f"http://127.0.0.1:{self.port}/api/v1{path}", method=method, headers=headers,
            body=None if body is None else json.dumps(body), request_timeout=40, connect_timeout=5,
        )  # fmt: skip
        try:
            answer = await self.http.fetch(request, raise_error=False)
        except (HTTPStreamClosedError, HTTPTimeoutError, OSError) as error:
            raise NoAnswer(str(error)) from error
        if answer.code == 599:
            raise NoAnswer(str(answer.error))
        return Answer(answer.code, json.loads(answer.body) if answer.body else None)

    async def ask_until_answered(self, role: str, method: str, path: str, body: Any = None, *, key: str | None = None) -> Answer:
        """Send it again, the same, until the service answers with something else than «not now»."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            with contextlib.suppress(NoAnswer):
                answer = await self.ask(role, method, path, body, key=key)
                if answer.status not in {502, 503}:
                    return answer
            assert time.monotonic() < deadline, f"no answer to {method} {path} in {PATIENCE_SECONDS} s"
            await asyncio.sleep(random.uniform(0.02, 0.1))

    async def database(self) -> Database:
        """Open the database behind the service's back, to look at the truth."""
        return await Database.connect(self.mongod.uri, DATABASE)

    def prepare_tokens(self) -> None:
        """Read the tokens once: they do not change."""
        self.tokens_cached = self.tokens


@contextlib.asynccontextmanager
async def plant(folder: Path) -> AsyncIterator[Plant]:
    """Set up a small demo city with both parts running, and end them afterwards."""
    pack = write_pack(folder / "pack")
    mongod = await asyncio.to_thread(start, folder / "data", cache_gb=0.25)
    made = Plant(folder / "data", mongod)
    try:
        from dataclasses import replace

        settings = replace(made.settings, pack=str(pack))
        await prepare(settings, load_city=True, demo_only=True, console=Console(quiet=True))
        made.prepare_tokens()
        made.start_service()
        await made.until_healthy()
        yield made
    finally:
        made.http.close()
        if made.service is not None:
            made.service.terminate()
            made.service.wait(20)
        mongod.stop()


def new_key() -> str:
    """Return an idempotency key that nobody used before."""
    return secrets.token_hex(8)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
