"""The work of the units until the result."""

from __future__ import annotations

from dispatch import fields as f
from dispatch.fields import Field, choice, text
from dispatch.transition import DISPATCH, NOTE, PHOTOS, PROOF, REASON, UNIT, Transition

__all__ = ["ROWS"]

ROWS = (
    Transition(
        action="contact", number="T23", states=("handling",), next=None, roles=UNIT, adding=True, guards=("takes_part",),
        fields=(
            Field(name="at", type="datetime", required=True, options_from="now"),
            choice("way", f.CONTACT_WAYS), choice("result", f.CONTACT_RESULTS), NOTE,
        ),
        checks=("in_the_past",), effects=("contact",),
    ),
    Transition(
        action="progress", number="T24", states=("handling", "suspended"), next=None, roles=UNIT | {"org_coordinator"},
        adding=True, guards=("takes_part",), fields=(text("note", 2), PHOTOS, Field(name="public", type="boolean")),
        effects=("progress", "progress_of_suspended"),
    ),
    Transition(
        action="sign_off", number="T33", states=("handling",), next=None, roles=frozenset({"unit_leader"}), adding=True,
        public=False, guards=("is_lead", "sign_off_needed", "not_signed_off"), fields=(NOTE,), effects=("sign_off",),
        notices=("lead",),
    ),
    Transition(
        action="submit_result", number="T33", states=("handling",), next="handled", roles=UNIT | {"unit_leader"},
        limit="review",
        guards=("is_lead", "no_pending_return", "contacted", "signed_off"),
        fields=(
            choice("result", f.RESULTS), text("handling", 20), text("public_reply", 20, clean=True), PROOF,
            text("unsolved_reason"), text("waive_reason", 5, when="assists_open"),
            Field(name="safe_at", type="datetime", required=True, only_when="safe_unsaid", options_from="now"),
        ),
        checks=("unsolved_explained", "safe_in_the_past"), effects=("drop_requests", "submit_result", "leave_scene"),
        notices=("dispatchers", "heard"),
    ),
    Transition(
        subject="task", action="task_sign", number="2.4b", states=("pending",), next="signed", roles=UNIT, adding=True,
        guards=("own_part", "parts_may_move"), effects=("move_part",),
    ),
    Transition(
        subject="task", action="task_submit", number="2.4b", states=("signed",), next="submitted", roles=UNIT, adding=True,
        guards=("own_part", "on_site", "parts_may_move"),
        fields=(
            text("note", 5), PHOTOS,
            Field(name="covers", type="units", only_when="others_at_work", options_from="coverable_units"),
        ),
        checks=("covers_fit",), effects=("move_part", "cover_others"), notices=("answered_to",),
    ),
    Transition(
        subject="task", action="task_accept", number="2.4b", states=("submitted",), next="accepted",
        roles=UNIT | {"supervisor", "grid_lead"}, guards=("part_task", "answers_for_part", "parts_may_move"),
        effects=("move_part",),
    ),
    Transition(
        subject="task", action="task_reject", number="2.4b", states=("submitted",), next="signed",
        roles=UNIT | {"supervisor", "grid_lead"}, guards=("part_task", "answers_for_part", "parts_may_move"), fields=(REASON,),
        effects=("move_part", "uncover"), notices=("party", "covered"),
    ),
    Transition(
        subject="task", action="task_waive", number="2.4b", states=("waiting", "pending", "signed"), next="waived",
        roles=UNIT | DISPATCH, guards=("part_task", "answers_for_part", "parts_may_move"), fields=(REASON,),
        effects=("move_part",), notices=("party",),
    ),
)  # fmt: skip
