"""What may be done beside the state: urge, put right, add, look up."""

from __future__ import annotations

from dispatch import fields as f
from dispatch.fields import Field, choice, text
from dispatch.model import URGENCIES
from dispatch.transition import (
    ALIVE,
    DESK,
    DISPATCH,
    HELD,
    JOINED_ENDED,
    PHOTOS,
    REASON,
    REPORTERS,
    STATES,
    SYSTEM_ONLY,
    UNIT,
    WALKERS,
    Transition,
)

__all__ = ["ROWS"]

WAITED_FOR = ("closed", "answered", "refused", "transferred")  # ended, but something may still be due

ROWS = (
    Transition(
        action="urge", number="T48", states=HELD, next=None, roles=DISPATCH | {"supervisor", "citizen", "operator", "system"},
        adding=True, guards=("may_urge_now",), fields=(text("note", 2),), effects=("urge", "reply_expected"),
        notices=("lead", "third_urge"),
    ),
    Transition(
        action="reclassify", number="T50", states=("reported", "verifying", "filed", "dispatched", "handling"), next=None,
        roles=DESK | DISPATCH | {"supervisor"}, guards=("in_area",), public=False,
        fields=(
            Field(name="category", type="category", required=True, options_from="proposals"),
            choice("urgency", URGENCIES, required=False), REASON,
        ),
        checks=("category_known", "no_downgrade", "no_late_lengthening"),
        effects=("watch_danger", "reclassify", "bring_help"), notices=("lead",),
    ),
    Transition(
        action="mark_special_group", number="3.2", states=("reported", "verifying", "filed", "dispatched", "handling"),
        next=None, roles=DESK | DISPATCH | WALKERS, guards=("in_area", "no_special_group"), public=False,
        fields=(choice("group", f.SPECIAL_GROUPS), REASON), effects=("mark_special_group",), notices=("lead",),
    ),
    Transition(  # set by mistake
        action="unmark_special_group", number="3.2", states=("reported", "verifying", "filed", "dispatched", "handling"),
        next=None, roles=DESK | DISPATCH | WALKERS | {"supervisor"}, public=False,
        guards=("in_area", "special_group_marked", "marked_it_or_supervises", "limit_may_grow"), fields=(REASON,),
        effects=("unmark_special_group",), notices=("lead",),
    ),
    Transition(
        action="set_limit", number="3.2", states=("dispatched", "handling"), next=None, roles=DISPATCH | {"supervisor"},
        guards=("in_area",), public=False,
        fields=(Field(name="limit", type="limit", required=True, options_from="ordinary_limit"), REASON),
        checks=("limit_not_longer", "limit_within_law"), effects=("set_limit",), notices=("lead",),
    ),
    Transition(
        action="correct_location", number="T51", states=("reported", "verifying", "filed", "dispatched", "handling"), next=None,
        roles=DESK | DISPATCH | WALKERS, guards=("in_area",), public=False,
        fields=(Field(name="location", type="point", required=True, options_from="place"), text("address", most=200)),
        effects=("correct_location",), notices=("lead",),
    ),
    Transition(
        action="supplement", number="T52", states=ALIVE, next=None,
        roles=REPORTERS, adding=True, guards=("own_or_desk",), fields=(text("text", 2), PHOTOS),
        effects=("supplement",), notices=("lead",),
    ),
    Transition(
        action="light", number="3.4", states=(*ALIVE, "transferred"), next=None, roles=SYSTEM_ONLY, public=False, offered=False,
        effects=("light", "ladder", "call_to_scene", "pass_on"), notices=("holder",),
    ),
    Transition(
        action="recompute", number="3.3", states=ALIVE, next=None, roles=SYSTEM_ONLY, public=False, offered=False,
        guards=("dues_differ",), effects=("recompute",), notices=("holder", "lead"),
    ),
    Transition(
        action="recompute", number="3.3", states=WAITED_FOR, next=None, roles=SYSTEM_ONLY, public=False, offered=False,
        guards=("dues_differ",), effects=("recompute",), notices=("waited_for",),
    ),
    Transition(
        action="absorb", number="T13", states=(*ALIVE, *JOINED_ENDED), next=None, roles=SYSTEM_ONLY, public=False, offered=False,
        effects=("watch_danger", "absorb", "bring_help"), notices=("lead",),
    ),
    Transition(
        action="reveal", number="7.2", states=tuple(state for state in STATES if state != "archived"), next=None,
        roles=DESK | DISPATCH | UNIT | {"supervisor", "org_coordinator"},
        adding=True, public=False, guards=("may_know_reporter",), fields=(text("reason", 2, most=200),), offered=False,
    ),
)  # fmt: skip
