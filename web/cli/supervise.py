"""Keeps the parts of an installation running: the private mongod and the service processes, and ends them in the right order."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from storage.embedded import Embedded, start
from storage.errors import HeyunError
from web.settings import Settings, environment

__all__ = ["AlreadyRunning", "Supervisor", "exclusive", "running_at"]

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 15.0


class AlreadyRunning(HeyunError):
    """Raised by `exclusive` when another process serves the same data folder; `data["url"]` says where."""

    code = "already_running"


@contextmanager
def exclusive(settings: Settings) -> Iterator[None]:
    """Hold the data folder for this process; the lock goes with the process, however it ends."""
    settings.data.mkdir(parents=True, exist_ok=True)
    with (settings.data / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            url = running_at(settings) or "an address not known yet"
            raise AlreadyRunning(f"already running at {url} with {settings.data}", url=url) from None
        lock.seek(0)
        lock.truncate()
        json.dump({"pid": os.getpid(), "url": f"http://{settings.host}:{settings.port}"}, lock)
        lock.flush()
        yield


def running_at(settings: Settings) -> str | None:
    """Return the address that the holder of the data folder serves, or None."""
    try:
        found = json.loads((settings.data / "lock").read_text())
    except (OSError, ValueError):
        return None
    return str(found["url"]) if is_healthy(str(found["url"])) else None


def is_healthy(url: str) -> bool:
    """Tell whether the service answers its health check."""
    try:
        with urllib.request.urlopen(f"{url}/api/v1/health", timeout=2) as answer:  # noqa: S310  own loopback address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _die_with_parent() -> None:
    """In the child: end when the supervisor ends, whatever ended it; not reached by Ctrl-C at the terminal."""
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    """Starts the parts, brings back one that dies, and on Ctrl-C ends the service first and mongod last."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.mongod: Embedded | None = None
        self.services: list[subprocess.Popen[bytes]] = []
        self.uri = settings.mongodb_uri or ""
        self._log: IO[Any] | None = None
        self._stopping = False

    @property
    def url(self) -> str:
        """Where the service answers."""
        return f"http://{self.settings.host}:{self.settings.port}"

    def start_database(self) -> str:
        """Start (or adopt) the private mongod unless a database is configured; returns the connection string."""
        if not self.settings.mongodb_uri:
            self.mongod = start(self.settings.data, mongod=self.settings.mongod)
            self.uri = self.mongod.uri
        return self.uri

    def start_services(self) -> None:
        """Start the service processes and wait until the first answers; raises when one ends by itself instead. One that is
        killed meanwhile is started again, as it is later."""
        logs = self.settings.data / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self._log = (logs / "service.log").open("ab")
        self.services = [self._start_service() for _ in range(self.settings.processes)]
        deadline = time.monotonic() + 60
        while not is_healthy(self.url):
            if any((service.poll() or 0) > 0 for service in self.services) or time.monotonic() > deadline:
                raise HeyunError(f"the service did not start; the end of {logs / 'service.log'}:\n{_tail(logs / 'service.log')}")
            self._revive()
            time.sleep(0.05)

    def _start_service(self) -> subprocess.Popen[bytes]:
        variables = {**os.environ, **environment(replace(self.settings, mongodb_uri=self.uri))}
        return subprocess.Popen(
            [sys.executable, "-m", "web.server"], env=variables, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
            preexec_fn=_die_with_parent,
        )  # fmt: skip

    def watch(self) -> None:
        """Stay until a signal asks to stop; a part that dies meanwhile is started again."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        while not self._stopping:
            self._revive()
            time.sleep(0.3)

    def _ask_to_stop(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _revive(self) -> None:
        if self.mongod and not self.mongod.is_alive():
            self.mongod.restart()
        for place, service in enumerate(self.services):
            if service.poll() is not None and not self._stopping:
                time.sleep(0.5)  # a service that cannot start must not spin
                self.services[place] = self._start_service()

    def stop(self) -> None:
        """End the service processes, then mongod; what does not end in time is killed."""
        for service in self.services:
            service.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for service in self.services:
            try:
                service.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                service.kill()
                service.wait()
        if self.mongod:
            self.mongod.stop()
        if self._log:
            self._log.close()


def _tail(path: Path, lines: int = 15) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
