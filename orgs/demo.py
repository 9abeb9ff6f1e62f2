"""Demo accounts: one for each role, named by it, with a password and a token of its own in a file that only its owner reads."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from orgs.accounts import Accounts
from orgs.passwords import generate_password
from orgs.people import PARTNER_AGENCIES, PERSON_ROLES, PROGRAM_ROLES, Person
from orgs.store import PEOPLE
from storage.client import Database

__all__ = ["DEMO_ROLES", "create_demo_accounts"]

DEMO_ROLES = (*PERSON_ROLES, "partner", "device")
TOKEN_DAYS = 3650


async def create_demo_accounts(
    database: Database, path: Path, *, accounts: Accounts | None = None, roles: Iterable[str] = DEMO_ROLES
) -> dict[str, dict[str, str]]:
    """Make the demo accounts that do not exist yet and write `{role: {"password", "token"}}` to `path` (mode 0600).

    A role's person comes from `people.csv` when it has one of that name. An account that exists and is in the file is left as
    it is; one that is missing in the file gets a new password. Returns what the file holds.
    """
    desk = accounts or Accounts(database)
    held = _read(path)
    for role in roles:
        if role not in held or await desk.find(role) is None:
            held[role] = await _make(database, desk, role)
            _write(path, held)
    if accounts is None:
        desk.close()
    return held


async def _make(database: Database, desk: Accounts, role: str) -> dict[str, str]:
    password = generate_password()
    if await desk.find(role) is not None:
        await desk.set_password(role, password)
    else:
        listed = await database.find_one(PEOPLE, {"_id": role}, projection={"_id": 1})
        await desk.create_account(role, password, person=None if listed else _person(role), demo=True)
    await desk.revoke(role, label="demo")
    return {"password": password, "token": await desk.issue_token(role, "demo", TOKEN_DAYS)}


def _person(role: str) -> Person:
    source = f"demo-{role}" if role in PROGRAM_ROLES else ""
    return Person(username=role, name=role, role=role, source=source, agency=PARTNER_AGENCIES[0] if role == "partner" else "")


def _read(path: Path) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    held: dict[str, dict[str, str]] = json.loads(path.read_text())
    return held


def _write(path: Path, held: dict[str, dict[str, str]]) -> None:
    """Write whole or not at all, readable by the owner only from the first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(held, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
