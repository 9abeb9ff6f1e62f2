"""A program that knows the API and nothing else: it reads `actions[].fields`, fills what is required by type, and goes on.

It signs in with the tokens of the named demo accounts, asks each role in turn what it is offered, and takes what leads on.
"""

from __future__ import annotations

import hashlib
import io
import secrets
from datetime import UTC, datetime
from typing import Any

from PIL import Image

from tests.service import Running

__all__ = ["ENDS", "MOST_STEPS", "ROLES", "Robot", "Stuck"]

Case = dict[str, Any]

ROLES = ("operator", "dispatcher", "unit_clerk", "unit_leader", "grid_worker", "org_coordinator", "supervisor", "citizen")
ORDER = (
    "direct_answer", "file", "send_verify", "verify", "dispatch", "sign_in", "contact", "sign_off", "submit_result", "send_check",
    "to_visit", "close", "check_pass", "visit_ok",
)  # fmt: skip
SENTENCES = {
    "plain": "自动填写的内容，用来核对每一步都能够按照字段走到办结为止，没有别的意思。",
    "short": "好" * 60,
    "english": "This text was written by a program to carry the case one step further.",
    "polite": "您好，张女士反映的问题已于2026年11月21日由李先生带队到中华北路88号处理完毕，如有疑问请拨打12345。",
}
ENDS = ("closed", "answered")
MOST_STEPS = 25
_CHOSEN = frozenset({"choice", "unit", "units", "organization", "organizations", "category", "case", "person"})


class Stuck(AssertionError):
    """The case did not come to its end; says what was offered to whom."""


class Robot:
    """Carries cases from report to closure. `text` names the sentence that it fills texts with."""

    def __init__(self, service: Running, text: str = "plain") -> None:
        self.service, self.text = service, SENTENCES[text]
        self.roles = [role for role in ROLES if role in service.tokens]
        self.taken: list[str] = []

    async def report(self, path: str, role: str, body: Case) -> Case:
        """Report and return the case; the same key again must give the same case."""
        key = secrets.token_hex(8)
        answer = await self.service.post(f"/api/v1/{path}", body, role, key=key)
        assert answer.status == 201, (body, answer.body)
        again = await self.service.post(f"/api/v1/{path}", body, role, key=key)
        assert again.status == 200 and again.json["id"] == answer.json["id"], again.body
        case: Case = answer.json
        return case

    async def carry(self, case: Case) -> Case:
        """Take step after step until the case has ended; returns it as it is then. Raises `Stuck`."""
        self.taken = []
        for _ in range(MOST_STEPS):
            if case["state"] in ENDS:
                return case
            case = await self.step(case["id"])
        raise Stuck(f"not at its end after {MOST_STEPS} steps: {self.taken}")

    async def step(self, case_id: str) -> Case:
        """Let the first role that is offered something that leads on take it."""
        found: dict[str, list[str]] = {}
        for role in self.roles:
            seen = await self.service.get(f"/api/v1/cases/{case_id}", role)
            if seen.status == 404:
                continue
            assert seen.status == 200, seen.body
            offered = {action["name"]: action for action in seen.json["actions"]}
            found[role] = [seen.json["state"], *offered]
            name = next((name for name in ORDER if name in offered and self._leads_on(name)), None)
            if name is not None:
                return await self.take(role, seen.json, offered[name])
        raise Stuck(f"nothing leads on after {self.taken}: {found}")

    def _leads_on(self, name: str) -> bool:
        """Adding actions stay offered: once is enough."""
        return name not in ("contact", "sign_off") or name not in self.taken

    async def take(self, role: str, case: Case, action: Case) -> Case:
        """Take an offered action with naive values: it must be accepted."""
        body = {field["name"]: await self.value(role, case, field) for field in action["fields"] if field["required"]}
        if action["needs_rev"]:
            body["rev"] = case["rev"]
        answer = await self.service.post(f"/api/v1/cases/{case['id']}/actions/{action['name']}", body, role)
        assert answer.status == 200, f"{role} was offered {action} and refused: {answer.body!r} for {body}"
        self.taken.append(action["name"])
        after: Case = answer.json
        return after

    @staticmethod
    def can_fill(action: Case) -> bool:
        """Tell whether every required choice has something to choose from (not: units where none is left to propose)."""
        chosen = (field for field in action["fields"] if field["required"] and field["type"] in _CHOSEN)
        return all(field.get("options") for field in chosen)

    async def value(self, role: str, case: Case, field: Case) -> Any:
        """Return a value for a required field, by what is proposed and by its type alone."""
        kind, options = field["type"], field.get("options")
        if kind in ("limit", "date", "number") and "value" in field:
            return field["value"]
        if kind == "text":
            return self.text[: max(30, field.get("min", 0))]
        if kind in ("choice", "unit", "organization", "category", "case", "person"):
            assert options, f"{field['name']} is required and has no options: {field}"
            return options[0]
        if kind == "photos":
            return [await self.photo(role)]
        if kind == "point":
            return {name: case["location"][name] for name in ("lon", "lat", "crs")}
        plain = {"datetime": _now(), "date": _now(), "boolean": True, "number": field.get("max", 1), "limit": "4wh"}
        return plain[kind] if kind in plain else [options[0]]

    async def photo(self, role: str) -> str:
        """Upload a picture of its own and return its id."""
        out = io.BytesIO()
        Image.frombytes("RGB", (8, 8), secrets.token_bytes(192)).save(out, "JPEG")
        raw = out.getvalue()
        path = f"/api/v1/media/{hashlib.sha256(raw).hexdigest()}"
        answer = await self.service.call("PUT", path, user=role, raw=raw, headers={"Content-Type": "image/jpeg"})
        assert answer.status == 201, answer.body
        identity: str = answer.json["id"]
        return identity


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
