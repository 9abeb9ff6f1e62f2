"""One unit under the several names that records have for it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgs.unit_names import UnitNames, folded, names_of
from orgs.units import Unit

ALIASES = ("坪山城管", "城管和综合执法局（区级）")
URBAN = Unit(
    code="U1", name="坪山区城市管理和综合执法局", short_name="区城管局", aliases=("坪山城管", "城管和综合执法局（区级）")
)
TEAMS = tuple(Unit(code=f"T{n}", name=f"综合行政执法队（{street}街道）") for n, street in enumerate(("坪山", "龙田", "马峦")))
WATER = Unit(code="W1", name="Water Bureau (坪山)")
NAMES = UnitNames((URBAN, *TEAMS, WATER))


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("U1", ["U1"]), ("ｕ１", ["U1"]), ("坪山区城市管理和综合执法局", ["U1"]), (" 区 城管局　", ["U1"]), ("坪山城管", ["U1"]),
        ("城管和综合执法局", ["U1"]), ("坪山城管(本级)", ["U1"]),
        ("综合行政执法队", ["T0", "T1", "T2"]), ("综合行政执法队(龙田街道)", ["T1"]), ("综合行政执法队（龙田）", ["T1"]),
        ("综合行政执法队【碧岭街道】", ["T0", "T1", "T2"]),
        ("WATER bureau（坪山）", ["W1"]), ("water bureau", ["W1"]), ("城管", []), ("", []), ("()", []),
    ],
)  # fmt: skip
def test_unit_when_named_in_any_way_is_found(name: str, codes: list[str]) -> None:
    assert [unit.code for unit in NAMES.find(name)] == codes


UNITS = st.lists(
    st.builds(
        Unit,
        code=st.uuids().map(str),
        name=st.text("综合执法局A街道（）() 　", min_size=1, max_size=8).filter(str.strip),
        aliases=st.lists(st.text("水务局ｂB( )", min_size=1, max_size=4).filter(str.strip), max_size=2).map(tuple),
    ),
    max_size=6,
    unique_by=lambda unit: unit.code,
)


@given(UNITS)
def test_unit_when_asked_by_each_of_its_names_in_either_width_is_among_the_answers(units: list[Unit]) -> None:
    names = UnitNames(units)
    for unit in units:
        for name in names_of(unit):
            for form in (name, unicodedata.normalize("NFKC", name), name.upper(), f" {name}"):
                found = [one.code for one in names.find(form)]
                assert unit.code in found and found == sorted(found)
                assert all(any(folded(other) == folded(name) for other in names_of(one)) for one in names.find(form))
