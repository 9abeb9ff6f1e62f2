"""What is looked at before it is filed, handed to others, done at once, or found to be one matter with another."""

from __future__ import annotations

from dispatch import fields as f
from dispatch.fields import Field, choice, text
from dispatch.transition import DESK, DISPATCH, NOTE, PHOTOS_NEEDED, POSITION, REASON, STATES, SYSTEM_ONLY, WALKERS, Transition

__all__ = ["ROWS"]

AGENCY = frozenset({"partner"})
_HANDED_OVER = (
    Field(name="agency", type="choice", required=True, options=f.AGENCIES, options_from="agency"),
    text("to", most=60), choice("way", f.TRANSFER_WAYS), text("receipt", most=60),
)  # fmt: skip

# T03 starts from the case that the report has become, not from its draft: while no unit has signed, and on the day of the report,
# its reporter may say that it is done.
ROWS: tuple[Transition, ...] = (
    Transition(
        action="send_verify", number="T09", states=("reported",), next="verifying", roles=DESK | SYSTEM_ONLY, limit="verify",
        guards=("placed", "in_area", "not_emergency", "not_confirmed", "can_be_visited"),
        fields=(Field(name="worker", type="person", options_from="workers"), NOTE),
        checks=("worker_on_duty",), effects=("send_verify",), notices=("verifier",),
    ),
    Transition(
        action="verify", number="T10", states=("verifying",), next="reported", roles=WALKERS, limit="intake",
        guards=("in_area", "not_reporter"),
        fields=(choice("verdict", f.VERDICTS), PHOTOS_NEEDED, POSITION, text("reason"), NOTE),
        checks=("on_the_spot",), effects=("verify",), notices=("operators",),
    ),
    Transition(
        action="self_handle", number="T03", states=("reported", "filed", "dispatched"), next="closed", roles=WALKERS,
        guards=("own_report", "may_self_handle", "no_citizen", "not_emergency", "same_day", "nobody_signed", "photographed"),
        fields=(PHOTOS_NEEDED, text("note", 5)), effects=("self_handle", "mark_recurrence", "close", "draw_when_closed"),
        notices=("withdrawn",),
    ),
    Transition(
        action="unmerge", number="T14", states=("merged",), next="reported", roles=DISPATCH, limit="intake", guards=("in_area",),
        fields=(REASON,), effects=("unmerge",), notices=("own_reporter", "operators"),
    ),
    Transition(  # the main case, and every case between, when one is taken out
        action="let_go", number="T14", states=tuple(state for state in STATES if state != "archived"), next=None,
        roles=SYSTEM_ONLY, public=False, offered=False, effects=("let_go", "leave_appeal"), notices=("lead",),
    ),
    Transition(
        action="transfer_external", number="T07", states=("reported", "verifying", "filed"), next="transferred",
        roles=DESK | DISPATCH, limit="receipt", guards=("in_area",),
        fields=(*_HANDED_OVER, text("summary", 5)), checks=("other_place_named",), effects=("end_elsewhere", "transfer"),
        notices=("reporter", "verifier", "agency"),
    ),
    Transition(
        action="record_receipt", number="2.4b", states=("transferred",), next=None, roles=DESK | DISPATCH | AGENCY, adding=True,
        guards=("desk_or_agency",),
        fields=(text("receipt", 1, most=60, when="receipt_unknown"), text("feedback", 2)),
        effects=("record_receipt", "archive_when_rested"), notices=("reporter",),
    ),
    Transition(  # the agency says that it is not theirs
        action="transfer_back", number="T08", states=("transferred",), next="reported", roles=DESK | DISPATCH | AGENCY,
        limit="intake", guards=("desk_or_agency",), fields=(REASON,), effects=("transfer_back",),
        notices=("reporter", "operators"),
    ),
    Transition(  # in danger others are called while the units act: the case stays with them (domain.md §2.8)
        action="hand_over", number="T07", states=("reported", "filed", "dispatched", "handling"), next=None,
        roles=DESK | DISPATCH, adding=True, guards=("in_area", "in_danger"), fields=(*_HANDED_OVER, NOTE),
        checks=("other_place_named",), effects=("hand_over",), notices=("lead",),
    ),
)  # fmt: skip
