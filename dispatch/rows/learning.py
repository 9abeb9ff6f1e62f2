"""What a returned case teaches the rules of responsibility: a person takes the proposal or leaves it (domain.md §2.6 rule 6)."""

from __future__ import annotations

from dispatch.fields import Field, text
from dispatch.transition import DISPATCH, Transition

__all__ = ["ROWS"]

DECIDES = DISPATCH | {"supervisor"}
GUARDED = ("in_area", "not_asking_unit", "rule_open")

# Both have a door of their own (`dispatch.proposals`): to take a proposal is also to write the rule.
ROWS = (
    Transition(
        subject="request", action="accept_rule", number="2.6", states=("approved",), next=None, roles=DECIDES, adding=True,
        public=False, offered=False, guards=GUARDED, fields=(Field(name="area", type="text", max=40), text("opinion", 2)),
        checks=("area_of_case",), effects=("accept_rule",), notices=("asker",),
    ),
    Transition(
        subject="request", action="dismiss_rule", number="2.6", states=("approved",), next=None, roles=DECIDES, adding=True,
        public=False, offered=False, guards=GUARDED, fields=(text("opinion", 2),), effects=("dismiss_rule",), notices=("asker",),
    ),
)  # fmt: skip
