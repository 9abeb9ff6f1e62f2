"""Rules learned from records."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cities.learning import Learned, learn

PATHS = st.sampled_from([("c",), ("c", "x"), ("c", "y"), ("c", "x", "x1"), ("c", "x", "x2"), ("c", "y", "y1")])
OBSERVATIONS = st.dictionaries(
    st.tuples(st.sampled_from("ab"), PATHS, st.sampled_from("uvw")), st.integers(1, 20), min_size=1, max_size=20
)


def decide(rules: list[Learned], category: str, path: tuple[str, ...]) -> str:
    units = {(rule.category, rule.area): rule.unit for rule in rules}
    return next(units[category, area] for area in reversed(path) if (category, area) in units)


@given(OBSERVATIONS)
def test_learn_when_any_records_then_every_area_has_its_majority(
    observations: dict[tuple[str, tuple[str, ...], str], int],
) -> None:
    rules = learn(observations)
    below: dict[tuple[str, tuple[str, ...]], Counter[str]] = {}
    for (category, path, unit), number in observations.items():
        for depth in range(1, len(path) + 1):
            below.setdefault((category, path[:depth]), Counter())[unit] += number
    for (category, path), tally in below.items():
        assert tally[decide(rules, category, path)] == max(tally.values())


@given(OBSERVATIONS)
def test_learn_when_any_records_then_no_rule_repeats_the_one_above(
    observations: dict[tuple[str, tuple[str, ...], str], int],
) -> None:
    rules = learn(observations)
    assert len({(rule.category, rule.area) for rule in rules}) == len(rules)
    for (category, path, _), _ in observations.items():
        for depth in range(2, len(path) + 1):
            own = [rule for rule in rules if (rule.category, rule.area) == (category, path[depth - 1])]
            assert all(rule.unit != decide(rules, category, path[: depth - 1]) for rule in own)


def test_learn_when_an_area_has_too_few_rows_then_it_follows_the_wider_one() -> None:
    rows = {("a", ("c", "x"), "u"): 9, ("a", ("c", "y"), "v"): 2}
    assert [rule.area for rule in learn(rows, least=3)] == ["c"]
    assert [rule.area for rule in learn(rows, least=2)] == ["c", "y"]
