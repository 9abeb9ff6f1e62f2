"""The private mongod: first start, later starts, moved ports, what is left after a crash."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from storage.client import Database
from storage.embedded import Embedded, start
from storage.errors import MongodNotFound, StorageFailure, StorageUnavailable
from storage.mongod import find_mongod, gone
from storage.writer import GroupInserter, GroupUpdater

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[Embedded]:
    embedded = start(folder, **options)
    try:
        yield embedded
    finally:
        embedded.stop()


def count(embedded: Embedded) -> int:
    """Write one document and count all, by the application's user."""
    with MongoClient[Any](embedded.uri, serverSelectionTimeoutMS=10_000, w="majority", journal=True) as client:
        client.heyun.things.insert_one({})
        return int(client.heyun.things.count_documents({}))


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.slow
def test_start_when_first_and_again_then_same_data_port_and_password(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        assert count(first) == 1
        uri = first.uri
        with MongoClient[Any]("127.0.0.1", first.port, directConnection=True) as anonymous, pytest.raises(OperationFailure):
            anonymous.heyun.things.find_one({})
        folder = tmp_path / "mongod"
        assert [mode(folder / name) for name in ("state.json", "keyfile", "mongod.log")] == [0o600] * 3
        assert mode(folder) == 0o700
        with pytest.raises(StorageUnavailable, match="in use"):
            start(tmp_path)
        first.stop()
        assert not first.is_alive()
    with running(tmp_path) as second:
        assert second.uri == uri
        assert count(second) == 2


@pytest.mark.slow
async def test_start_when_started_then_the_client_can_do_all_it_needs(tmp_path: Path, driver: str) -> None:
    with running(tmp_path, database="heyun") as embedded:
        database = await Database.connect(embedded.uri, "heyun", driver=driver)
        assert await database.insert_one("things", {"_id": 1})
        assert await database.run_transaction(lambda session: database.count("things", {})) == 1
        await database.close()
        other = await Database.connect(embedded.uri, "other", driver=driver)
        with pytest.raises(StorageFailure):
            await other.insert_one("things", {"_id": 1})
        await other.close()


@pytest.mark.slow
@pytest.mark.faults
def test_restart_when_mongod_was_killed_then_same_uri_and_data(tmp_path: Path) -> None:
    with running(tmp_path) as embedded:
        assert count(embedded) == 1
        uri, pid = embedded.uri, embedded.pid
        embedded.restart()
        assert embedded.pid == pid
        os.kill(pid, signal.SIGKILL)
        assert gone(pid, 10)
        assert not embedded.is_alive()
        embedded.restart()
        assert embedded.uri == uri
        assert count(embedded) == 2


@pytest.mark.slow
def test_start_when_the_port_was_taken_then_moves_and_keeps_the_data(tmp_path: Path) -> None:
    with running(tmp_path) as embedded:
        port = embedded.port
        assert count(embedded) == 1
    with _closing_listener(port):
        with running(tmp_path) as embedded:
            assert embedded.port != port
            assert count(embedded) == 2
        with pytest.raises(StorageUnavailable, match=f"port {port}"):
            start(tmp_path, port=port)
    with running(tmp_path, port=port) as embedded:
        assert embedded.port == port
        assert count(embedded) == 3


@contextmanager
def _closing_listener(port: int) -> Iterator[None]:
    """Another program on the port that hangs up at once."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()

    def serve() -> None:
        while True:
            try:
                listener.accept()[0].close()
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


LAUNCHER = """
import sys
from pathlib import Path
from storage.embedded import start
embedded = start(Path(sys.argv[1]))
print(embedded.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
@pytest.mark.faults
def test_mongod_when_the_launcher_is_killed_then_it_ends_and_starts_again(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as launcher:
        assert launcher.stdout is not None
        pid = int(launcher.stdout.readline())
        assert os.getpgid(pid) == pid
        launcher.kill()
        launcher.wait()
        assert gone(pid, 30)
    with running(tmp_path) as embedded:
        assert count(embedded) == 1


@pytest.mark.slow
@pytest.mark.faults
def test_start_when_an_orphan_holds_the_data_then_it_is_stopped(tmp_path: Path) -> None:
    with running(tmp_path) as embedded:
        assert count(embedded) == 1
    folder = tmp_path / "mongod"
    arguments = ["--dbpath", str(folder / "db"), "--bind_ip", str(tmp_path / "s"), "--unixSocketPrefix", str(tmp_path)]
    with subprocess.Popen([find_mongod().path, *arguments, "--logpath", str(tmp_path / "orphan.log")]) as orphan:
        (folder / "mongod.pid").write_text(f"{orphan.pid}\n")
        with running(tmp_path) as embedded:
            assert count(embedded) == 2
        assert orphan.wait() in {0, -signal.SIGTERM}


@pytest.mark.slow
def test_start_when_the_pid_file_names_a_stranger_then_it_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "mongod"
    folder.mkdir()
    (folder / "mongod.pid").write_text(f"{os.getpid()}\n")
    (folder / "db").mkdir()
    (folder / "db" / "rest").write_text("of a first start that was broken off")
    (folder / "state.json").write_text('{"port":1,"root_password":"x","password":"y","complete":false}')
    with running(tmp_path) as embedded:
        assert count(embedded) == 1


@pytest.mark.slow
def test_start_when_called_in_a_thread_that_ends_then_mongod_lives_on(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        embedded = pool.submit(start, tmp_path).result()
    try:
        assert count(embedded) == 1
        assert embedded.is_alive()
    finally:
        embedded.stop()


def test_start_when_the_state_is_missing_then_the_data_are_not_touched(tmp_path: Path) -> None:
    data = tmp_path / "mongod" / "db"
    data.mkdir(parents=True)
    (data / "WiredTiger").write_text("data")
    with pytest.raises(StorageFailure, match=r"state\.json"):
        start(tmp_path)
    assert (data / "WiredTiger").read_text() == "data"


def test_find_mongod_when_not_a_program_then_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MongodNotFound, match="HEYUN_MONGODB_URI"):
        find_mongod(str(tmp_path / "nothing"))
    broken = tmp_path / "mongod"
    broken.write_text("#!/bin/sh\necho 'mongod: error while loading shared libraries: libssl.so.3: cannot open' >&2\nexit 127\n")
    broken.chmod(0o755)
    with pytest.raises(MongodNotFound, match="apt-get install libssl3"):
        find_mongod(str(broken))


def test_find_mongod_when_there_then_its_version() -> None:
    assert find_mongod().version.split(".")[0].isdigit()


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(180)
async def test_writers_when_mongod_is_killed_under_load_then_every_yes_is_there_once(tmp_path: Path, driver: str) -> None:
    embedded = await asyncio.to_thread(start, tmp_path)
    database = await Database.connect(embedded.uri, "heyun", driver=driver)
    try:
        inserter, updater = GroupInserter(database, "cases"), GroupUpdater(database, "counters")
        await database.insert_many("counters", [{"_id": str(n), "rev": 0, "timeline": []} for n in range(8)])
        inserted: set[str] = set()
        applied: set[str] = set()
        ended = asyncio.Event()
        goals: list[tuple[int, asyncio.Event]] = []

        async def insert(user: int) -> None:
            turn = 0
            while not ended.is_set():
                turn += 1
                assert await inserter.insert({"_id": f"{user}.{turn}", "text": "x" * 500})
                inserted.add(f"{user}.{turn}")
                if goals and len(inserted) >= goals[-1][0]:
                    goals[-1][1].set()

        async def update(user: int) -> None:
            turn = 0
            while not ended.is_set():
                turn += 1
                entry = f"{user}.{turn}"
                change = {"$inc": {"rev": 1}, "$push": {"timeline": {"id": entry}}}
                assert await updater.apply(str(user % 8), {}, change, entry)
                applied.add(entry)

        async def kill() -> None:
            for turn in range(1, 4):
                enough, goal = asyncio.Event(), 1_000 * turn
                goals.append((goal, enough))
                await enough.wait()
                os.kill(embedded.pid, signal.SIGKILL)
                await asyncio.to_thread(gone, embedded.pid, 10)
                await asyncio.to_thread(embedded.restart)
            ended.set()

        await asyncio.gather(kill(), *(insert(user) for user in range(40)), *(update(user) for user in range(16)))
        stored = [found["_id"] async for found in database.iterate("cases", {}, projection={"_id": 1})]
        assert len(stored) == len(set(stored))
        assert set(stored) == inserted
        counters = await database.find("counters", {})
        entries = [entry["id"] for counter in counters for entry in counter["timeline"]]
        assert len(entries) == len(set(entries)) == sum(counter["rev"] for counter in counters)
        assert set(entries) == applied
    finally:
        await database.close()
        await asyncio.to_thread(embedded.stop)
