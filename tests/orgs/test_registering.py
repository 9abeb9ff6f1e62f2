"""What may be written into the registry: check characters, contacts of persons; what the past and the workload count for."""

from __future__ import annotations

import doctest
import importlib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgs.credit import ALPHABET, check_character, is_credit_code
from orgs.organizations import Organization, past_part, rating_of, share_of, turn_part
from orgs.registering import is_personal, shown_contact
from orgs.workload import RECENT, Workload
from tests.orgs.parties import NOON

BODIES = st.text(ALPHABET, min_size=17, max_size=17)


@pytest.mark.parametrize("name", ["credit", "organizations", "offers", "registering"])
def test_doctests_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"orgs.{name}")).failed == 0


@given(BODIES, st.integers(0, 16), st.sampled_from(ALPHABET))
def test_credit_code_when_one_character_is_misread_then_it_is_noticed(body: str, place: int, other: str) -> None:
    code = body + check_character(body)
    assert is_credit_code(code)
    misread = code[:place] + other + code[place + 1 :]
    assert is_credit_code(misread) == (misread == code)


@given(BODIES, st.integers(0, 15))
def test_credit_code_when_two_neighbours_are_exchanged_then_it_is_noticed(body: str, place: int) -> None:
    code = body + check_character(body)
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assert is_credit_code(swapped) == (swapped == code)


@given(st.integers(13_000_000_000, 19_999_999_999), st.sampled_from(("", "李华 ", "tel:", "社区值班室 ")))
def test_contact_when_it_holds_a_mobile_number_then_it_is_not_shown(number: int, before: str) -> None:
    contact = f"{before}{number}"
    assert is_personal(contact) and str(number) not in shown_contact(contact)


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500), st.floats(1, 5))
def test_past_when_anything_then_between_nought_and_one_and_one_good_rating_is_little(
    confirmed: int, failed: int, ratings: int, mean: float
) -> None:
    org = Organization(
        code="O", name="O", confirmed=confirmed, claimed=confirmed + failed, ratings=ratings, rating_sum=mean * ratings
    )
    assert 0 <= past_part(org) <= 1 and 0 <= share_of(org) <= 1 and 1 <= rating_of(org) <= 5
    newcomer, praised = Organization(code="N", name="N"), Organization(code="N", name="N", ratings=1, rating_sum=5.0)
    assert 0 < past_part(praised) - past_part(newcomer) < 0.02
    assert turn_part(confirmed) > turn_part(confirmed + 1) > 0


def live(*organizations: str, is_open: bool = True, days: int = 0) -> dict[str, Any]:
    """The live part of a case, as far as it is looked at."""
    return {"orgs": list(organizations), "open": is_open, "reported_at": NOON - timedelta(days=days)}


def test_workload_when_cases_come_and_go_then_busy_and_asked_are_counted() -> None:
    work = Workload()
    work.load([("1", live("A", "B")), ("2", live("A", is_open=False)), ("3", live())])
    assert (work.loads, work.asked) == ({"A": 1, "B": 1}, {"A": 2, "B": 1})
    work.follow("1", live("A"))  # B declined: neither a place nor a turn
    work.follow("4", live("B", days=40))
    work.follow("4", live("B", days=40, is_open=False))
    assert (work.loads, work.asked) == ({"A": 1}, {"A": 2, "B": 1})
    work.forget_old(NOON)
    assert work.asked == {"A": 2}, "too long ago"
    work.forget_old(NOON + RECENT + timedelta(days=1))
    assert (work.loads, work.asked) == ({"A": 1}, {"A": 1}), "what is open stays"
    loads = work.loads
    work.load([])
    assert work.loads is loads and (work.loads, work.asked) == ({}, {})
