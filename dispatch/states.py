"""The life of a case as data: one table from (subject, state, action) to what follows (domain.md §2.3, §2.4, §2.4b).

Everything that needs to know what is permitted reads this table: the engine, the `actions` of the API, the buttons, the
diagram, the reference and the tests. Guards, checks and effects are named here and live in `guards`, `checks`, `effects`.
"""

from __future__ import annotations

import msgspec

from dispatch import fields as f
from dispatch.fields import Field, choice, text
from dispatch.model import URGENCIES

__all__ = [
    "ALIVE", "ENDED", "FINAL", "HELD", "REQUEST_STATES", "STATES", "TABLE", "TABLE_VERSION", "TASK_STATES", "Transition",
    "find", "rows_for",
]  # fmt: skip

TABLE_VERSION = 1

STATES = (
    "reported", "filed", "dispatched", "handling", "handled", "checking", "visiting", "closed", "answered", "refused",
    "cancelled", "merged",
)  # fmt: skip
ALIVE = ("reported", "filed", "dispatched", "handling", "handled", "checking", "visiting")
HELD = ("dispatched", "handling", "handled", "checking", "visiting")  # a unit answers for the case
ENDED = ("closed", "answered", "refused", "cancelled", "merged")
FINAL = ("refused", "cancelled", "merged")  # nothing more may be done to them
REQUEST_STATES = ("pending", "approved", "rejected", "withdrawn", "expired")
TASK_STATES = ("pending", "signed", "submitted", "accepted", "returned", "waived", "withdrawn")

