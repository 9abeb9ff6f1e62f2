"""The shape of a row of the table of transitions, the states, and who stands in which group of roles.

The rows themselves lie in `dispatch.rows`, one module for each part of a case's life; `dispatch.states` puts them together.
"""

from __future__ import annotations

import msgspec

from dispatch.fields import Field, text

__all__ = [
    "ALIVE", "DESK", "DISPATCH", "DOORS", "DRAFT", "ENDED", "FINAL", "HELD", "JOINED_ENDED", "NEED_STATES", "NOTE", "PHOTOS",
    "PHOTOS_NEEDED", "POSITION", "PROOF", "REASON", "REPORTERS", "REQUEST_STATES", "STATES", "SYSTEM_ONLY", "TASK_STATES",
    "UNIT", "WALKERS", "Transition",
]  # fmt: skip

STATES = (
    "reported",
    "verifying",
    "filed",
    "dispatched",
    "handling",
    "coordinating",
    "suspended",
    "handled",
    "checking",
    "visiting",
    "closed",
    "archived",
    "answered",
    "refused",
    "cancelled",
    "merged",
    "transferred",
)
DRAFT = "draft"  # before it is a case: `hotline.drafts` keeps it
ALIVE = (
    "reported", "verifying", "filed", "dispatched", "handling", "coordinating", "suspended", "handled", "checking", "visiting",
)  # fmt: skip
HELD = ("dispatched", "handling", "suspended", "handled", "checking", "visiting")  # a unit answers for the case
ENDED = ("closed", "archived", "answered", "refused", "cancelled", "merged", "transferred")
FINAL = ("archived", "cancelled")  # nothing more may be done to them
JOINED_ENDED = ("closed", "answered")  # lately ended: a report of the same matter may still be joined to it
REQUEST_STATES = ("pending", "approved", "rejected", "withdrawn", "expired")
TASK_STATES = (
    "waiting", "pending", "signed", "submitted", "accepted", "returned", "waived", "withdrawn",
    "invited", "claimed", "serving", "confirmed", "declined", "released", "expired",
)  # fmt: skip
NEED_STATES = ("open", "filled", "done", "closed", "expired")

UNIT = frozenset({"unit_clerk"})
DESK = frozenset({"operator"})
DISPATCH = frozenset({"dispatcher"})
WALKERS = frozenset({"grid_worker", "grid_lead"})
REPORTERS = frozenset({"citizen", "group_leader", "grid_worker", "grid_lead", "operator"})
DOORS = frozenset({"citizen", "group_leader", "grid_worker", "grid_lead", "operator", "device", "partner"})
SYSTEM_ONLY = frozenset({"system"})


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """One row: who may do `action` to a `subject` in one of `states`, what it asks for and what follows.

    `next` is a state, None (the state stays) or `"by:<name>"`, a chooser of `dispatch.effects`. `states` holds `""` for what
    makes a case. `adding` actions carry no rev (design.md §2). `limit` names the node whose clock the next state runs.
    `number` is the row of domain.md §2.4. `public` entries are shown
    to the citizen. `leads` are the changes of the case's state (before, after) that are not told by `states` and `next`: those
    that a chooser or an effect may bring.
    """

    action: str
    number: str
    states: tuple[str, ...]
    next: str | None
    roles: frozenset[str]
    subject: str = "case"
    guards: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    checks: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    limit: str | None = None
    notices: tuple[str, ...] = ()
    adding: bool = False
    public: bool = True
    offered: bool = True
    leads: tuple[tuple[str, str], ...] = ()

    @property
    def needs_rev(self) -> bool:
        """Deciding actions carry the rev that the person saw."""
        return not self.adding

    @property
    def changes(self) -> tuple[tuple[str, str], ...]:
        """The changes of the case's state that the row may bring: (before, after)."""
        if self.subject != "case" or self.next is None or self.next.startswith("by:"):
            return self.leads
        return *((state, self.next) for state in self.states), *self.leads


PHOTOS = Field(name="photos", type="photos", max=9)
PHOTOS_NEEDED = Field(name="photos", type="photos", required=True, min=1, max=9)
PROOF = Field(name="photos", type="photos", required_when="needs_photo", min=1, max=9)
POSITION = Field(name="position", type="point", required_when="has_point", options_from="place")
NOTE = text("note")
REASON = text("reason", 2)
