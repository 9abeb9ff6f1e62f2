"""An action as somebody asked for it: under which key it is found again, on what it acts, whether it saw the present case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from dispatch.actors import Actor
from dispatch.situation import Case, Situation
from dispatch.states import TABLE
from storage.errors import FieldError, Invalid, NotFound, StaleRev

__all__ = ["CLAIMS", "Seen", "WantedAction", "action_key", "check_rev", "item_of"]

Seen = Callable[[Actor, Case], bool]  # whether somebody may know of a case
CLAIMS = frozenset({("need", "claim_need"), ("task", "claim")})
_SORTED = msgspec.json.Encoder(order="sorted")


class WantedAction(msgspec.Struct, frozen=True):
    """An action as somebody asked for it."""

    subject: str
    item_id: str | None
    actor: Actor
    case_id: str
    action: str
    rev: int | None
    fields: Mapping[str, Any]
    key: str | None
    internal: bool
    seen: Seen

    @property
    def entry_key(self) -> str | None:
        """Under which the entry is found again that it makes."""
        return action_key(self.case_id, self.actor, self.key)

    @property
    def claims(self) -> bool:
        """Whether it takes a place for an organization."""
        return (self.subject, self.action) in CLAIMS

    @property
    def digest(self) -> str:
        """What tells it from another action under the same key."""
        return blake2b(_SORTED.encode((self.subject, self.item_id, self.action, self.fields)), digest_size=12).hexdigest()


def action_key(case_id: str, actor: Actor, key: str | None) -> str | None:
    """Return under which key an entry of the timeline is found again, None where the asker gave none."""
    if not key:
        return None
    return blake2b("\0".join((case_id, actor.source, actor.id, key)).encode(), digest_size=12).hexdigest()


def item_of(case: Case, subject: str, item_id: str | None) -> dict[str, Any] | None:
    """Return the request, task or need of a case; None for the case itself. Raises `NotFound`."""
    if subject == "case":
        return None
    items: list[dict[str, Any]] = case.get(f"{subject}s") or []
    found = next((item for item in items if item["id"] == item_id), None)
    if found is None:
        raise NotFound(subject)
    return found


def check_rev(at: Situation, subject: str, action: str, rev: int | None) -> None:
    """A deciding action must say which rev its maker saw. Raises `Invalid`, `StaleRev`."""
    row = next((row for row in TABLE if row.subject == subject and row.action == action and at.actor.role in row.roles), None)
    if row is None or not row.needs_rev:
        return
    live = at.case["live"]
    if rev is None:
        raise Invalid(errors=[FieldError(field="rev", code="required", message="the rev that you saw")])
    if rev != live["rev"]:
        raise StaleRev("the case has changed since", rev=live["rev"], state=live["state"])