_UNIT = frozenset({"unit_clerk"})
_DESK = frozenset({"operator"})
_DISPATCH = frozenset({"dispatcher"})
_WALKERS = frozenset({"grid_worker", "grid_lead"})
_REPORTERS = frozenset({"citizen", "group_leader", "grid_worker", "grid_lead", "operator"})
_DOORS = frozenset({"citizen", "group_leader", "grid_worker", "grid_lead", "operator", "device", "partner"})
_SYSTEM = frozenset({"system"})


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """One row: who may do `action` to a `subject` in one of `states`, what it asks for and what follows.

    `next` is a state, None (the state stays) or `"by:<name>"`, a chooser of `dispatch.effects`. `states` holds `""` for what
    makes a case. `adding` actions carry no rev (design.md §2). `limit` names the node whose clock the next state runs.
    `decides` is the state of a request or task afterwards. `number` is the row of domain.md §2.4. `public` entries are shown
    to the citizen.
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

    @property
    def needs_rev(self) -> bool:
        """Deciding actions carry the rev that the person saw."""
        return not self.adding


_PHOTOS = Field(name="photos", type="photos", max=9)
_PHOTOS_NEEDED = Field(name="photos", type="photos", required=True, min=1, max=9)
_PROOF = Field(name="photos", type="photos", required_when="needs_photo", min=1, max=9)
_POSITION = Field(name="position", type="point", required_when="has_point", options_from="place")
_NOTE = text("note")
_REASON = text("reason", 2)

_INTAKE = (
    Transition(
        action="submit", number="T02", states=("",), next="reported", roles=_DOORS, limit="intake", offered=False,
        effects=("open_intake",),
    ),
    Transition(
        action="file", number="T11", states=("reported",), next="filed", roles=_DESK | _SYSTEM, limit="dispatch",
        guards=("placed", "in_area"),
        fields=(
            Field(name="category", type="category", required_when="no_category", options_from="proposals"),
            choice("urgency", f.ORDINARY_URGENCIES, required=False),
            text("title", most=60),
        ),
        checks=("category_known",),
        effects=("file", "dispatch_when_clear"),
    ),
    Transition(
        action="direct_answer", number="T04", states=("reported",), next="answered", roles=_DESK | {"robot"},
        guards=("answerable",),
        fields=(text("answer", 10, clean=True), Field(name="told", type="boolean", required=True)),
        checks=("citizen_told",), effects=("answer",), notices=("reporter",),
    ),
    Transition(
        action="refuse", number="T05", states=("reported",), next="refused", roles=_DESK, guards=("not_emergency",),
        fields=(choice("reason", f.REFUSE_REASONS), text("next_door", 5, clean=True), text("reply", 10, clean=True)),
        effects=("refuse",), notices=("reporter",),
    ),
)  # fmt: skip

_STOPPING = (
    Transition(
        action="cancel", number="T12", states=("reported", "filed"), next="cancelled", roles=_REPORTERS,
        guards=("own_or_desk",), fields=(choice("reason", f.CANCEL_REASONS), _NOTE), effects=("stop",),
        notices=("reporter",),
    ),
    Transition(
        action="cancel", number="T12", states=("dispatched",), next="cancelled", roles=_DISPATCH, guards=("in_area",),
        fields=(choice("reason", f.CANCEL_REASONS), _NOTE), effects=("stop",), notices=("reporter", "lead"),
    ),
    Transition(
        action="merge", number="T13", states=("reported", "filed", "dispatched", "handling"), next="merged",
        roles=_DESK | _DISPATCH, guards=("in_area",),
        fields=(Field(name="main", type="case", required=True, options_from="duplicates"), _REASON),
        effects=("merge",), notices=("reporter", "lead"),
    ),
)  # fmt: skip

_DISPATCHING = (
    Transition(
        action="dispatch", number="T15", states=("filed",), next="dispatched", roles=_DISPATCH, limit="sign_in",
        guards=("in_area",),
        fields=(
            Field(name="unit", type="unit", required=True, options_from="candidates"),
            Field(name="assists", type="units", max=10),
            Field(name="organizations", type="organizations", max=10),
            Field(name="limit", type="limit"),
            text("opinion"),
        ),
        checks=("unit_fits", "assists_fit", "organizations_known", "limit_not_longer"),
        effects=("dispatch",), notices=("lead", "assists"),
    ),
    Transition(
        action="auto_dispatch", number="T16", states=("filed",), next="dispatched", roles=_SYSTEM, limit="sign_in",
        effects=("dispatch",), notices=("lead", "assists"), offered=False,
    ),
    Transition(
        action="sign_in", number="T17", states=("dispatched",), next="handling", roles=_UNIT, guards=("is_lead",),
        effects=("sign_in",), limit="contact",
    ),
    Transition(
        action="request_return", number="T18", states=("dispatched", "handling"), next=None, roles=_UNIT, public=False,
        guards=("is_lead", "not_emergency", "no_pending_return", "first_return", "return_in_time"),
        fields=(
            choice("reason", f.RETURN_REASONS),
            text("basis", 5),
            Field(name="unit", type="unit", required=True, options_from="other_units"),
            _PHOTOS,
        ),
        checks=("proposed_unit",), effects=("request_return",), notices=("dispatchers",),
    ),
    Transition(
        subject="request", action="decide", number="T19/T20", states=("pending",), next="by:decision", roles=_DISPATCH,
        public=False, guards=("in_area", "not_asking_unit"),
        fields=(Field(name="approve", type="boolean", required=True), text("opinion", 2),
                Field(name="dispatch_wrong", type="boolean")),
        effects=("decide_return",), notices=("asking_unit",),
    ),
    Transition(
        subject="request", action="withdraw_request", number="2.4b", states=("pending",), next="withdrawn", roles=_UNIT,
        public=False, guards=("asked_it",), effects=("withdraw_request",), notices=("dispatchers",),
    ),
)  # fmt: skip

_HANDLING = (
    Transition(
        action="contact", number="T23", states=("handling",), next=None, roles=_UNIT, adding=True, guards=("takes_part",),
        fields=(
            Field(name="at", type="datetime", required=True, options_from="now"),
            choice("way", f.CONTACT_WAYS), choice("result", f.CONTACT_RESULTS), _NOTE,
        ),
        checks=("in_the_past",), effects=("contact",),
    ),
    Transition(
        action="progress", number="T24", states=("handling",), next=None, roles=_UNIT | {"org_coordinator"}, adding=True,
        guards=("takes_part",), fields=(text("note", 2), _PHOTOS, Field(name="public", type="boolean")),
        effects=("progress",),
    ),
    Transition(
        action="sign_off", number="T33", states=("handling",), next=None, roles=frozenset({"unit_leader"}), adding=True,
        public=False, guards=("is_lead", "sign_off_needed", "not_signed_off"), fields=(_NOTE,), effects=("sign_off",),
        notices=("lead",),
    ),
    Transition(
        action="submit_result", number="T33", states=("handling",), next="handled", roles=_UNIT | {"unit_leader"},
        limit="review",
        guards=("is_lead", "no_pending_return", "contacted", "signed_off"),
        fields=(
            choice("result", f.RESULTS), text("handling", 20), text("public_reply", 20, clean=True), _PROOF,
            text("unsolved_reason"), text("waive_reason", 5, when="assists_open"),
        ),
        checks=("unsolved_explained",), effects=("submit_result",), notices=("dispatchers",),
    ),
    Transition(
        subject="task", action="task_sign", number="2.4b", states=("pending",), next="signed", roles=_UNIT, adding=True,
        guards=("own_assist", "case_in_hand"), effects=("move_task",),
    ),
    Transition(
        subject="task", action="task_submit", number="2.4b", states=("signed",), next="submitted", roles=_UNIT, adding=True,
        guards=("own_assist", "case_in_hand"), fields=(text("note", 5), _PHOTOS), effects=("move_task",), notices=("lead",),
    ),
    Transition(
        subject="task", action="task_accept", number="2.4b", states=("submitted",), next="accepted", roles=_UNIT,
        guards=("is_lead", "assist_task", "case_in_hand"), effects=("move_task",),
    ),
    Transition(
        subject="task", action="task_reject", number="2.4b", states=("submitted",), next="signed", roles=_UNIT,
        guards=("is_lead", "assist_task", "case_in_hand"), fields=(_REASON,), effects=("move_task",), notices=("assists",),
    ),
    Transition(
        subject="task", action="task_waive", number="2.4b", states=("pending", "signed"), next="waived",
        roles=_UNIT | _DISPATCH, guards=("lead_or_dispatcher", "assist_task", "case_in_hand"), fields=(_REASON,),
        effects=("move_task",), notices=("assists",),
    ),
)  # fmt: skip

_CLOSING = (
    Transition(
        action="send_back", number="T34", states=("handled",), next="handling", roles=_DISPATCH, guards=("in_area",),
        fields=(choice("defect", f.REVIEW_DEFECTS), _NOTE), effects=("back_to_work",), notices=("lead",),
    ),
    Transition(
        action="send_check", number="T35", states=("handled",), next="checking", roles=_DISPATCH | _SYSTEM, limit="check",
        guards=("in_area", "check_asked"), fields=(Field(name="checker", type="person", options_from="checkers"),),
        effects=("reviewed",), notices=("checkers",),
    ),
    Transition(
        action="to_visit", number="T36", states=("handled",), next="visiting", roles=_DISPATCH | _SYSTEM, limit="visit",
        guards=("in_area", "no_check_asked", "citizen_reported"), effects=("reviewed",), notices=("operators",),
    ),
    Transition(
        action="check_pass", number="T37", states=("checking",), next="by:after_check", roles=_WALKERS, limit="visit",
        guards=("in_area", "did_not_dispatch", "not_of_lead"),
        fields=(_PHOTOS_NEEDED, _POSITION, text("reason"), _NOTE),
        checks=("on_the_spot",), effects=("checked", "close_when_closed"), notices=("after_check",),
    ),
    Transition(
        action="check_fail", number="T38", states=("checking",), next="handling", roles=_WALKERS,
        guards=("in_area", "did_not_dispatch", "not_of_lead"),
        fields=(_PHOTOS_NEEDED, choice("defect", f.CHECK_DEFECTS), _POSITION, text("reason"), _NOTE),
        checks=("on_the_spot",), effects=("rework",), notices=("lead",),
    ),
    Transition(
        action="visit_ok", number="T39", states=("visiting",), next="closed", roles=_DESK | {"link"},
        guards=("in_area", "did_not_dispatch", "not_of_lead"),
        fields=(
            Field(name="contacted", type="boolean", required=True), Field(name="solved", type="boolean", required=True),
            choice("satisfaction", f.SATISFACTION), _NOTE,
        ),
        checks=("visit_agrees",), effects=("visited", "close"), notices=("reporter", "lead"),
    ),
    Transition(
        action="visit_redo", number="T40", states=("visiting",), next="handling", roles=_DESK,
        guards=("in_area", "did_not_dispatch", "not_of_lead"), fields=(choice("reason", f.REDO_REASONS), text("note", 2)),
        effects=("redo",), notices=("lead",),
    ),
    Transition(
        action="close", number="T42", states=("handled",), next="closed", roles=_DISPATCH,
        guards=("in_area", "no_check_asked", "no_citizen"), fields=(_NOTE,), effects=("reviewed", "close"),
        notices=("reporter", "lead"),
    ),
    Transition(
        action="rate", number="T44", states=("closed", "answered"), next=None, roles=frozenset({"citizen", "link", "operator"}),
        adding=True, guards=("speaks_for_reporter", "not_of_lead", "not_rated", "rating_open"),
        fields=(
            Field(name="efficiency", type="number", required=True, min=1, max=5),
            Field(name="quality", type="number", required=True, min=1, max=5),
            Field(name="attitude", type="number", required=True, min=1, max=5),
            text("text"),
        ),
        effects=("rate",), notices=("lead",),
    ),
)  # fmt: skip

_BESIDE = (
    Transition(
        action="urge", number="T48", states=HELD, next=None, roles=_DISPATCH | {"supervisor", "citizen", "operator"},
        adding=True, guards=("may_urge_now",), fields=(text("note", 2),), effects=("urge",), notices=("lead", "third_urge"),
    ),
    Transition(
        action="reclassify", number="T50", states=("reported", "filed", "dispatched", "handling"), next=None,
        roles=_DESK | _DISPATCH | {"supervisor"}, guards=("in_area",), public=False,
        fields=(
            Field(name="category", type="category", required=True, options_from="proposals"),
            choice("urgency", URGENCIES, required=False), _REASON,
        ),
        checks=("category_known", "no_downgrade", "no_late_lengthening"), effects=("reclassify",), notices=("lead",),
    ),
    Transition(
        action="correct_location", number="T51", states=("reported", "filed", "dispatched", "handling"), next=None,
        roles=_DESK | _DISPATCH | _WALKERS, guards=("in_area",), public=False,
        fields=(Field(name="location", type="point", required=True, options_from="place"), text("address", most=200)),
        effects=("correct_location",), notices=("lead",),
    ),
    Transition(
        action="supplement", number="T52", states=ALIVE, next=None,
        roles=_REPORTERS, adding=True, guards=("own_or_desk",), fields=(text("text", 2), _PHOTOS),
        effects=("supplement",), notices=("lead",),
    ),
    Transition(
        action="light", number="3.4", states=ALIVE, next=None, roles=_SYSTEM, public=False, offered=False,
        effects=("light",), notices=("holder",),
    ),
    Transition(
        action="absorb", number="T13", states=ALIVE, next=None, roles=_SYSTEM, public=False, offered=False,
        effects=("absorb",), notices=("lead",),
    ),
    Transition(
        action="reveal", number="7.2", states=STATES, next=None,
        roles=_DESK | _DISPATCH | _UNIT | {"supervisor"},
        adding=True, public=False, guards=("may_know_reporter",), fields=(text("reason", 2, most=200),), offered=False,
    ),
)  # fmt: skip

TABLE: tuple[Transition, ...] = (*_INTAKE, *_STOPPING, *_DISPATCHING, *_HANDLING, *_CLOSING, *_BESIDE)


def _by_state() -> dict[tuple[str, str, str], tuple[Transition, ...]]:
    rows: dict[tuple[str, str, str], list[Transition]] = {}
    for row in TABLE:
        for state in row.states:
            for role in row.roles:
                rows.setdefault((row.subject, state, role), []).append(row)
    return {key: tuple(found) for key, found in rows.items()}


_ROWS = _by_state()
_ROW = {(*key, row.action): row for key, rows in _ROWS.items() for row in rows}


def rows_for(subject: str, state: str, role: str) -> tuple[Transition, ...]:
    """Return the rows that a role might use in a state, guards not looked at."""
    return _ROWS.get((subject, state, role), ())


def find(subject: str, state: str, role: str, action: str) -> Transition | None:
    """Return the row of an action for a role in a state, or None when the table has none."""
    return _ROW.get((subject, state, role, action))


def is_for_role(subject: str, role: str, action: str) -> bool:
    """Tell whether the role may ever do the action, in whatever state."""
    return any(row.action == action and row.subject == subject and role in row.roles for row in TABLE)
