"""On the scene of what is urgent or dangerous, until the danger is removed (domain.md §2.8)."""

from __future__ import annotations

from dispatch.fields import Field, text
from dispatch.transition import PHOTOS, POSITION, UNIT, WALKERS, Transition

__all__ = ["ROWS"]

WITH_UNIT = ("dispatched", "handling")

ROWS = (
    Transition(
        action="arrive", number="2.8", states=WITH_UNIT, next=None, roles=UNIT | WALKERS, adding=True,
        guards=("hurried", "called_there", "not_there_yet"),
        fields=(Field(name="at", type="datetime", required=True, options_from="now"), POSITION, text("reason")),
        checks=("in_the_past", "on_the_spot"), effects=("come",), notices=("lead", "dispatchers"),
    ),
    Transition(
        action="report_situation", number="2.8", states=WITH_UNIT, next=None, roles=UNIT | WALKERS, adding=True, public=False,
        guards=("danger_lasts", "called_there"),
        fields=(text("note", 5), Field(name="injured", type="number", min=0, max=10_000), PHOTOS),
        effects=("report_situation",), notices=("lead", "dispatchers", "supervisors"),
    ),
    Transition(
        action="made_safe", number="2.8", states=WITH_UNIT, next=None, roles=UNIT, adding=True,
        guards=("danger_lasts", "called_there", "somebody_there"), fields=(text("note", 5), PHOTOS),
        effects=("made_safe",), notices=("reporter", "lead", "dispatchers", "supervisors"),
    ),
)  # fmt: skip
