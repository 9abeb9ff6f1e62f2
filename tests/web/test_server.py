"""A service process as the launcher starts it: ready, answering, ending in order."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import sys
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from storage.client import Database
from tests.service import event, load_small_city
from web.server import raise_file_limit

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _start(uri: str, name: str, folder: Path, **options: str) -> tuple[asyncio.subprocess.Process, str]:
    port = _free_port()
    own = {"HEYUN_MONGODB_URI": uri, "HEYUN_DATABASE": name, "HEYUN_DATA": str(folder), "HEYUN_PORT": str(port)}
    environment = {**os.environ, **own}
    command = (sys.executable, "-m", "web.server")
    process = await asyncio.create_subprocess_exec(*command, env=environment | options, cwd=ROOT, stderr=asyncio.subprocess.PIPE)
    return process, f"http://127.0.0.1:{port}"


async def _until_ready(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    async with asyncio.timeout(30):
        while line := await process.stderr.readline():
            if b"serving on" in line:
                return
    raise AssertionError("the process ended")


async def test_process_when_asked_to_end_then_answers_what_is_under_way_and_exits(mongodb_uri: str, tmp_path: Path) -> None:
    name = f"heyun_test_{secrets.token_hex(6)}"
    database = await Database.connect(mongodb_uri, name)
    try:
        token = (await load_small_city(database, tmp_path))["grid_worker"]
        process, url = await _start(mongodb_uri, name, tmp_path)
        await _until_ready(process)
        client = AsyncHTTPClient(force_instance=True)

        def report(number: int) -> HTTPRequest:
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"end-{number}"}
            return HTTPRequest(f"{url}/api/v1/events", method="POST", headers=headers, body=json.dumps(event()))

        assert (await client.fetch(report(0))).code == 201
        under_way = [asyncio.ensure_future(client.fetch(report(number), raise_error=False)) for number in range(1, 9)]
        open_stream = HTTPRequest(f"{url}/api/v1/stream", headers={"Authorization": f"Bearer {token}"})
        stream = asyncio.ensure_future(client.fetch(open_stream, raise_error=False))
        await asyncio.wait(under_way[:1])
        process.send_signal(signal.SIGTERM)
        answers = [answer.code for answer in await asyncio.gather(*under_way)]
        assert await asyncio.wait_for(process.wait(), 15) == 0
        await asyncio.wait([stream])
        acknowledged = answers.count(201)
        assert acknowledged >= 1 and await database.count("cases", {}) >= 1 + acknowledged
    finally:
        await database.drop_database()
        await database.close()


async def test_process_when_no_city_is_loaded_then_says_so_and_exits(mongodb_uri: str, tmp_path: Path) -> None:
    name = f"heyun_test_{secrets.token_hex(6)}"
    process, _ = await _start(mongodb_uri, name, tmp_path)
    _, text = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1 and b"./heyun import" in text and b"Traceback" not in text
    database = await Database.connect(mongodb_uri, name)
    await database.drop_database()
    await database.close()


async def test_process_when_demo_accounts_and_outside_address_then_refuses(mongodb_uri: str, tmp_path: Path) -> None:
    name = f"heyun_test_{secrets.token_hex(6)}"
    database = await Database.connect(mongodb_uri, name)
    try:
        await load_small_city(database, tmp_path)
        await database.update_one("accounts", {"_id": "operator"}, {"$set": {"demo": True}})
        process, _ = await _start(mongodb_uri, name, tmp_path, HEYUN_HOST="0.0.0.0")
        _, text = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 1 and b"127.0.0.1" in text and b"Traceback" not in text
    finally:
        await database.drop_database()
        await database.close()


def test_file_limit_when_raised_then_as_far_as_the_system_lets() -> None:
    assert raise_file_limit(256) >= 256
