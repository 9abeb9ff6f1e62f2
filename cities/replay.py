"""Send recorded requests through the intake API and compare what the service decides with what was recorded.

Each row becomes a ticket that is to be filed and dispatched now; the same file may be sent again (a row is known by its number).
The unit compared is the lead of the case, or the first candidate of its match where nobody leads yet.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from cities.data import read_rows
from cities.records import Known, Records, Truth, UnknownRecords, records_for

__all__ = ["Result", "replay"]

CONNECTIONS = 24
TRIES = 5
EVERY = 25  # rows between two calls of `progress`
ACCEPTED = (200, 201)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it. Agreements are shares of the accepted rows that have a recorded truth; None where none has."""

    rows: int
    accepted: int
    unit_agreement: float | None
    grid_agreement: float | None
    auto_dispatched: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row: taken in or not, whether unit and grid agree (None: not recorded), dispatched without a person."""

    accepted: bool
    unit: bool | None = None
    grid: bool | None = None
    dispatched: bool = False


async def replay(
    file: Path, pack: str | Path, base_url: str, token: str, *, limit: int | None = None, progress: Progress | None = None
) -> Result:
    """Send the rows of `file` (.csv or .csv.gz) to the service at `base_url`, which must hold the city of `pack`.

    `token` is a program's that may create tickets. `progress(done, total)` is called now and then. Raises `UnknownRecords`.
    """
    rows = list(islice(read_rows(file), limit))
    if not rows:
        raise UnknownRecords(f"{file} holds no rows")
    records = records_for(rows[0].keys())
    loop = asyncio.get_running_loop()
    counter = _Counter(len(rows), loop, progress)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        known = await loop.run_in_executor(pool, _known, base_url, token)
        if known.city != records.city:
            raise UnknownRecords(f"{file} holds records of {records.city}; the service ({pack}) holds {known.city}")
        started = time.perf_counter()
        numbered = list(enumerate(rows, start=1))
        shares = [numbered[start::CONNECTIONS] for start in range(CONNECTIONS)]
        sender = _Sender(base_url, token, records, known, file.name, counter)
        parts = await asyncio.gather(*(loop.run_in_executor(pool, sender.send, share) for share in shares))
    seconds = time.perf_counter() - started
    return _summary([outcome for part in parts for outcome in part], seconds)


def _summary(outcomes: Sequence[Outcome], seconds: float) -> Result:
    return Result(
        rows=len(outcomes),
        accepted=sum(outcome.accepted for outcome in outcomes),
        unit_agreement=_share(outcome.unit for outcome in outcomes),
        grid_agreement=_share(outcome.grid for outcome in outcomes),
        auto_dispatched=sum(outcome.dispatched for outcome in outcomes),
        seconds=round(seconds, 3),
    )


def _share(values: Iterable[bool | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


class _Counter:
    """Counts rows in many threads and tells the loop's side."""

    def __init__(self, total: int, loop: asyncio.AbstractEventLoop, progress: Progress | None) -> None:
        self._total, self._loop, self._progress, self._done = total, loop, progress, 0

    def add(self, number: int) -> None:
        """Count rows that are done."""
        self._loop.call_soon_threadsafe(self._tell, number)

    def _tell(self, number: int) -> None:
        self._done += number
        if self._progress is not None:
            self._progress(self._done, self._total)


class _Door:
    """One kept connection to the service."""

    def __init__(self, base_url: str, token: str) -> None:
        address = urlsplit(base_url)
        secure = address.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connection = kind(address.hostname or "127.0.0.1", address.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        """Return status and decoded answer; waits where the service asks for it, and tries again after a lost connection."""
        for attempt in range(TRIES):
            try:
                self._connection.request(method, f"/api/v1{path}", body=body, headers=self._headers)
                response = self._connection.getresponse()
                answer = response.read()
            except (http.client.HTTPException, ConnectionError, TimeoutError):
                self._connection.close()
                if attempt == TRIES - 1:
                    raise
                continue
            if response.status in (429, 503) and attempt < TRIES - 1:
                time.sleep(min(float(response.headers.get("Retry-After") or 1), 10))
                continue
            return response.status, json.loads(answer) if answer else None
        raise ConnectionError(f"no answer after {TRIES} tries: {method} {path}")

    def items(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        """Return the items of a list; raises `UnknownRecords` when it is refused."""
        status, answer = self.ask("GET", f"{path}?{urlencode(query)}" if query else path)
        if status != 200:
            raise UnknownRecords(f"{path} answered {status}: {answer}")
        found: list[dict[str, Any]] = answer["items"]
        return found

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class _Sender:
    """Sends rows one after another over a connection of its own and judges the answers. Shared by threads, holds no state."""

    def __init__(self, base_url: str, token: str, records: Records, known: Known, source: str, counter: _Counter) -> None:
        self._base_url, self._token, self._records = base_url, token, records
        self._known, self._source, self._counter = known, source, counter

    def send(self, rows: Sequence[tuple[int, Mapping[str, str]]]) -> list[Outcome]:
        """Send the rows (with their numbers in the file) and return what came of each."""
        door = _Door(self._base_url, self._token)
        outcomes: list[Outcome] = []
        told = 0
        for number, row in rows:
            body = self._records.ticket(row, self._known)
            body |= {"source_id": f"{self._source}:{number}:{self._records.key(row)}", "file": True}
            status, case = door.ask("POST", "/tickets", json.dumps(body).encode())
            outcomes.append(_judge(status, case, self._records.truth(row, self._known)))
            if len(outcomes) - told >= EVERY:
                self._counter.add(len(outcomes) - told)
                told = len(outcomes)
        self._counter.add(len(outcomes) - told)
        door.close()
        return outcomes


def _judge(status: int, case: Any, truth: Truth) -> Outcome:
    if status not in ACCEPTED:
        return Outcome(accepted=False)
    grid = next((area["code"] for area in case["area_path"] if area["level"] == "grid"), None)
    return Outcome(
        accepted=True,
        unit=None if truth.unit is None else _unit(case) == truth.unit,
        grid=None if truth.grid is None else grid == truth.grid,
        dispatched=case["state"] == "dispatched" and case["match"]["decided"] == "auto",
    )


def _unit(case: Mapping[str, Any]) -> str | None:
    if case["lead"] is not None:
        return str(case["lead"]["code"])
    candidates = case["match"]["candidates"]
    return str(candidates[0]["unit"]["code"]) if candidates else None


def _known(base_url: str, token: str) -> Known:
    """Ask the service what it calls things."""
    door = _Door(base_url, token)
    roots = door.items("/areas")
    areas = {area["name"]: area["code"] for area in roots}
    waiting = [area["code"] for area in roots]
    while waiting:
        children = [area for area in door.items("/areas", parent=waiting.pop(), limit=500) if area["level"] != "grid"]
        areas |= {area["name"]: area["code"] for area in children}
        waiting += [area["code"] for area in children]
    known = Known(
        city=roots[0]["code"],
        categories={item["external_code"]: item["code"] for item in door.items("/categories") if item["external_code"]},
        units={unit["name"]: unit["code"] for unit in door.items("/units", limit=500)},
        areas=areas,
    )
    door.close()
    return known
