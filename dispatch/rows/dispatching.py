"""To the unit that must act, and back from it."""

from __future__ import annotations

from dispatch import fields as f
from dispatch.fields import Field, choice, text
from dispatch.transition import DISPATCH, PHOTOS, SYSTEM_ONLY, UNIT, Transition

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
        effects=("dispatch",), notices=("lead", "assists"),
    ),
    Transition(
        action="auto_dispatch", number="T16", states=("filed",), next="dispatched", roles=SYSTEM_ONLY, limit="sign_in",
        effects=("dispatch",), notices=("lead", "assists"), offered=False,
    ),
    Transition(
        action="sign_in", number="T17", states=("dispatched",), next="handling", roles=UNIT, guards=("is_lead",),
        effects=("sign_in",), limit="contact",
    ),
    Transition(
        action="request_return", number="T18", states=("dispatched", "handling"), next=None, roles=UNIT, public=False,
        guards=("is_lead", "not_emergency", "no_pending_return", "first_return", "return_in_time"),
        fields=(
            choice("reason", f.RETURN_REASONS),
            text("basis", 5),
            Field(name="unit", type="unit", required=True, options_from="other_units"),
            PHOTOS,
        ),
        checks=("proposed_unit",), effects=("request_return",), notices=("dispatchers",),
    ),
    Transition(
        subject="request", action="decide", number="T19/T20", states=("pending",), next="by:decision", roles=DISPATCH,
        public=False, guards=("in_area", "not_asking_unit"),
        fields=(Field(name="approve", type="boolean", required=True), text("opinion", 2),
                Field(name="dispatch_wrong", type="boolean")),
        effects=("decide_return",), notices=("asking_unit",), leads=(("dispatched", "filed"), ("handling", "filed")),
    ),
    Transition(
        subject="request", action="withdraw_request", number="2.4b", states=("pending",), next="withdrawn", roles=UNIT,
        public=False, guards=("asked_it",), effects=("withdraw_request",), notices=("dispatchers",),
    ),
)  # fmt: skip
