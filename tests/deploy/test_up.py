"""`./heyun up` as a user has it: all parts start, a part that dies comes back, Ctrl-C ends everything."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.paths import ROOT
from tests.small_city import write_pack

pytestmark = [pytest.mark.slow, pytest.mark.faults]


class Up:
    """A running `up` on a folder and port of its own."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.port = _free_port()
        self.pack = folder / "pack"
        self.log = folder / "up.log"

    def start(self) -> subprocess.Popen[bytes]:
        hidden = {"HEYUN_MONGODB_URI", "HEYUN_TEST_MONGODB_URI"}
        environment = {name: value for name, value in os.environ.items() if name not in hidden} | {
            "HEYUN_DATA": str(self.data), "HEYUN_PORT": str(self.port), "HEYUN_PACK": str(self.pack),
        }  # fmt: skip
        with self.log.open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "web.cli", "up"], env=environment, cwd=ROOT, stdout=log, stderr=log)

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def pids(self, of: str) -> list[int]:
        """Processes whose command line holds `of` and whose environment or arguments hold our folder."""
        found = []
        for entry in Path("/proc").iterdir():
            if (
                entry.name.isdecimal()
                and of in _read(entry / "cmdline")
                and str(self.data) in _read(entry / "cmdline", "environ")
            ):
                found.append(int(entry.name))
        return found


def _read(folder_or_file: Path, other: str | None = None) -> str:
    files = [folder_or_file] + ([folder_or_file.parent / other] if other else [])
    text = ""
    for file in files:
        try:
            text += file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    return text


def _until(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    made = Up(tmp_path)
    write_pack(made.pack)
    yield made
    for pid in made.pids("web.cli up") + made.pids("web.server") + made.pids("mongod"):
        os.kill(pid, signal.SIGKILL)


def test_up_when_parts_are_killed_and_ctrl_c_comes_then_revives_and_ends_all(up: Up) -> None:
    running = up.start()
    _until(up.healthy)
    accounts = up.data / "demo-accounts.json"
    assert stat.S_IMODE(accounts.stat().st_mode) == 0o600
    assert {"password", "token"} <= set(json.loads(accounts.read_text())["grid_worker"])

    for part in ("web.server", "mongod"):
        (pid,) = up.pids(part)
        os.kill(pid, signal.SIGKILL)
        _until(lambda part=part, pid=pid: up.pids(part) not in ([], [pid]))  # type: ignore[misc]
        _until(up.healthy)

    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 0
    assert not up.pids("web.server") and not up.pids("mongod")


def test_up_when_it_was_killed_itself_then_the_same_command_goes_on(up: Up) -> None:
    first = up.start()
    _until(up.healthy)
    before = (up.data / "demo-accounts.json").read_text()
    first.kill()
    first.wait()
    _until(lambda: not up.healthy())
    second = up.start()
    _until(up.healthy)
    assert (up.data / "demo-accounts.json").read_text() == before
    third = up.start()
    assert third.wait(30) == 0, "a second one says that it is running and ends well"
    assert "Already running at" in up.log.read_text()
    second.send_signal(signal.SIGTERM)
    assert second.wait(30) == 0
