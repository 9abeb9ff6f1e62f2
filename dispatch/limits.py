"""How long something may take: the cells of a limit and the table that says which limit holds (domain.md §3.2).

A limit is `N` and a unit: `m` natural minutes, `h` natural hours, `d` natural days, `wh` working hours, `wd` working days.
The table comes from `data/defaults.toml`, overridden key by key by the city's `params.toml`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import ceil
from typing import Annotated

import msgspec

from dispatch.model import URGENCIES, Category

__all__ = [
    "DEFAULT_BOUNDS", "LIMIT_WORDS", "Bounds", "Limit", "LimitCell", "LimitChoice", "LimitTable", "choose_limit", "limit_for",
]  # fmt: skip

LIMIT_WORDS = "a number and a unit: m, h, wh (working hours), wd (working days) or d, like 30m or 5wd"
LIMIT_PATTERN = r"^[1-9][0-9]{0,3}(m|h|wh|wd|d)$"
LimitCell = Annotated[str, msgspec.Meta(pattern=LIMIT_PATTERN, description=LIMIT_WORDS)]
Count = Annotated[int, msgspec.Meta(ge=0)]

_CELL = re.compile(LIMIT_PATTERN)
_NOMINAL_MINUTES = {"m": 1, "h": 60, "wh": 24 * 60 // 7, "d": 24 * 60, "wd": 24 * 60}  # seven working hours make a day


class Limit(msgspec.Struct, frozen=True):
    """An amount of time in one of the five units.

    >>> Limit.parse("5wd"), str(Limit(30, "m")), Limit.parse("2h").is_working
    (Limit(amount=5, unit='wd'), '30m', False)
    """

    amount: int
    unit: str

    @classmethod
    def parse(cls, cell: str) -> Limit:
        """Return the limit of a cell; `ValueError` says what is allowed."""
        return _parsed(cell)

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"

    @property
    def is_working(self) -> bool:
        """True when only working time counts."""
        return self.unit in ("wh", "wd")

    @property
    def nominal_minutes(self) -> int:
        """Rough minutes, nights and breaks included: to compare sizes, never to compute a due time."""
        return self.amount * _NOMINAL_MINUTES[self.unit]

    def scaled(self, factor: float, *, floor_hours: int = 4) -> Limit:
        """Return a share of the limit, rounded up, at least `floor_hours` (working ones for working limits), never longer.

        Rework has half the original limit, special groups too, both at least 4 wh (domain.md T38, §3.2).

        >>> [str(Limit.parse(cell).scaled(0.5)) for cell in ("5wd", "1wd", "6wh", "24h", "2h")]
        ['3wd', '4wh', '4wh', '12h', '2h']
        """
        if self.unit == "wd" and self.amount * factor >= 1:
            return Limit(min(ceil(self.amount * factor), self.amount), "wd")
        if self.unit == "wd":
            return Limit(floor_hours, "wh")
        if self.unit == "wh":
            return Limit(min(max(ceil(self.amount * factor), floor_hours), self.amount), "wh")
        minutes = min(max(ceil(self.nominal_minutes * factor), floor_hours * 60), self.nominal_minutes)
        return Limit(minutes // 60, "h") if minutes % 60 == 0 else Limit(minutes, "m")


class LimitTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The city's limits as data. `nodes` holds for each step `default` and, where they differ, urgencies or majors by name."""

    urgency: dict[str, LimitCell]
    appeal: dict[str, LimitCell]
    nodes: dict[str, dict[str, LimitCell]]
    special_group_factor: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.5
    special_group_floor_hours: Annotated[int, msgspec.Meta(ge=1)] = 4

    def node(self, node: str, urgency: str = "normal", major: str = "") -> Limit | None:
        """Return the limit of a step (`sign_in`, `review`, …); None where no such clock runs at this urgency.

        Raises `KeyError` for a step that the table does not know.
        """
        cells = self.nodes[node]
        cell = cells.get(urgency) or cells.get(major) or cells.get("default")
        return None if cell is None else _parsed(cell)


