"""The table of transitions as a whole: nothing unreachable, no dead end, nothing that nobody may do, every name defined."""

from __future__ import annotations

import pytest

from dispatch.actors import ROLES
from dispatch.fields import TYPES
from dispatch.notices import ADDRESSEES
from dispatch.registry import CHECKS, CHOOSERS, CONDITIONS, EFFECTS, FORBIDDING, GUARDS, SOURCES
from dispatch.states import (
    ALIVE,
    ENDED,
    FINAL,
    NEED_STATES,
    REQUEST_STATES,
    STATES,
    TABLE,
    TASK_STATES,
    find,
    photo_fields,
    rows_for,
)
from dispatch.transition import DRAFT

NOT_IN_ACTIONS = {
    "absorb",
    "accept_rule",
    "dismiss_rule",
    "hear_answer",
    "hear_appeal",
    "hear_rating",
    "let_go",
    "alarm",
    "archive",
    "ask_rating",
    "ask_reporter",
    "auto_dispatch",
    "cover",
    "end_needs",
    "need_expire",
    "begin_parts",
    "escalate",
    "expire",
    "issue_code",
    "issue_link",
    "join_same",
    "light",
    "recompute",
    "rectify_late",
    "reveal",
    "save_draft",
    "spot_check_late",
    "submit",
    "task_expire",
    "text_caller",
}


def _following(state: str) -> set[str]:
    return {after for row in TABLE for before, after in row.changes if before == state}


def test_states_when_walked_from_the_start_are_all_reached() -> None:
    reached, edge = set(), {""}
    while edge:
        reached |= edge
        edge = set().union(*(_following(state) for state in edge)) - reached
    assert reached == {"", DRAFT, *STATES}


@pytest.mark.parametrize("state", STATES)
def test_state_when_not_final_has_a_way_on(state: str) -> None:
    actions = {row.action for row in TABLE if row.subject == "case" and state in row.states and row.offered}
    assert bool(actions) == (state not in FINAL)
    if state in ALIVE:
        assert _following(state), f"{state} leads nowhere"


@pytest.mark.parametrize("state", ALIVE)
def test_state_when_open_can_always_come_to_an_end(state: str) -> None:
    reached, edge = set(), {state}
    while edge:
        reached |= edge
        edge = set().union(*(_following(one) for one in edge)) - reached
    assert reached & set(ENDED)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.number}-{row.action}")
def test_row_when_read_names_only_what_exists(row) -> None:
    states = {"case": (*STATES, "", DRAFT), "request": REQUEST_STATES, "task": TASK_STATES, "need": NEED_STATES}[row.subject]
    assert row.roles and row.roles <= set(ROLES), "somebody may do it"
    assert set(row.states) <= set(states) and row.states
    assert row.next is None or row.next in states or row.next.removeprefix("by:") in CHOOSERS
    assert {state for change in row.changes for state in change} <= {*STATES, "", DRAFT}
    assert row.subject != "case" or not (row.next or "").startswith("by:") or row.leads, "a chooser's states are told in `leads`"
    assert set(row.guards) <= set(GUARDS) and set(row.checks) <= set(CHECKS)
    assert set(row.effects) <= set(EFFECTS) and set(row.notices) <= set(ADDRESSEES)
    for field in row.fields:
        assert field.type in TYPES
        assert field.required_when in (None, *CONDITIONS) and field.options_from in (None, *SOURCES)
        assert field.type != "choice" or field.options or field.options_from
    assert len({field.name for field in row.fields}) == len(row.fields)


def test_rows_when_looked_up_by_role_are_unambiguous() -> None:
    own = {"case": ("", DRAFT, *STATES), "request": REQUEST_STATES, "task": TASK_STATES, "need": NEED_STATES}
    for subject, states in own.items():
        for state in states:
            for role in ROLES:
                actions = [row.action for row in rows_for(subject, state, role)]
                assert len(set(actions)) == len(actions)
                assert all(find(subject, state, role, action) for action in actions)


def test_rows_when_not_offered_have_a_door_of_their_own() -> None:
    assert {row.action for row in TABLE if not row.offered} == NOT_IN_ACTIONS


def test_system_when_asked_for_by_a_person_is_never_a_role_of_an_offered_row_alone() -> None:
    assert all(row.roles != {"system"} for row in TABLE if row.offered)


def test_guards_when_forbidding_are_guards() -> None:
    assert FORBIDDING <= set(GUARDS)


def test_separation_when_judging_is_in_every_row_that_judges() -> None:
    judging = [row for row in TABLE if row.action in ("check_pass", "check_fail", "visit_ok", "visit_redo")]
    assert len(judging) == 4 and all({"did_not_dispatch", "not_of_lead"} <= set(row.guards) for row in judging)
    assert "not_of_lead" in next(row for row in TABLE if row.action == "rate").guards
    assert "not_asking_unit" in next(row for row in TABLE if row.action == "decide").guards


def test_adding_rows_when_listed_are_those_of_the_design() -> None:
    adding = {row.action for row in TABLE if row.adding}
    assert {"contact", "progress", "supplement", "urge", "rate"} <= adding
    assert not adding & {"dispatch", "submit_result", "close", "decide", "file", "refuse", "cancel", "merge", "sign_in"}


def test_photo_fields_when_asked_for_go_by_type_not_by_name() -> None:
    assert photo_fields("case", "check_pass") == ("photos",) and photo_fields("case", "urge") == () == photo_fields("case", "x")
    wanted = {(row.subject, row.action) for row in TABLE for field in row.fields if field.type == "photos"}
    assert wanted == {(row.subject, row.action) for row in TABLE if photo_fields(row.subject, row.action)}
