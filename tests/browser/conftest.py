"""Fixtures of the browser tests: the service as it is shipped, with the demo city, and a real Chromium.

letters     a mail server that takes what the service sends outside
city        a running service (its own process and database), with the accounts' passwords and tokens
chromium    the browser of a module; skipped with a clear reason where there is none
open_page   opens a desk or a phone, signed in as a post of the demo city, and fails the test on any page error; what its pages
            showed is printed with a failure
photo       a picture as a camera makes it
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from PIL import Image, ImageDraw

from storage.client import Database

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ROOT = Path(__file__).resolve().parents[2]
UI = ROOT / "web" / "ui"
HERE = {"longitude": 106.7, "latitude": 26.6, "accuracy": 8}  # inside a grid of the demo city, far from any border
ARGS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")


@dataclass(frozen=True, slots=True)
class City:
    """The running service: where it is, how to sign in as each post, the name of its database."""

    url: str
    accounts: dict[str, dict[str, str]]
    database: str

    def call(self, method: str, path: str, user: str, body: Any = None) -> Any:
        """Send a request as a program of that post; returns the answer's JSON, raises `HTTPError` for anything but 2xx."""
        headers = {"Authorization": f"Bearer {self.accounts[user]['token']}", "Content-Type": "application/json"}
        if method != "GET":
            headers["Idempotency-Key"] = secrets.token_hex(8)
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1{path}", method=method, headers=headers, data=data)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")

    def case(self, case_id: str, user: str = "dispatcher") -> Any:
        """Return the case as it is now."""
        return self.call("GET", f"/cases/{case_id}", user)

    def photo(self, user: str, path: Path) -> str:
        """Send a picture and return its media id."""
        data = path.read_bytes()
        headers = {"Authorization": f"Bearer {self.accounts[user]['token']}", "Content-Type": "image/png"}
        url = f"{self.url}/api/v1/media/{hashlib.sha256(data).hexdigest()}"
        with urllib.request.urlopen(urllib.request.Request(url, method="PUT", headers=headers, data=data), timeout=20) as answer:
            return str(json.load(answer)["id"])

    def report(self, photo: Path, **changes: Any) -> Any:
        """Report an event with a photo, as the grid worker, where the rules dispatch it by themselves; returns the case."""
        case = self.call("POST", "/events", "grid_worker", event(photos=[self.photo("grid_worker", photo)], **changes))
        assert case["state"] in ("dispatched", "filed"), case
        return case

    def newest(self, user: str, number: str) -> Any:
        """Return the case with this number among those that the user reported."""
        mine = self.call("GET", "/cases?mine=true&sort=-reported_at", user)["items"]
        return next(case for case in mine if case["case_no"] == number)

    def decide(self, case: Any, kind: str, user: str, *, approve: bool) -> Any:
        """Decide what is pending of this kind on a case and return the case as it is then."""
        request = next(one for one in case["requests"] if one["kind"] == kind and one["state"] == "pending")
        path = f"/cases/{case['id']}/requests/{request['id']}/actions/decide"
        return self.call("POST", path, user, {"rev": case["rev"], "approve": approve, "opinion": "同意"})

    def act(self, case: Any, action: str, user: str, **fields: Any) -> Any:
        """Do something to a case and return it as it is then."""
        return self.call("POST", f"/cases/{case['id']}/actions/{action}", user, {"rev": case["rev"], **fields})


def event(**changes: Any) -> dict[str, Any]:
    """Return the body of an event that the rules dispatch by themselves."""
    place = {"lon": HERE["longitude"], "lat": HERE["latitude"], "crs": "WGS-84", "accuracy_m": 5}
    return {"description": "夜市散场后塑料袋堆在路边，行人绕行", "category": "0101", "location": place, **changes}


