"""From the result over check and visit to closure and rating."""

from __future__ import annotations

from dispatch import fields as f
from dispatch.fields import Field, choice, text
from dispatch.transition import DESK, DISPATCH, NOTE, PHOTOS_NEEDED, POSITION, STATES, SYSTEM_ONLY, WALKERS, Transition

__all__ = ["ROWS"]

ROWS = (
    Transition(
        action="send_back", number="T34", states=("handled",), next="handling", roles=DISPATCH, guards=("in_area",),
        fields=(choice("defect", f.REVIEW_DEFECTS), NOTE), effects=("back_to_work",), notices=("lead",),
    ),
    Transition(
        action="send_check", number="T35", states=("handled",), next="checking", roles=DISPATCH | SYSTEM_ONLY, limit="check",
        guards=("in_area", "check_asked"), fields=(Field(name="checker", type="person", options_from="checkers"),),
        checks=("checker_on_duty",), effects=("reviewed", "send_check"), notices=("checker",),
    ),
    Transition(
        action="to_visit", number="T36", states=("handled",), next="visiting", roles=DISPATCH | SYSTEM_ONLY, limit="visit",
        guards=("in_area", "no_check_asked", "citizen_reported"), effects=("reviewed", "ask_account"), notices=("operators",),
    ),
    Transition(
        action="check_pass", number="T37", states=("checking",), next="by:after_check", roles=WALKERS, limit="visit",
        guards=("in_area", "did_not_dispatch", "not_of_lead"),
        fields=(PHOTOS_NEEDED, POSITION, text("reason"), NOTE),
        checks=("on_the_spot",), effects=("checked", "ask_account", "close_when_closed", "draw_when_closed"),
        notices=("after_check",),
        leads=(("checking", "visiting"), ("checking", "closed")),
    ),
    Transition(
        action="check_fail", number="T38", states=("checking",), next="handling", roles=WALKERS,
        guards=("in_area", "did_not_dispatch", "not_of_lead"),
        fields=(PHOTOS_NEEDED, choice("defect", f.CHECK_DEFECTS), POSITION, text("reason"), NOTE),
        checks=("on_the_spot",), effects=("rework",), notices=("lead",),
    ),
    Transition(
        action="visit_try", number="T39", states=("visiting",), next=None, roles=DESK, adding=True, public=False,
        guards=("in_area", "did_not_dispatch", "not_of_lead"), fields=(choice("way", f.CONTACT_WAYS), NOTE),
        effects=("visit_try",),
    ),
    Transition(
        action="visit_ok", number="T39", states=("visiting",), next="closed", roles=DESK | {"citizen", "link"},
        guards=("in_area", "did_not_dispatch", "not_of_lead", "needs_no_call", "nobody_joined"),
        fields=(
            Field(name="contacted", type="boolean", required=True), Field(name="solved", type="boolean", required=True),
            choice("satisfaction", f.SATISFACTION), NOTE,
        ),
        checks=("visit_agrees",), effects=("visited", "count_voices", "close", "draw_when_closed", "ask_rating"),
        notices=("reporter", "lead"),
    ),
    Transition(
        action="ask_reporter", number="T39", states=("visiting",), next=None, roles=SYSTEM_ONLY, offered=False,
        notices=("asked",),
    ),
    Transition(
        action="visit_answer", number="T39", states=("visiting",), next=None, roles=frozenset({"citizen", "link"}), adding=True,
        guards=("speaks_for_reporter", "not_of_lead", "not_answered"),
        fields=(
            Field(name="contacted", type="boolean", required=True), Field(name="solved", type="boolean", required=True),
            choice("satisfaction", f.GRADES), NOTE,
        ),
        effects=("visit_answer",), notices=("operators",),
    ),
    Transition(
        action="issue_link", number="T39", states=("visiting", "closed", "answered", "refused"), next=None, roles=DESK,
        adding=True, public=False, offered=False, guards=("in_area", "did_not_dispatch", "not_of_lead", "reporter_is_citizen"),
        fields=(choice("purpose", f.LINK_PURPOSES),), checks=("link_due",), effects=("issue_link",),
    ),
    Transition(
        action="ask_rating", number="T44", states=("closed", "answered"), next=None, roles=SYSTEM_ONLY, public=False,
        offered=False, notices=("texted",),
    ),
    Transition(
        action="text_caller", number="2.10", states=tuple(state for state in STATES if state != "archived"), next=None,
        roles=SYSTEM_ONLY, adding=True, public=False, offered=False, guards=("texts_wanted",), fields=(text("kind", 1, most=40),),
        effects=("text_caller",),
    ),
    Transition(
        action="issue_code", number="2.10", states=tuple(state for state in STATES if state != "archived"), next=None,
        roles=DESK, adding=True, public=False, offered=False,
        guards=("in_area", "did_not_dispatch", "not_of_lead", "reporter_is_citizen"),
    ),
    Transition(
        action="visit_redo", number="T40", states=("visiting",), next="handling", roles=DESK,
        guards=("in_area", "did_not_dispatch", "not_of_lead"), fields=(choice("reason", f.REDO_REASONS), text("note", 2)),
        effects=("redo", "ask_anew", "coordinate_when_stuck"), notices=("lead",),
    ),
    Transition(
        action="close", number="T42", states=("handled",), next="closed", roles=DISPATCH,
        guards=("in_area", "no_check_asked", "no_citizen"), fields=(NOTE,), effects=("reviewed", "close", "draw_when_closed"),
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
        effects=("rate", "rectify_when_bad"), notices=("lead",),
    ),
)  # fmt: skip
