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
        checks=("unit_fits", "assists_fit", "organizations_known", "limit_not_longer"),
        effects=("dispatch", "set_alarms"), notices=("lead", "given"),
    ),
    Transition(
        action="auto_dispatch", number="T16", states=("filed",), next="dispatched", roles=SYSTEM_ONLY, limit="sign_in",
        effects=("dispatch", "set_alarms"), notices=("lead", "given"), offered=False,
    ),
    Transition(
        action="sign_in", number="T17", states=("dispatched",), next="handling", roles=UNIT, guards=("is_lead",),
        effects=("sign_in", "stop_alarms"), limit="contact",
    ),
)  # fmt: skip
