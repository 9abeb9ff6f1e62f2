"""The ground that the measurements stand on: a private mongod with the demo city in a folder of its own, services, and load."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import gzip
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import shapely
from pymongo import MongoClient
from rich.console import Console

from bench.load import Job, Outcome
from storage.embedded import Embedded, start
from web.cli.city import pack_folder, prepare
from web.cli.supervise import is_healthy
from web.settings import Settings, load

__all__ = ["Installation", "console", "installation"]

console = Console(stderr=True, highlight=False)
DATABASE = "heyun"


@dataclass
class Installation:
    """A running database with the demo city; starts services beside it and sends load to them."""

    data: Path
    uri: str
    pack: Path
    mongod_pid: int
    embedded: Embedded

    @property
    def tokens(self) -> dict[str, str]:
        """Bearer tokens of the demo accounts by role."""
        accounts = json.loads((self.data / "demo-accounts.json").read_text())
        return {role: account["token"] for role, account in accounts.items() if "token" in account}

    @contextlib.contextmanager
    def process(
        self, arguments: Sequence[str], *, port: int, processes: int = 1, database: str = DATABASE
    ) -> Iterator[list[subprocess.Popen[bytes]]]:
        """Run `python -m …` `processes` times on one port until the block ends; waits until the port answers."""
        environment = {
            **os.environ, "HEYUN_MONGODB_URI": self.uri, "HEYUN_DATA": str(self.data), "HEYUN_DATABASE": database,
            "HEYUN_PORT": str(port), "HEYUN_HOST": "127.0.0.1", "HEYUN_PROCESSES": str(max(processes, 1)),
        }  # fmt: skip
        command = [sys.executable, "-m", *arguments]
        started = [subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) for _ in range(processes)]
        try:
            _wait_for(port, started)
            yield started
        finally:
            for one in started:
                one.terminate()
            for one in started:
                one.wait(20)

    def copy_city(self, name: str) -> None:
        """Copy the city into another database: a process of one database does not follow what is written to another."""
        with MongoClient[dict[str, object]](self.uri) as client:
            for collection in client[DATABASE].list_collection_names():
                client[DATABASE][collection].aggregate([{"$out": {"db": name, "coll": collection}}])

    def forget(self, database: str, collections: Sequence[str]) -> None:
        """Remove what was written into these collections, so that every measurement begins alike."""
        with MongoClient[dict[str, object]](self.uri) as client:
            for name in collections:
                client[database].drop_collection(name)

    def settle(self) -> None:
        """Have the database write out what earlier measurements left in its cache, so that the next one does not pay for it."""
        self.embedded.checkpoint()

    def plain_categories(self) -> list[str]:
        """Return the categories whose report is complete without a photo and not sensitive: filed and dispatched in the write."""
        with (self.pack / "categories.csv").open(encoding="utf-8") as file:
            return [
                row["code"]
                for row in csv.DictReader(file)
                if not {"K", "S"} & set(row["flags"]) and row["urgency"] != "emergency"
            ]

    def points(self, count: int, *, seed: int = 7) -> list[tuple[float, float]]:
        """Return points inside grids, spread over the whole city."""
        with gzip.open(self.pack / "areas.geojson.gz") as file:
            features = json.load(file)["features"]
        grids = [one["geometry"] for one in features if one["properties"]["level"] == "grid"]
        chosen = random.Random(seed).sample(grids, min(count, len(grids)))
        inside = shapely.point_on_surface(shapely.from_geojson([json.dumps(one) for one in chosen]))
        return list(zip(shapely.get_x(inside).tolist(), shapely.get_y(inside).tolist(), strict=True))


def send(job: Job) -> Outcome:
    """Send the load from a process of its own and return what came back."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"], input=msgspec.json.encode(job), stdout=subprocess.PIPE, check=True, timeout=120
    )
    return msgspec.json.decode(done.stdout, type=Outcome)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, started: Sequence[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if any(one.poll() is not None for one in started):
            raise RuntimeError(f"a measured process ended with {[one.poll() for one in started]}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            if is_healthy(f"http://127.0.0.1:{port}") or started[0].args[2] == "bench.textbook":  # type: ignore[index]
                return
        time.sleep(0.1)
    raise RuntimeError(f"nothing listens on {port}")


@contextlib.contextmanager
def installation() -> Iterator[Installation]:
    """Make a fresh installation with the demo city and remove it afterwards; never touches a configured database."""
    with tempfile.TemporaryDirectory(prefix="heyun-bench-") as folder:
        data = Path(folder)
        with start(data, cache_gb=1.0) as embedded:
            settings = Settings(mongodb_uri=embedded.uri, data=data, database=DATABASE, driver=load().driver)
            asyncio.run(prepare(settings, load_city=True, demo_only=True, console=console))
            yield Installation(data, embedded.uri, pack_folder("guiyang", data, console), embedded.pid, embedded)
