"""What a grid worker says for the resident in whose name they reported (代办): each time with the resident's consent."""

from __future__ import annotations

from dispatch import fields as f
from dispatch.fields import Field, choice, text
from dispatch.transition import PHOTOS, WALKERS, Transition

__all__ = ["ROWS"]

_JUDGE = ("is_proxy", "did_not_dispatch", "not_of_lead", "did_not_pass")
_CONSENTED = (choice("consent", f.CONSENTS), text("note", 2, most=500), PHOTOS)
_ANSWER = (
    Field(name="contacted", type="boolean", required=True), Field(name="solved", type="boolean", required=True),
    choice("satisfaction", f.GRADES), *_CONSENTED,
)  # fmt: skip
_GRADES = (
    Field(name="efficiency", type="number", required=True, min=1, max=5),
    Field(name="quality", type="number", required=True, min=1, max=5),
    Field(name="attitude", type="number", required=True, min=1, max=5),
    *_CONSENTED,
)

ROWS: tuple[Transition, ...] = (
    Transition(
        action="proxy_visit_answer", number="T39", states=("visiting",), next=None, roles=WALKERS, adding=True,
        guards=(*_JUDGE, "not_answered"), fields=_ANSWER, checks=("written_consent_shown",),
        effects=("visit_answer", "answered_by_proxy"), notices=("operators",),
    ),
    Transition(
        action="proxy_rate", number="T44", states=("closed", "answered"), next=None, roles=WALKERS, adding=True,
        guards=(*_JUDGE, "not_rated", "rating_open"), fields=_GRADES, checks=("written_consent_shown",),
        effects=("rate", "rated_by_proxy", "rectify_when_bad"), notices=("lead",),
    ),
    Transition(
        action="proxy_visit_answer", number="T39", states=("merged",), next=None, roles=WALKERS, adding=True,
        guards=(*_JUDGE, "apart_from_main", "asked_with_main"), fields=_ANSWER, checks=("written_consent_shown",),
        effects=("visit_answer", "answered_by_proxy"),
    ),
    Transition(
        action="proxy_rate", number="T44", states=("merged",), next=None, roles=WALKERS, adding=True,
        guards=(*_JUDGE, "apart_from_main", "rates_with_main"), fields=_GRADES, checks=("written_consent_shown",),
        effects=("rate", "rated_by_proxy"),
    ),
)  # fmt: skip
