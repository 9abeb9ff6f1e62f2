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
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError

from storage.client import Database
from storage.embedded import Embedded, start
from tests.small_city import write_pack
from web.cli.city import prepare
from web.settings import Settings

__all__ = ["Answer", "NoAnswer", "Plant", "new_key", "plant"]

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

    def __init__(self, data: Path, mongod: Embedded, processes: int = 1) -> None:
        self.data, self.mongod = data, mongod
        self.processes = processes
        self.port = _free_port()
        self.services: list[subprocess.Popen[bytes]] = []
        self.kills: list[tuple[str, int]] = []  # which part, and how many requests were under way
        self.asking = 0
        self.http = AsyncHTTPClient(force_instance=True, max_clients=256)

    @property
    def settings(self) -> Settings:
        return Settings(mongodb_uri=self.mongod.uri, data=self.data, port=self.port, database=DATABASE, processes=self.processes)

    @property
    def tokens(self) -> dict[str, str]:
        return {role: one["token"] for role, one in json.loads((self.data / "demo-accounts.json").read_text()).items()}

    def start_service(self, place: int = 0) -> None:
        """Start a service process; it answers a moment later."""
        own = {
            "MONGODB_URI": self.mongod.uri, "DATA": str(self.data), "PORT": str(self.port), "DATABASE": DATABASE,
            "HOST": "127.0.0.1", "PROCESSES": str(self.processes),
        }  # fmt: skip
        environment = os.environ | {f"HEYUN_{name}": value for name, value in own.items()}
        with (self.data / "service.log").open("ab") as log:
            made = subprocess.Popen([sys.executable, "-m", "web.server"], env=environment, stdout=log, stderr=log)
        self.services[place : place + 1] = [made]

    def revive(self) -> None:
        """Start again what has ended by itself, as the launcher does: a service ends when there is no database at its start."""
        for place, service in enumerate(self.services):
            if service.poll() is not None:
                self.start_service(place)

    async def kill_service(self) -> None:
        """Kill -9 and start again."""
        await self.end_service()
        self.start_service()
        await self.until_healthy()

    async def end_service(self, place: int = 0) -> None:
        """Kill -9 and leave it."""
        self.kills.append(("service", self.asking))
        self.services[place].send_signal(signal.SIGKILL)
        await asyncio.to_thread(self.services[place].wait)

    async def stop_service(self) -> int:
        """Ask it to end; returns its exit status."""
        self.services[0].terminate()
        return await asyncio.to_thread(self.services[0].wait, 30)

    def log(self) -> str:
        """What the service has written so far."""
        return (self.data / "service.log").read_text()

    async def kill_mongod(self) -> None:
        """Kill -9 and start again on what it left."""
        self.kills.append(("mongod", self.asking))
        os.kill(self.mongod.pid, signal.SIGKILL)
        while self.mongod.is_alive():  # noqa: ASYNC110  a process that dies sends no event
            await asyncio.sleep(0.01)
        await asyncio.to_thread(self.mongod.restart)

    async def until_healthy(self) -> None:
        """Return when the service answers its health check."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            self.revive()
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
        self.asking += 1
        try:
            answer = await self.http.fetch(request, raise_error=False)
        except (HTTPStreamClosedError, HTTPTimeoutError, OSError) as error:
            raise NoAnswer(str(error)) from error
        finally:
            self.asking -= 1
        if answer.code == 599:
            raise NoAnswer(str(answer.error))
        return Answer(answer.code, json.loads(answer.body) if answer.body else None)

    async def ask_until_answered(self, role: str, method: str, path: str, body: Any = None, *, key: str | None = None) -> Answer:
        """Send it again, the same, until the service answers with something else than «not now»."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        heard: list[str] = []
        while True:
            try:
                answer = await self.ask(role, method, path, body, key=key)
            except NoAnswer as error:
                heard.append(str(error))
            else:
                if answer.status not in {502, 503}:
                    return answer
                heard.append(f"{answer.status} {answer.body}")
            assert time.monotonic() < deadline, f"no answer to {method} {path} in {PATIENCE_SECONDS} s: {heard[-20:]}"
            await asyncio.sleep(random.uniform(0.02, 0.1))

    async def database(self) -> Database:
        """Open the database behind the service's back, to look at the truth."""
        return await Database.connect(self.mongod.uri, DATABASE)

    def prepare_tokens(self) -> None:
        """Read the tokens once: they do not change."""
        self.tokens_cached = self.tokens


@contextlib.asynccontextmanager
async def plant(folder: Path, *, processes: int = 1, params: str = "", channels: str = "") -> AsyncIterator[Plant]:
    """Set up a small demo city with both parts running, and end them afterwards. `params` and `channels` are what stands in the
    pack's params.toml and in the installation's channels.toml."""
    pack = write_pack(folder / "pack")
    if params:
        (pack / "params.toml").write_text(params, encoding="utf-8")
    mongod = await asyncio.to_thread(start, folder / "data", cache_gb=0.25)
    if channels:
        file = folder / "data" / "channels.toml"
        file.write_text(channels, encoding="utf-8")
        file.chmod(0o600)
    made = Plant(folder / "data", mongod, processes)
    try:
        await prepare(replace(made.settings, pack=str(pack)), load_city=True, demo_only=True, console=Console(quiet=True))
        made.prepare_tokens()
        for place in range(processes):
            made.start_service(place)
        await made.until_healthy()
        yield made
    finally:
        made.http.close()
        for service in made.services:
            service.terminate()
        for service in made.services:
            service.wait(20)
        mongod.stop()


def new_key() -> str:
    """Return an idempotency key that nobody used before."""
    return secrets.token_hex(8)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
