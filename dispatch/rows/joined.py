"""Joined reporters: what they say by their own cases, and what the main case hears of it."""

from __future__ import annotations

from dispatch import fields as f
from dispatch.fields import Field, choice, text
from dispatch.transition import DESK, JOINED_ENDED, NOTE, SYSTEM_ONLY, Transition

__all__ = ["ROWS"]

SPEAKERS = DESK | {"citizen", "link"}  # the desk puts down what a caller says

ROWS: tuple[Transition, ...] = (
    Transition(  # what the same person or device sends again, before anybody has taken it up; it can be taken out again
        action="join_same", number="T13", states=("reported", "verifying", "filed", "dispatched"), next="merged",
        roles=SYSTEM_ONLY, offered=False, guards=("same_matter_found",), effects=("name_same", "merge"),
        notices=("own_reporter", "lead", "verifier"),
    ),
    Transition(
        action="visit_answer", number="T39", states=("merged",), next=None, roles=SPEAKERS, adding=True,
        guards=("speaks_for_joined", "asked_with_main"),
        fields=(
            Field(name="contacted", type="boolean", required=True), Field(name="solved", type="boolean", required=True),
            choice("satisfaction", f.GRADES), NOTE,
        ),
        effects=("visit_answer",),
    ),
    Transition(
        action="rate", number="T44", states=("merged",), next=None, roles=SPEAKERS, adding=True,
        guards=("speaks_for_joined", "rates_with_main"),
        fields=(
            Field(name="efficiency", type="number", required=True, min=1, max=5),
            Field(name="quality", type="number", required=True, min=1, max=5),
            Field(name="attitude", type="number", required=True, min=1, max=5),
            text("text"),
        ),
        effects=("rate",),
    ),
    Transition(
        action="appeal_refusal", number="T06", states=("merged",), next=None, roles=SPEAKERS,
        guards=("speaks_for_joined", "reporter_is_citizen", "main_refused", "not_appealed", "appeal_open"),
        fields=(text("reason", 5),),
    ),
    Transition(
        action="appeal_result", number="T46", states=("merged",), next=None, roles=SPEAKERS,
        guards=("speaks_for_joined", "reporter_is_citizen", "main_closed", "not_appealed", "appeal_open"),
        fields=(text("reason", 5),),
    ),
    Transition(
        action="issue_link", number="T39", states=("merged",), next=None, roles=DESK, adding=True, public=False, offered=False,
        guards=("speaks_for_joined", "reporter_is_citizen"), fields=(choice("purpose", f.LINK_PURPOSES),), checks=("link_due",),
        effects=("issue_link",),
    ),
    Transition(
        action="hear_answer", number="T39", states=("visiting",), next=None, roles=SYSTEM_ONLY, public=False, offered=False,
        effects=("hear_answer",),
    ),
    Transition(
        action="hear_rating", number="T44", states=JOINED_ENDED, next=None, roles=SYSTEM_ONLY, public=False, offered=False,
        effects=("rectify_when_bad", "hear_rating"), notices=("lead",),
    ),
    Transition(
        action="hear_appeal", number="T06/T46", states=("refused", "closed"), next=None, roles=SYSTEM_ONLY, public=False,
        offered=False, effects=("appeal",), notices=("deciders",),
    ),
)  # fmt: skip
