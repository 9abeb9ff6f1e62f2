"""Which limit holds: the order of the domain, the steps' own limits, and the defaults as data."""

from __future__ import annotations

import pytest

from dispatch.city import params_of
from dispatch.clocks import LightRules
from dispatch.limits import Limit, choose_limit, limit_for
from dispatch.model import URGENCIES, Category

TABLE = params_of({}).limits
GARBAGE = Category(code="0101", name="暴露垃圾", major="01", urgency="priority", limit="4wh")
COVER = Category(code="0201", name="井盖", major="02", urgency="emergency", limit="36h", safe_limit="2h")
OLD_BUILDING = Category(code="0405", name="存量违建", major="04", limit="15wd")
OTHER = Category(code="1899", name="其他", major="18")


@pytest.mark.parametrize(
    ("category", "urgency", "appeal", "limit", "source"),
    [
        (GARBAGE, "priority", "complaint", "4wh", "category"),
        (OTHER, "normal", "complaint", "10wd", "appeal_type"),
        (OTHER, "normal", "consult", "1wd", "appeal_type"),
        (None, "normal", "help", "5wd", "appeal_type"),
        (None, "normal", "none", "5wd", "appeal_type"),
        (None, "urgent", "complaint", "24h", "urgency"),
        (OLD_BUILDING, "urgent", "none", "24h", "urgency"),
        (OLD_BUILDING, "complex", "none", "15wd", "urgency"),
        (GARBAGE, "normal", "none", "4wh", "category"),
        (GARBAGE, "urgent", "none", "4wh", "category"),
        (GARBAGE, "emergency", "none", "2h", "urgency"),
        (COVER, "emergency", "none", "2h", "category"),
        (COVER, "normal", "none", "36h", "category"),
    ],
)
def test_choose_limit_when_ordinary_then_order_of_the_domain(
    category: Category | None, urgency: str, appeal: str, limit: str, source: str
) -> None:
    choice = choose_limit(category, urgency, appeal, table=TABLE)
    assert (str(choice.limit), choice.source) == (limit, source)


def test_choose_limit_when_several_rules_apply_then_the_stronger_wins() -> None:
    parse = Limit.parse
    assert str(choose_limit(OLD_BUILDING, "normal", "none", table=TABLE, campaign=parse("3wd")).limit) == "3wd"
    special = choose_limit(OLD_BUILDING, "normal", "none", table=TABLE, campaign=parse("3wd"), special_group=True)
    assert (str(special.limit), special.source) == ("2wd", "special_group")
    override = choose_limit(OLD_BUILDING, "normal", "none", table=TABLE, special_group=True, override=parse("1wd"))
    assert (str(override.limit), override.source) == ("1wd", "override")


@pytest.mark.parametrize(
    ("node", "urgency", "limit"),
    [
        ("sign_in", "normal", "2wh"),
        ("sign_in", "urgent", "30m"),
        ("sign_in", "emergency", "15m"),
        ("contact", "normal", "1wd"),
        ("contact", "priority", "4wh"),
        ("contact", "urgent", "1h"),
        ("contact", "emergency", "15m"),
        ("review", "normal", "4wh"),
        ("visit", "normal", "3wd"),
        ("intake", "normal", "15m"),
        ("dispatch", "normal", "30m"),
        ("dispatch", "emergency", "5m"),
        ("decide_return", "complex", "2wh"),
        ("arrive", "urgent", "2h"),
        ("arrive", "emergency", "30m"),
        ("first_report", "emergency", "1h"),
    ],
)
def test_limit_for_when_step_then_limits_of_the_domain(node: str, urgency: str, limit: str) -> None:
    assert str(limit_for(None, urgency, "none", node, table=TABLE)) == limit


def test_limit_for_when_step_does_not_run_then_none_and_unknown_is_an_error() -> None:
    assert limit_for(None, "normal", "none", "arrive", table=TABLE) is None
    assert limit_for(GARBAGE, "emergency", "none", "repair", table=TABLE) is None
    assert str(limit_for(COVER, "emergency", "none", "repair", table=TABLE)) == "36h"
    assert str(limit_for(GARBAGE, "normal", "none", "check", table=TABLE)) == "30m"
    assert str(limit_for(COVER, "normal", "none", "check", table=TABLE)) == "1wd"
    with pytest.raises(KeyError):
        limit_for(None, "normal", "none", "tea", table=TABLE)


@pytest.mark.parametrize("cell", ["", "5", "wd", "0h", "5 wd", "5w", "-1h", "99999h", "1.5h", "5wd\n"])
def test_parse_when_cell_is_wrong_then_error_says_what_is_allowed(cell: str) -> None:
    with pytest.raises(ValueError, match="allowed"):
        Limit.parse(cell)


def test_defaults_when_read_then_every_urgency_has_a_limit_and_every_cell_parses() -> None:
    assert set(TABLE.urgency) == set(URGENCIES)
    for cells in TABLE.nodes.values():
        assert all(str(Limit.parse(cell)) == cell for cell in cells.values())


def test_defaults_when_read_then_lights_are_those_of_the_code() -> None:
    assert params_of({}).lights == LightRules()


def test_params_of_when_city_overrides_one_cell_then_others_stay() -> None:
    nodes = params_of({"limits": {"nodes": {"sign_in": {"urgent": "1h"}}}}).limits.nodes
    assert nodes["sign_in"] == {"default": "2wh", "urgent": "1h", "emergency": "15m"} and nodes["visit"] == {"default": "3wd"}
