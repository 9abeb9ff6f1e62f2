"""Needs as values: their states for whatever happens to their tasks, and the keys by which they are found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dispatch.transition import NEED_STATES, TASK_STATES
from dispatch.wanted import ANYWHERE, TAKEN, need_state, places_left, taken, wanted_keys, wanted_of

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
STATES = st.lists(st.sampled_from([state for state in TASK_STATES if state != "waiting"]), max_size=8)
NEEDS = st.fixed_dictionaries({"places": st.integers(1, 5), "over": st.booleans(), "closed_at": st.sampled_from([None, NOW])})


def case_of(states: list[str], need: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a case with one need and a task of it in each of these states."""
    tasks = [
        {"id": f"t{n}", "need": "n1", "kind": "org", "state": state, "organization": {"code": f"o{n}"}}
        for n, state in enumerate(states)
    ]
    place = {"path": [{"code": "52"}, {"code": "521"}]}
    known = {"id": "n1", "kind": "VOL", "visibility": "open", "place": None, "open_until": NOW + timedelta(hours=1)} | need
    return {"needs": [known], "tasks": tasks, "place": place, "live": {"sensitive": False}} | more


@given(need=NEEDS, states=STATES)
def test_state_when_derived_then_agrees_with_the_places(need: dict[str, Any], states: list[str]) -> None:
    case = case_of(states, need)
    known = case["needs"][0]
    having = [task["state"] for task in taken(case, known)]
    state = need_state(known, having)
    assert state in NEED_STATES and len(having) == sum(one in TAKEN for one in states)
    assert (state == "open") <= (places_left(case, known) > 0 and not need["over"] and need["closed_at"] is None)
    assert (state == "done") == (
        bool(having)
        and set(having) == {"confirmed"}
        and (need["over"] or need["closed_at"] is not None or len(having) >= need["places"])
    )
    assert (state == "expired") <= (need["over"] and not having)
    assert (need["closed_at"] is not None) <= (state in ("closed", "done"))


@given(need=NEEDS, states=STATES, more=st.integers(1, 5))
def test_state_when_places_are_added_then_never_less_open(need: dict[str, Any], states: list[str], more: int) -> None:
    having = [state for state in states if state in TAKEN]
    before, after = need_state(need, having), need_state(need | {"places": need["places"] + more}, having)
    assert (before == "open") <= (after == "open") and (before == "closed") == (after == "closed")


@given(states=STATES)
def test_wanted_when_open_then_by_kind_and_area_and_by_invitation(states: list[str]) -> None:
    found = wanted_of(case_of(states, {"state": "open"}))
    assert found is not None and found["until"] == NOW + timedelta(hours=1)
    invited = [f"o:o{n}" for n, state in enumerate(states) if state == "invited"]
    assert found["keys"] == ["VOL@52", "VOL@521", "VOL@*", *invited]


def test_wanted_when_nothing_is_open_or_only_for_the_invited_then_is_not_found_by_others() -> None:
    assert wanted_of(case_of([], {"state": "filled"})) is None
    assert wanted_of(case_of([], {"state": "open", "visibility": "invited"})) is None
    alone = wanted_of(case_of(["invited"], {"state": "open", "visibility": "invited"}))
    assert alone is not None and alone["keys"] == ["o:o0"]


def test_wanted_when_sensitive_then_under_keys_of_its_own() -> None:
    found = wanted_of(case_of([], {"state": "open"}, live={"sensitive": True}))
    assert found is not None and found["keys"] == wanted_keys(["VOL"], ["52", "521", ANYWHERE], sensitive=True)
    assert not set(found["keys"]) & set(wanted_keys(["VOL"], ["52", "521", ANYWHERE], sensitive=False))
