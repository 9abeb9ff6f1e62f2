"""Several units and organizations on one case: assisting, joint and subordinate units, the whistle, social organizations."""

from __future__ import annotations

from dispatch import fields as f
from dispatch.fields import Field, choice, text
from dispatch.transition import DISPATCH, NOTE, PHOTOS, POSITION, REASON, SYSTEM_ONLY, UNIT, Transition

__all__ = ["ROWS"]

HELPERS = frozenset({"org_coordinator"})

ROWS: tuple[Transition, ...] = (
    Transition(
        action="ask_unit", number="T22", states=("dispatched", "handling"), next=None, roles=UNIT, adding=True, public=False,
        guards=("is_lead",), fields=(Field(name="unit", type="unit", options_from="free_units"), REASON), effects=("ask_unit",),
        notices=("dispatchers",),
    ),
    Transition(
        action="add_unit", number="T22", states=("dispatched", "handling"), next=None, roles=DISPATCH, public=False,
        guards=("in_area",),
        fields=(
            Field(name="unit", type="unit", required=True, options_from="free_units"), choice("kind", f.PART_KINDS),
            Field(name="limit", type="limit"), Field(name="coordinator", type="unit"), NOTE,
        ),
        checks=("unit_fits", "unit_free", "coordinator_is_another", "part_in_time"), effects=("add_unit",),
        notices=("given", "lead"),
    ),
    Transition(
        action="subdispatch", number="T21", states=("handling",), next=None, roles=UNIT, public=False,
        guards=("is_lead", "has_lower_units"),
        fields=(
            Field(name="unit", type="unit", required=True, options_from="lower_units"), Field(name="limit", type="limit"), NOTE,
        ),
        checks=("in_own_tree", "unit_free", "part_in_time"), effects=("subdispatch",), notices=("given",),
    ),
    Transition(
        action="blow_whistle", number="T32", states=("filed", "handling"), next=None, roles=UNIT | {"grid_lead"}, public=False,
        guards=("may_whistle",),
        fields=(
            Field(name="units", type="units", required=True, min=1, max=5, options_from="callable_units"),
            text("place", 2, most=200), REASON,
        ),
        checks=("units_free",), effects=("blow_whistle",), notices=("given",), limit="whistle_arrive",
    ),
    Transition(
        subject="task", action="arrive", number="T32", states=("pending", "signed"), next="signed", roles=UNIT, adding=True,
        guards=("own_part", "is_whistle", "not_arrived", "parts_may_move"),
        fields=(Field(name="at", type="datetime", required=True, options_from="now"), POSITION, text("reason")),
        checks=("in_the_past", "after_the_call", "on_the_spot"), effects=("arrive",), notices=("answered_to",),
    ),
    Transition(
        subject="task", action="task_withdraw", number="2.4b", states=("waiting", "pending", "signed"), next="withdrawn",
        roles=DISPATCH, public=False, guards=("in_area", "part_task", "parts_may_move"), fields=(REASON,),
        effects=("withdraw_task",), notices=("party",),
    ),
    Transition(
        subject="task", action="task_withdraw", number="2.4b", states=("invited",), next="withdrawn", roles=DISPATCH,
        public=False, guards=("in_area",), fields=(REASON,), effects=("withdraw_task",), notices=("party",),
    ),
    Transition(
        action="invite", number="2.4b", states=("dispatched", "handling"), next=None, roles=DISPATCH | UNIT,
        guards=("lead_or_dispatcher",),
        fields=(
            Field(name="organizations", type="organizations", required=True, min=1, max=10, options_from="near_organizations"),
            Field(name="places", type="number", min=1, max=10),
            Field(name="need", type="choice", options_from="open_needs", only_when="needs_open"), NOTE,
        ),
        checks=("organizations_known", "organizations_free", "places_fit"), effects=("invite",), notices=("given",),
        limit="invitation",
    ),
    Transition(
        subject="task", action="claim", number="2.4b", states=("invited",), next="claimed", roles=HELPERS, adding=True,
        guards=("own_help", "place_left"), checks=("helper_has_time",), effects=("move_help",), notices=("lead",),
    ),
    Transition(
        subject="task", action="decline", number="2.4b", states=("invited",), next="declined", roles=HELPERS, adding=True,
        public=False, guards=("own_help",), fields=(NOTE,), effects=("move_help",), notices=("lead",),
    ),
    Transition(
        subject="task", action="task_expire", number="2.4b", states=("invited",), next="expired", roles=SYSTEM_ONLY,
        public=False, offered=False, effects=("move_help",), notices=("lead",),
    ),
    Transition(
        subject="task", action="release", number="2.4b", states=("claimed", "serving"), next="released",
        roles=HELPERS | DISPATCH, adding=True, public=False, guards=("own_help_or_dispatcher",), fields=(REASON,),
        effects=("move_help",), notices=("lead", "party"),
    ),
    Transition(
        subject="task", action="serve", number="2.4b", states=("claimed",), next="serving", roles=HELPERS, adding=True,
        guards=("own_help",),
        fields=(text("people", 2, most=100), Field(name="at", type="datetime", required=True, options_from="now")),
        effects=("serve",), notices=("lead",),
    ),
    Transition(
        subject="task", action="task_submit", number="2.4b", states=("serving",), next="submitted", roles=HELPERS, adding=True,
        guards=("own_help",),
        fields=(
            text("note", 5), Field(name="hours", type="number", required=True, min=0, max=1000),
            Field(name="count", type="number", min=1, max=1000), Field(name="volunteers", type="volunteers", max=500), PHOTOS,
        ),
        checks=("count_is_whole", "volunteers_agree"), effects=("report_help",), notices=("lead",),
    ),
    Transition(
        subject="task", action="task_confirm", number="2.4b", states=("submitted",), next="confirmed",
        roles=UNIT | {"citizen", "link"}, guards=("help_task", "thanks_for_help"),
        fields=(Field(name="rating", type="number", min=1, max=5), text("text", most=200)), checks=("rating_is_whole",),
        effects=("confirm_help",), notices=("party",),
    ),
    Transition(  # who did not confirm says too what it was worth
        subject="task", action="rate_help", number="2.4b", states=("confirmed",), next="confirmed",
        roles=UNIT | {"citizen", "link", "operator"}, adding=True, guards=("help_task", "thanks_for_help", "opinion_wanted"),
        fields=(Field(name="rating", type="number", required=True, min=1, max=5), text("text", most=200)),
        checks=("rating_is_whole",), effects=("keep_opinion",), notices=("party",),
    ),
    Transition(
        subject="task", action="task_return", number="2.4b", states=("submitted",), next="serving", roles=UNIT | {"citizen"},
        public=False, guards=("help_task", "thanks_for_help"), fields=(REASON,), effects=("move_help",), notices=("party",),
    ),
)  # fmt: skip
