"""Urging and supervising by hand and by rule, special endings, spot checks, bad ratings, reopening, archiving."""

from __future__ import annotations

from dispatch import fields as f
from dispatch.fields import Field, choice, text
from dispatch.transition import (
    ALIVE,
    DESK,
    HELD,
    NOTE,
    PHOTOS,
    PHOTOS_NEEDED,
    POSITION,
    REASON,
    SYSTEM_ONLY,
    UNIT,
    WALKERS,
    Transition,
)

__all__ = ["ROWS"]

SUPERVISOR = frozenset({"supervisor"})
LEADER = frozenset({"leader"})
FROM_FILING = tuple(state for state in ALIVE if state not in ("reported", "verifying"))
RATED = ("closed", "answered")
RESTING = ("closed", "answered", "refused", "merged", "transferred")  # ended, and archived when nothing has moved for long enough

SUPERVISING = (
    Transition(
        action="comment", number="2.4b", states=ALIVE, next=None, roles=LEADER, adding=True, public=False, guards=("in_area",),
        fields=(text("text", 2), Field(name="asks", type="boolean")), checks=("asks_when_filed",), effects=("comment",),
        notices=("lead", "supervisors"),
    ),
    Transition(
        action="supervise", number="T49", states=FROM_FILING, next=None, roles=SUPERVISOR | LEADER | SYSTEM_ONLY, adding=True,
        public=False, guards=("in_area",),
        fields=(choice("level", f.SUPERVISE_LEVELS), REASON, Field(name="limit", type="limit")), checks=("answer_in_time",),
        effects=("supervise",), notices=("lead", "holder", "unit_leader", "supervisors", "leaders"),
    ),
    Transition(
        action="answer_supervise", number="2.4b", states=HELD, next=None, roles=UNIT | {"unit_leader"}, adding=True, public=False,
        guards=("is_lead", "answer_awaited"), fields=(text("text", 5), PHOTOS), checks=("letter_answered_in_writing",),
        effects=("answer_supervise",), notices=("supervisors",),
    ),
    Transition(
        action="lift_supervise", number="2.4b", states=(*FROM_FILING, "closed"), next=None, roles=SUPERVISOR, public=False,
        guards=("in_area", "not_of_lead", "supervised"), fields=(text("text", 2),), effects=("lift_supervise",),
        notices=("lead", "unit_leader"),
    ),
)  # fmt: skip

ENDINGS = (
    Transition(
        action="close_explained", number="T41", states=("visiting",), next="closed", roles=SUPERVISOR,
        guards=("in_area", "did_not_dispatch", "not_of_lead"),
        fields=(choice("reason", f.EXPLAIN_REASONS), text("basis", 5), PHOTOS_NEEDED), effects=("explain", "close", "ask_rating"),
        notices=("reporter", "lead"),
    ),
    Transition(
        action="propose_special_close", number="T43", states=FROM_FILING, next=None, roles=SUPERVISOR, public=False,
        guards=("in_area", "not_of_lead", "no_special_proposed"), fields=(text("reason", 5), PHOTOS_NEEDED),
        effects=("propose_special",), notices=("supervisors",),
    ),
    Transition(
        action="special_close", number="T43", states=FROM_FILING, next="closed", roles=SUPERVISOR,
        guards=("in_area", "not_of_lead", "special_proposed", "not_proposer"), fields=(NOTE,),
        effects=("close_specially", "close", "ask_rating"), notices=("reporter", "lead"),
    ),
    Transition(
        action="decline_special_close", number="T43", states=FROM_FILING, next=None, roles=SUPERVISOR, public=False,
        guards=("in_area", "special_proposed"), fields=(text("note", 2),), effects=("decline_special",), notices=("supervisors",),
    ),
    Transition(
        action="archive", number="T47", states=RESTING, next="archived", roles=SYSTEM_ONLY, offered=False,
        guards=("nothing_open", "main_at_rest"), effects=("archive",),
    ),
)  # fmt: skip