def ticket(**changes: Any) -> dict[str, Any]:
    """Return the body of a ticket that is filed at once: of a category that nobody has to verify first."""
    caller = {"name": "李四", "phone": "13812340876", "anonymous": False, "confidential": False}
    return event(**{"category": "0206", "appeal_type": "help", "channel": "phone", "caller": caller, "file": True, **changes})


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 100
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"{url}/api/v1/health", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            if process.poll() is not None:
                break
            time.sleep(0.2)
    pytest.fail(f"the service did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def _drop(uri: str, name: str) -> None:
    database = await Database.connect(uri, name)
    await database.drop_database()
    await database.close()


@dataclass
class Letters:
    """What the mail server took; it refuses recipients that are in `refused`."""

    mails: list[Message] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"

    def code_to(self, address: str) -> str:
        """Return the code that went to this address last."""
        subjects = [str(mail["Subject"]) for mail in self.mails if mail["To"] == address]
        return subjects[-1].split()[-1]


@pytest.fixture(scope="session")
def letters() -> Iterator[tuple[Letters, int]]:
    """Serve SMTP on a free port of the loopback."""
    box, port = Letters(), _free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


def _open_channels(folder: Path, port: int) -> None:
    channels = folder / "channels.toml"
    channels.write_text(f'[email]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\nsender = "heyun@city.test"\n')
    channels.chmod(0o600)


@pytest.fixture(scope="session")
def city(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory, letters: tuple[Letters, int]) -> Iterator[City]:
    """Start the service with the demo city in a database of its own; stop it and drop the database afterwards."""
    if not (UI / "dist" / ".vite" / "manifest.json").exists():
        pytest.skip("the screens are not built: cd web/ui && npm ci && npm run build")
    folder, name, port = tmp_path_factory.mktemp("city"), f"heyun_test_{secrets.token_hex(6)}", _free_port()
    environ = {key: value for key, value in os.environ.items() if not key.startswith("HEYUN_")}
    environ |= {"HEYUN_MONGODB_URI": mongodb_uri, "HEYUN_DATABASE": name, "HEYUN_DATA": str(folder), "HEYUN_PORT": str(port)}
    _open_channels(folder, letters[1])
    log = folder / "service.txt"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "web.cli", "up"], cwd=ROOT, env=environ, stdout=out, stderr=out)
    try:
        _wait(f"http://127.0.0.1:{port}", process, log)
        accounts = json.loads((folder / "demo-accounts.json").read_text(encoding="utf-8"))
        yield City(f"http://127.0.0.1:{port}", accounts, name)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        asyncio.run(_drop(mongodb_uri, name))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Launch the machine's Chromium, headless; ended with each module, since its driver keeps asynchronous tests from running."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no chromium on PATH: apt-get install chromium fonts-wqy-microhei")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(ARGS))
        browser.devices = driver.devices
        yield browser
        browser.close()


PAGES = pytest.StashKey[list[Any]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show with a failed test what its pages showed: a time limit alone does not say what came instead."""
    report = yield
    if call.when == "call" and report.failed:
        for page in item.stash.get(PAGES, []):
            report.sections.append((f"page {page.url}", _shown_by(page)))
    return report


def _shown_by(page: Any) -> str:
    try:
        return str(page.inner_text("body", timeout=2_000))
    except playwright.Error as error:  # closed or crashed: that is the answer
        return str(error)


@pytest.fixture
def open_page(city: City, chromium: Any, request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Open `/desk` or `/field` signed in as a post of the demo city."""
    contexts, errors = [], []
    pages = request.node.stash.setdefault(PAGES, [])

    def open_as(user: str, path: str = "/desk", *, phone: bool = False, language: str = "zh-CN", **options: Any) -> Any:
        size = chromium.devices["Pixel 7"] if phone else {"viewport": {"width": 1440, "height": 900}}
        position = {"geolocation": HERE, "permissions": ["geolocation"]} if phone else {}
        context = chromium.new_context(**{**size, "locale": language, "timezone_id": "Asia/Shanghai", **position, **options})
        contexts.append(context)
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: _only_ours(request.url, city.url, errors))
        page.goto(city.url + path)
        page.fill("input[name=username]", user)
        page.fill("input[name=password]", city.accounts[user]["password"])
        page.keyboard.press("Enter")
        return page

    yield open_as
    for context in contexts:
        context.close()
    assert errors == []


def _only_ours(url: str, ours: str, errors: list[str]) -> None:
    if url.startswith("http") and not url.startswith(ours):
        errors.append(f"the page asked another site: {url}")


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a picture of 2400 × 1800."""
    path = tmp_path_factory.mktemp("photo") / "near.png"
    picture = Image.new("RGB", (2400, 1800), (126, 132, 118))
    ImageDraw.Draw(picture).ellipse((700, 500, 1700, 1400), fill=(34, 34, 32))
    picture.save(path)
    return path


@pytest.fixture
def check_access() -> Callable[[Any], None]:
    """Return a check that axe finds no violation of WCAG 2.1 A and AA on the page as it is."""
    script = (UI / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")

    def check(page: Any) -> None:
        page.evaluate(script)
        page.evaluate("Promise.allSettled(document.getAnimations().map(one => one.finished))")  # while it fades in, all is pale
        found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")
        assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found["violations"]] == []

    return check