class Bounds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much may be asked for (`[bounds]` in params.toml); the defaults are those of domain.md §2.4, §2.6, §3.3."""

    extension_times: Count = 2
    extension_total: LimitCell = "10wd"
    return_shift: LimitCell = "2wd"
    returns_to_coordination: Count = 2
    redos_to_coordination: Count = 3
    suspension_days: Count = 180


DEFAULT_BOUNDS = Bounds()


class LimitChoice(msgspec.Struct, frozen=True):
    """Which limit holds and why: `override`, `special_group`, `campaign`, `category`, `appeal_type`, `urgency`, `law`; of a clock
    that began anew `rework`, `redo`, `reopen`, after danger was removed `repair`.

    `zone` is the name of the campaign zone that gave it.
    """

    limit: Limit
    source: str
    zone: str = ""


def limit_for(
    category: Category | None, urgency: str, appeal_type: str, node: str = "handle", *, table: LimitTable
) -> Limit | None:
    """Return the ordinary limit of a step: `handle` (the case clock), `repair` after an emergency was made safe, or a node.

    None where no such clock runs (an emergency's first report on a normal case). Raises `KeyError` for an unknown node.
    """
    if node == "handle":
        return choose_limit(category, urgency, appeal_type, table=table).limit
    if node == "repair":
        return _parsed(category.limit) if category is not None and category.safe_limit and category.limit else None
    if node == "safe" and urgency == "emergency" and category is not None and category.safe_limit:
        return _parsed(category.safe_limit)
    return table.node(node, urgency, category.major if category is not None else "")


def choose_limit(
    category: Category | None,
    urgency: str,
    appeal_type: str,
    *,
    table: LimitTable,
    override: Limit | None = None,
    special_group: bool = False,
    campaign: Limit | None = None,
) -> LimitChoice:
    """Return the limit of the case clock and what decided it (domain.md §3.2).

    Override of the case, special group, campaign zone, category, appeal type, urgency default, in this order; a limit fixed
    by law is a hard cap on all (`clocks.capped_by_law`). A case raised above its category's urgency takes the faster urgency
    default, in a campaign zone too; the mark `complex` takes its own. Whether the actor may lengthen by `override` is for the
    caller's guard.
    """
    choice = _ordinary(category, urgency, appeal_type, table, campaign)
    if special_group:
        factor, floor = table.special_group_factor, table.special_group_floor_hours
        choice = LimitChoice(choice.limit.scaled(factor, floor_hours=floor), "special_group")
    return choice if override is None else LimitChoice(override, "override")


def _ordinary(
    category: Category | None, urgency: str, appeal_type: str, table: LimitTable, campaign: Limit | None
) -> LimitChoice:
    if urgency == "complex" and campaign is None:
        return LimitChoice(_parsed(table.urgency["complex"]), "urgency")
    if category is not None and category.safe_limit and urgency == "emergency":
        return LimitChoice(_parsed(category.safe_limit), "category")
    if campaign is not None:
        choice, usual = LimitChoice(campaign, "campaign"), category.urgency if category is not None else "normal"
    elif category is not None and category.limit:
        choice, usual = LimitChoice(_parsed(category.limit), "category"), category.urgency
    else:
        choice, usual = LimitChoice(_parsed(table.appeal.get(appeal_type) or table.appeal["none"]), "appeal_type"), "normal"
    if URGENCIES.index(urgency) <= URGENCIES.index(usual):
        return choice
    raised = _parsed(table.urgency[urgency])
    return LimitChoice(raised, "urgency") if raised.nominal_minutes < choice.limit.nominal_minutes else choice


@lru_cache(maxsize=4096)
def _parsed(cell: str) -> Limit:
    """Cells are few and read on every intake."""
    found = _CELL.fullmatch(cell)
    if found is None:
        raise ValueError(f"`{cell}`; allowed: {LIMIT_WORDS}")
    unit = found[1]
    return Limit(int(cell[: -len(unit)]), unit)
