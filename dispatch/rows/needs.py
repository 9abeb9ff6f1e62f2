"""What a case asks of social organizations: needs that are opened, claimed and closed, and the resident's leave to be called."""

from __future__ import annotations

from dispatch import fields as f
from dispatch.fields import Field, choice, text
from dispatch.transition import ALIVE, DISPATCH, FINAL, NEED_STATES, NOTE, REASON, STATES, SYSTEM_ONLY, UNIT, WALKERS, Transition
from dispatch.wanted import HELP, KINDS, VISIBILITIES

__all__ = ["ROWS"]

_ASKING = DISPATCH | UNIT | {"unit_leader", "supervisor"}
_FOR_REPORTER = frozenset({"operator", "citizen", "grid_worker", "grid_lead"})
_NOT_FINAL = tuple(state for state in STATES if state not in FINAL)
_PLACES = Field(name="places", type="number", required=True, min=1, max=50, options_from="one")
_UNTIL = Field(name="open_until", type="datetime")
_ENDS = Field(name="ends_at", type="datetime")
_AMOUNT = text("amount", most=50, clean=True)

ROWS: tuple[Transition, ...] = (
    Transition(
        action="open_need", number="2.4b", states=("dispatched", "handling"), next=None, roles=_ASKING | WALKERS, public=False,
        guards=("asks_for_help",),
        fields=(
            Field(name="kind", type="choice", required=True, options=KINDS, options_from="asked_kind"), choice("help", HELP),
            text("what", 4, most=200, clean=True), _AMOUNT, _PLACES, Field(name="starts_at", type="datetime"), _ENDS, _UNTIL,
            Field(name="location", type="point"), choice("visibility", VISIBILITIES, required=False),
            Field(name="organizations", type="organizations", max=10, options_from="near_organizations"),
        ),
        checks=(
            "help_may_be_asked", "places_whole", "need_times_agree", "place_in_the_city", "organizations_known",
            "organizations_free",
        ),
        effects=("open_need",), notices=("given",), limit="invitation",
    ),
    Transition(
        subject="need", action="change_need", number="2.4b", states=("open", "filled", "expired"), next=None, roles=_ASKING,
        public=False, guards=("asks_for_help",),
        fields=(Field(name="places", type="number", min=1, max=50), _UNTIL, _ENDS, _AMOUNT, NOTE),
        checks=("something_changes", "places_whole", "not_below_claimed", "need_times_agree"), effects=("change_need",),
    ),
    Transition(
        subject="need", action="close_need", number="2.4b", states=("open", "filled", "expired"), next=None, roles=_ASKING,
        public=False, guards=("asks_for_help",), fields=(REASON,), effects=("close_need",), notices=("dropped",),
    ),
    Transition(  # in every state, so that who comes too late is told why
        subject="need", action="claim_need", number="2.4b", states=NEED_STATES, next=None, roles=frozenset({"org_coordinator"}),
        adding=True, guards=("need_goes_on", "claims_once", "need_has_place"),
        fields=(
            Field(name="organization", type="organization", required_when="stands_for_all", options_from="fitting_organizations"),
            text("people", 2, most=100, when="needs_named_person"),
        ),
        checks=("own_organization", "may_claim_now", "not_at_it", "claimant_fits", "claimant_has_time"), effects=("claim_need",),
        notices=("lead",),
    ),
    Transition(
        subject="need", action="need_expire", number="2.4b", states=("open",), next=None, roles=SYSTEM_ONLY, public=False,
        offered=False, effects=("need_expire",), notices=("lead",),
    ),
    Transition(
        action="end_needs", number="2.4b", states=STATES, next=None, roles=SYSTEM_ONLY, public=False, offered=False,
        effects=("end_needs",), notices=("dropped",),
    ),
    Transition(
        action="share_contact", number="4.2", states=ALIVE, next=None, public=False, adding=True, roles=_FOR_REPORTER,
        guards=("speaks_for_reporter", "contact_may_be_shared", "contact_not_shared"),
        fields=(choice("consent", f.CONSENTS), NOTE), effects=("share_contact",),
    ),
    Transition(
        action="unshare_contact", number="4.2", states=_NOT_FINAL, next=None, public=False, adding=True, roles=_FOR_REPORTER,
        guards=("speaks_for_reporter", "contact_shared"), fields=(NOTE,), effects=("unshare_contact",),
    ),
)  # fmt: skip
