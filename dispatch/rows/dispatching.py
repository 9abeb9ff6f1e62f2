"""To the unit that must act."""

from __future__ import annotations

from dispatch.fields import Field, text
from dispatch.transition import DISPATCH, SYSTEM_ONLY, UNIT, Transition

__all__ = ["ROWS"]

ROWS = (
    Transition(
        action="dispatch", number="T15", states=("filed",), next="dispatched", roles=DISPATCH, limit="sign_in",
        guards=("in_area",),
        fields=(
            Field(name="unit", type="unit", required=True, options_from="candidates"),
            Field(name="assists", type="units", max=10),
            Field(name="organizations", type="organizations", max=10),
            Field(name="limit", type="limit"),
            text("opinion"),
        ),
        checks=("unit_fits", "assists_fit", "organizations_known", "limit_not_longer", "limit_within_law"),
        effects=("dispatch", "set_alarms", "mark_recurrence"), notices=("lead", "given", "heard"),
    ),
    Transition(
        action="dispatch_joint", number="T15", states=("filed",), next="dispatched", roles=DISPATCH, limit="sign_in",
        guards=("in_area", "has_template"),
        fields=(
            Field(name="template", type="choice", required=True, options_from="joint_templates"),
            Field(name="coordinator", type="unit"), Field(name="limit", type="limit"), text("opinion"),
        ),
        checks=("steps_have_units", "coordinator_is_no_part", "limit_not_longer", "limit_within_law"),
        effects=("dispatch_joint", "set_alarms", "mark_recurrence"),
        notices=("lead", "given", "heard"),
    ),
    Transition(
        action="begin_parts", number="2.4b", states=("dispatched", "handling"), next=None, roles=SYSTEM_ONLY, public=False,
        offered=False, effects=("begin_parts",), notices=("given",),
    ),
    Transition(
        action="auto_dispatch", number="T16", states=("filed",), next="dispatched", roles=SYSTEM_ONLY, limit="sign_in",
        effects=("dispatch", "set_alarms"), notices=("lead", "given", "heard"), offered=False,
    ),
    Transition(
        action="sign_in", number="T17", states=("dispatched",), next="handling", roles=UNIT, guards=("is_lead",),
        effects=("sign_in", "stop_alarms", "mark_recurrence"), limit="contact",
    ),
)  # fmt: skip