AFTERWARDS = (
    Transition(
        action="draw_spot_check", number="2.4b", states=("closed",), next=None, roles=SUPERVISOR | SYSTEM_ONLY, public=False,
        guards=("in_area", "can_be_spot_checked", "no_spot_check_awaited"), limit="spot_check",
        fields=(Field(name="checker", type="person", options_from="free_checkers"),), checks=("checker_is_another",),
        effects=("draw_spot_check",), notices=("spot_checker",),
    ),
    Transition(
        action="assign_spot_check", number="2.4b", states=("closed",), next=None, roles=SUPERVISOR, public=False,
        guards=("in_area", "spot_check_awaited"), limit="spot_check",
        fields=(Field(name="checker", type="person", required=True, options_from="free_checkers"), REASON),
        checks=("checker_is_another",), effects=("assign_spot_check",), notices=("spot_checker",),
    ),
    Transition(
        action="spot_check_late", number="2.4b", states=("closed",), next=None, roles=SYSTEM_ONLY, public=False, offered=False,
        guards=("spot_check_awaited",), effects=("spot_check_late",), notices=("spot_checker", "supervisors"),
    ),
    Transition(
        action="spot_check", number="2.4b", states=("closed",), next=None, roles=WALKERS, public=False,
        guards=("in_area", "did_not_dispatch", "not_of_lead", "checks_no_own_verdict", "spot_check_awaited", "is_drawn_checker"),
        fields=(choice("result", f.CHECK_RESULTS), PHOTOS_NEEDED, POSITION, text("reason"), NOTE), checks=("on_the_spot",),
        effects=("spot_check",), notices=("supervisors",),
    ),
    Transition(
        action="reopen", number="T46", states=("closed",), next="by:after_reopening",
        roles=SUPERVISOR | SYSTEM_ONLY, limit="sign_in", guards=("in_area", "not_of_lead"),
        fields=(
            Field(name="kind", type="choice", required=True, options=f.REOPEN_KINDS, options_from="reopen_kinds"),
            text("reason", 5),
        ),
        checks=("kind_holds",), effects=("drop_requests", "reopen", "ask_anew", "set_alarms"),
        notices=("reporter", "lead", "holder"),
        leads=(("closed", "dispatched"), ("closed", "filed")),
    ),
)  # fmt: skip

RECTIFYING = (
    Transition(
        action="rectify_contact", number="T45", states=RATED, next=None, roles=UNIT | DESK, adding=True, public=False,
        guards=("answers_for_case", "to_be_contacted"),
        fields=(choice("way", f.CONTACT_WAYS), choice("result", f.CONTACT_RESULTS), NOTE), effects=("rectify_contact",),
    ),
    Transition(
        action="rectify_submit", number="T45", states=RATED, next=None, roles=UNIT | {"unit_leader", "operator"}, public=False,
        guards=("answers_for_case", "to_be_rectified"), fields=(choice("result", f.RECTIFY_RESULTS), text("text", 10), PHOTOS),
        effects=("rectify_submit",), notices=("supervisors",),
    ),
    Transition(
        action="rectify_close", number="T45", states=RATED, next=None, roles=SUPERVISOR,
        guards=("in_area", "not_of_lead", "to_be_settled"),
        fields=(Field(name="approve", type="boolean", required=True), text("opinion", 2)), effects=("rectify_close",),
        notices=("answerable", "asked_again"),
    ),
    Transition(
        action="rectify_late", number="T45", states=RATED, next=None, roles=SYSTEM_ONLY, public=False, offered=False,
        guards=("unsettled",), effects=("rectify_late",), notices=("answerable", "unit_leader", "supervisors"),
    ),
)  # fmt: skip

DANGER = (
    Transition(
        action="alarm", number="2.8", states=("dispatched",), next=None, roles=SYSTEM_ONLY, public=False, offered=False,
        effects=("alarm",), notices=("lead",),
    ),
)  # fmt: skip

ROWS: tuple[Transition, ...] = (*SUPERVISING, *ENDINGS, *AFTERWARDS, *RECTIFYING, *DANGER)
