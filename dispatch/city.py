"""The city of this installation: who it is, its hours, and every threshold that it sets (`city.toml`, `params.toml`).

One document `_id: "city"` in the collection `city`. It keeps only what the city itself set; the rest comes from
`data/defaults.toml`, which lists and explains every key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from dispatch.calendar import DEFAULT_HOURS, parse_hours
from dispatch.clocks import LightRules, LimitTable
from dispatch.draws import Sampling, Share
from dispatch.limits import Bounds
from dispatch.points import PointParams
from storage.client import Database

__all__ = [
    "CITY", "Bounds", "City", "DispatchParams", "DuplicateParams", "LearningParams", "Params", "PatrolParams", "VisitParams",
    "load", "params_of", "save",
]  # fmt: skip

CITY = "city"  # collection: one document with the same _id
_DEFAULTS = Path(__file__).parent / "data" / "defaults.toml"

Metres = Annotated[int, msgspec.Meta(ge=1, le=5000, description="metres, 1 to 5000")]
Words = tuple[Annotated[str, msgspec.Meta(min_length=1)], ...]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of params.toml: a key that does not exist is an error, not a silent nothing."""


class DispatchParams(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the platform acts without a person."""

    auto_score: Share
    propose_confidence: Share


class LearningParams(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether and how often the service has what closed cases teach learned anew."""

    scheduled: bool
    every_days: Annotated[int, msgspec.Meta(ge=1, le=365)]
    least_cases: Annotated[int, msgspec.Meta(ge=20, le=100_000)]


class DuplicateParams(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts as the same matter."""

    radius_m: Metres
    days: Annotated[int, msgspec.Meta(ge=1, le=365)]
    similarity: Share
    shown: Annotated[int, msgspec.Meta(ge=1, le=50)]
    radius_by_category: dict[str, Metres] = {}


class PatrolParams(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Patrols of grid workers (domain.md §5.5): norms, how near is there, how long tracks are kept."""

    day_minutes: Annotated[int, msgspec.Meta(ge=0, le=1440)]
    key_visits_a_week: Annotated[int, msgspec.Meta(ge=0, le=50)]
    buffer_m: Metres
    accuracy_m: Metres
    visit_radius_m: Metres
    valid_share: Share
    early_minutes: Annotated[int, msgspec.Meta(ge=0, le=720)]
    grace_minutes: Annotated[int, msgspec.Meta(ge=0, le=720)]
    late_hours: Annotated[int, msgspec.Meta(ge=1, le=240)]
    keep_days: Annotated[int, msgspec.Meta(ge=11, le=3650)]


class VisitParams(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often grid workers look in on places that are to be visited (走访), by grade, in days (domain.md §5.5)."""

    red_days: Annotated[int, msgspec.Meta(ge=1, le=366)]
    yellow_days: Annotated[int, msgspec.Meta(ge=1, le=366)]
    green_days: Annotated[int, msgspec.Meta(ge=1, le=366)]
    plain_days: Annotated[int, msgspec.Meta(ge=1, le=3660)]
    soon_days: Annotated[int, msgspec.Meta(ge=0, le=366)]


class Params(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every threshold, weight and word of the city. `data/defaults.toml` explains each key."""

    dispatch: DispatchParams
    learning: LearningParams
    duplicates: DuplicateParams
    limits: LimitTable
    lights: LightRules
    bounds: Bounds
    sampling: Sampling
    patrols: PatrolParams
    visits: VisitParams
    points: PointParams
    emergency_words: Words
    emergency_negations: Words = ()
    emergency_questions: Words = ()
    emergency_preventions: Words = ()
    emergency_recurrences: Words = ()
    emergency_topics: Words = ()
    emergency_exceptions: Words = ()


class City(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who the city is. `overrides` is its params.toml as written; `params` is that over the defaults."""

    code: Annotated[str, msgspec.Meta(min_length=1)]
    name: Annotated[str, msgspec.Meta(min_length=1)]
    name_en: str = ""
    timezone: str = "Asia/Shanghai"
    case_prefix: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{1,6}$", description="one to six capital letters")] = "GY"
    working_hours: str = DEFAULT_HOURS
    languages: tuple[str, ...] = ("zh-CN", "en")
    base_map: str = "none"
    demo: bool = False
    overrides: dict[str, Any] = {}

    def __post_init__(self) -> None:
        """Raise `ValueError` naming the key for an unknown zone or hours that cannot be read."""
        try:
            parse_hours(self.working_hours)
        except ValueError as error:
            raise ValueError(f"working_hours: {error}") from None
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"timezone: `{self.timezone}`; allowed: a name of the IANA list like Asia/Shanghai") from None

    @property
    def params(self) -> Params:
        """The thresholds that hold: the city's own over the defaults."""
        return params_of(self.overrides)


def params_of(overrides: Mapping[str, Any]) -> Params:
    """Return the defaults with the overrides of a params.toml; `msgspec.ValidationError` names the key that is wrong.

    >>> params_of({"duplicates": {"radius_m": 80}}).duplicates.radius_m, params_of({}).limits.nodes["dispatch"]["emergency"]
    (80, '5m')
    """
    return msgspec.convert(_merged(_defaults(), overrides), Params)


async def load(database: Database) -> City | None:
    """Return the city of this installation, None before the first import."""
    found = await database.find_one(CITY, {"_id": CITY})
    if found is None:
        return None
    del found["_id"]
    return msgspec.convert(found, City)


async def save(database: Database, city: City) -> None:
    """Put the city in place of the one before."""
    await database.bulk_replace(CITY, [{"_id": CITY, **msgspec.to_builtins(city)}])


@cache
def _defaults() -> dict[str, Any]:
    return tomllib.loads(_DEFAULTS.read_text(encoding="utf-8"))


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        known = merged.get(key)
        merged[key] = _merged(known, value) if isinstance(known, dict) and isinstance(value, Mapping) else value
    return merged
