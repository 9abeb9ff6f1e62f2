"""Returns, extensions, suspensions and appeals that are asked for and decided; coordination of what no unit settles."""

from __future__ import annotations

from dispatch import fields as f
from dispatch.fields import Field, choice, text
from dispatch.transition import DISPATCH, NOTE, PHOTOS, PHOTOS_NEEDED, SYSTEM_ONLY, UNIT, Transition

__all__ = ["ROWS"]

LED = UNIT | {"unit_leader"}
TOLD = Field(name="told", type="boolean", required_when="citizen_to_tell")

ROWS = (
    Transition(
        action="request_return", number="T18", states=("dispatched", "handling"), next=None, roles=UNIT, public=False,
        guards=("is_lead", "not_emergency", "may_still_return", "no_pending_return", "first_return", "return_in_time"),
        fields=(
            choice("reason", f.RETURN_REASONS),
            text("basis", 5),
            Field(name="unit", type="unit", required=True, options_from="other_units"),
            PHOTOS,
        ),
        checks=("proposed_unit",), effects=("request_return",), notices=("deciders",),
    ),
    Transition(
        action="request_extension", number="T25", states=("handling",), next=None, roles=UNIT, public=False,
        guards=("is_lead", "not_emergency", "no_pending_extension", "extension_left", "extension_in_time"),
        fields=(text("reason", 5), Field(name="limit", type="limit", required=True, options_from="usual_extension"),
                text("measures", 10), TOLD),
        checks=("extension_fits", "extension_within_law", "citizen_told_of_delay"), effects=("request_extension",),
        notices=("deciders",),
    ),
    Transition(
        action="request_suspension", number="T27", states=("handling",), next=None, roles=LED, public=False,
        guards=("is_lead", "not_emergency", "no_pending_suspension"),
        fields=(
            choice("reason", f.SUSPENSION_REASONS), text("plan", 10),
            Field(name="planned_at", type="date", required=True, options_from="planned_date"), PHOTOS_NEEDED, TOLD,
        ),
        checks=("planned_in_bounds", "citizen_told_of_delay"), effects=("request_suspension",), notices=("signers_or_deciders",),
    ),
    Transition(
        subject="request", action="sign_request", number="T27", states=("pending",), next=None,
        roles=frozenset({"unit_leader"}), public=False, guards=("asked_by_actor", "awaits_signature"), fields=(NOTE,),
        effects=("sign_request",), notices=("deciders",),
    ),
    Transition(
        subject="request", action="decide", number="T06/T19/T20/T26/T28", states=("pending",), next="by:decision",
        roles=DISPATCH | {"supervisor"}, guards=("in_area", "not_asking_unit", "is_decider", "decidable"),
        fields=(
            Field(name="approve", type="boolean", required=True), text("opinion", 2),
            Field(name="dispatch_wrong", type="boolean", only_when="return_asked"),
        ),
        checks=("granted_within_law",), effects=("decide",), notices=("asker",),
        leads=(("dispatched", "filed"), ("handling", "filed"), ("handling", "suspended"), ("refused", "reported")),
    ),
    Transition(
        subject="request", action="withdraw_request", number="2.4b", states=("pending",), next="withdrawn",
        roles=LED | {"citizen", "operator"}, public=False, guards=("asked_by_actor", "asked_alone"),
        effects=("withdraw_request",), notices=("deciders",),
    ),
    Transition(
        subject="request", action="escalate", number="2.4b", states=("pending",), next=None, roles=SYSTEM_ONLY, public=False,
        offered=False, effects=("escalate",), notices=("deciders",),
    ),
    Transition(
        subject="request", action="expire", number="2.4b", states=("pending",), next="expired", roles=SYSTEM_ONLY, public=False,
        offered=False, effects=("expire",), notices=("asker",),
    ),
    Transition(
        action="resume", number="T29", states=("suspended",), next="handling", roles=UNIT | {"supervisor"} | SYSTEM_ONLY,
        guards=("lead_or_supervisor",), fields=(NOTE,), effects=("resume",), notices=("lead", "reporter"),
    ),
    Transition(
        action="coordinate", number="T30", states=("filed", "dispatched", "handling"), next="coordinating",
        roles=DISPATCH | {"supervisor"} | SYSTEM_ONLY, limit="decide_coordination", guards=("in_area",),
        fields=(choice("trigger", f.COORDINATION_TRIGGERS), text("reason", 2)),
        effects=("coordinate",), notices=("supervisors", "lead"),
    ),
    Transition(
        action="decide_coordination", number="T31", states=("coordinating",), next="dispatched",
        roles=frozenset({"supervisor"}), limit="sign_in", guards=("in_area",),
        fields=(
            text("minutes", 20),
            Field(name="unit", type="unit", required=True, options_from="candidates"),
            Field(name="assists", type="units", max=10),
            Field(name="limit", type="limit"),
        ),
        checks=("unit_fits", "assists_fit", "limit_within_law"), effects=("decide_coordination", "dispatch", "set_alarms"),
        notices=("lead", "given", "heard"),
    ),
    Transition(
        action="appeal_refusal", number="T06", states=("refused",), next=None, roles=frozenset({"citizen", "link", "operator"}),
        guards=("speaks_for_reporter", "not_appealed", "appeal_open"), fields=(text("reason", 5),), effects=("appeal",),
        notices=("deciders",),
    ),
    Transition(
        action="appeal_result", number="T46", states=("closed",), next=None, roles=frozenset({"citizen", "link", "operator"}),
        guards=("speaks_for_reporter", "not_of_lead", "not_appealed", "appeal_open"), fields=(text("reason", 5),),
        effects=("appeal",), notices=("deciders",),
    ),
)  # fmt: skip
