"""From the report to the filed case, or to its early end."""

from __future__ import annotations

from dispatch import fields as f
from dispatch.fields import Field, choice, text
from dispatch.transition import DESK, DISPATCH, DOORS, DRAFT, NOTE, REASON, REPORTERS, SYSTEM_ONLY, Transition

__all__ = ["ROWS"]

ROWS = (
    Transition(
        action="save_draft", number="T01", states=("", DRAFT), next=DRAFT, roles=DOORS, limit="draft",
        adding=True, public=False, offered=False,
    ),
    Transition(
        action="submit", number="T02", states=("", DRAFT), next="reported", roles=DOORS, limit="intake", offered=False,
        effects=("open_intake",),
    ),
    Transition(
        action="file", number="T11", states=("reported",), next="filed", roles=DESK | SYSTEM_ONLY, limit="dispatch",
        guards=("placed", "in_area", "verified"),
        fields=(
            Field(name="category", type="category", required_when="no_category", options_from="proposals"),
            choice("urgency", f.ORDINARY_URGENCIES, required=False),
            text("title", most=60),
        ),
        checks=("category_known", "category_verified"),
        effects=("file", "mark_recurrence", "dispatch_when_clear"), notices=("heard",),
    ),
    Transition(  # what turns out to be dangerous while somebody is on the way waits for nobody (domain.md §2.8)
        action="file", number="T11", states=("verifying",), next="filed", roles=DESK, limit="dispatch",
        guards=("placed", "in_area", "in_danger"),
        fields=(Field(name="category", type="category", required_when="no_category", options_from="proposals"),),
        checks=("category_known",), effects=("file", "mark_recurrence", "dispatch_when_clear"),
        notices=("verifier", "heard"),
    ),
    Transition(
        action="direct_answer", number="T04", states=("reported",), next="answered", roles=DESK | {"robot"},
        guards=("answerable",),
        fields=(text("answer", 10, clean=True), Field(name="told", type="boolean", required=True)),
        checks=("citizen_told",), effects=("answer", "ask_rating"), notices=("reporter",),
    ),
    Transition(
        action="refuse", number="T05", states=("reported",), next="refused", roles=DESK, guards=("not_emergency",),
        fields=(choice("reason", f.REFUSE_REASONS), text("next_door", 5, clean=True), text("reply", 10, clean=True)),
        effects=("refuse",), notices=("reporter",),
    ),
    Transition(
        action="cancel", number="T12", states=("reported", "verifying", "filed"), next="cancelled", roles=REPORTERS,
        guards=("own_or_desk",), fields=(choice("reason", f.CANCEL_REASONS), NOTE), effects=("stop",),
        notices=("reporter", "verifier"),
    ),
    Transition(
        action="cancel", number="T12", states=("dispatched",), next="cancelled", roles=DISPATCH, guards=("in_area",),
        fields=(choice("reason", f.CANCEL_REASONS), NOTE), effects=("stop",), notices=("reporter", "lead"),
    ),
    Transition(
        action="merge", number="T13", states=("reported", "verifying", "filed", "dispatched", "handling"), next="merged",
        roles=DESK | DISPATCH, guards=("in_area",),
        fields=(
            Field(name="main", type="case", required=True, options_from="duplicates"), REASON,
            Field(name="confirm", type="boolean"),  # that the main case has ended already is known (dispatch.merging)
        ),
        effects=("merge",), notices=("own_reporter", "lead", "verifier"),
    ),
)  # fmt: skip
