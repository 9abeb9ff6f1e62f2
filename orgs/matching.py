"""Who is responsible: from the rules that hold and the defaults of the category to ranked, explained candidates. Pure.

Score: an owner of an asset has 0.99 to 1.00, a rule has the value of the area it is for (special polygon 0.98 … city 0.82)
less a little for a wider category, and the defaults stand below 0.75. A stronger precedence never scores lower. `parts` says
how well each thing fits, from 0 to 1. A rule for any category is shown first but never dispatched without a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache

import msgspec

from dispatch.model import Candidate, Category, Place, UnitRef
from orgs.rules import ANY, CATEGORY_WORDS, Hit, RuleIndex, Steps
from orgs.units import UNIT_LEVELS, UnitTree, split_post

__all__ = [
    "MAX_CANDIDATES", "Context", "Draft", "assists_of", "blocking", "drafts", "owners_near", "rank", "resolve", "winner_doubt",
]  # fmt: skip

MAX_CANDIDATES = 5
OWNER_RADIUS_M = 30.0
OWNER_GAP_M = 10.0  # a second owner nearer than this behind the first is as likely
AREA_VALUE = (0.82, 0.86, 0.875, 0.89, 0.92, 0.95, 0.98)  # city, district, management area, … grid, special polygon
CATEGORY_FIT = (0.5, 0.8, 1.0)
LEVEL_LETTERS = {"c": "city", "d": "district", "t": "township"}
LEVEL_WORDS = {"city": "市级", "district": "区县", "township": "街道乡镇", "community": "社区村"}
BACKSTOPS = {"township": (0.5, "属地街道乡镇"), "district": (0.4, "区县政府兜底"), "city": (0.2, "市级兜底")}  # score, words
NO_LEAD_TYPES = ("", "-", "–", "owner")


class Context(msgspec.Struct, frozen=True, gc=False):
    """What one question is about: the place with its steps, the category where it is known, the time."""

    place: Place
    steps: Steps
    codes: tuple[str, ...]
    category: Category | None
    at: datetime
    minute: int


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A candidate with what decides its rank: equal `order` of the first two is a tie. `assists` come from its rule."""

    order: tuple[float, ...]
    candidate: Candidate
    assists: tuple[str, ...] | None = None
    generic: bool = False


def drafts(context: Context, rules: RuleIndex, units: UnitTree) -> list[Draft]:
    """Return the best candidates, strongest first, each unit once: asset owners, rules, defaults of the category, backstops."""
    found: dict[str, Draft] = {}
    for draft in _all(context, rules, units):
        found.setdefault(draft.candidate.unit.code, draft)
        if len(found) == MAX_CANDIDATES:
            break
    return list(found.values())


def rank(found: Sequence[Draft]) -> tuple[Candidate, ...]:
    """Return the best candidates with scores that fall wherever the precedence falls, so that only a tie looks equal."""
    ranked: list[Candidate] = []
    ceiling = 1.0
    for position, draft in enumerate(found):
        score = min(draft.candidate.score, ceiling)
        if position and draft.order != found[position - 1].order and score >= ranked[-1].score:
            score = ranked[-1].score - 0.001
        ceiling = score
        ranked.append(
            draft.candidate if score == draft.candidate.score else msgspec.structs.replace(draft.candidate, score=round(score, 4))
        )
    return tuple(ranked)


def blocking(context: Context, winner: Iterable[str], rules: RuleIndex) -> tuple[str, ...]:
    """Return the reasons against dispatching without a person, `winner` being those of `winner_doubt`; empty when one clear
    winner stands."""
    doubt = _place_doubt(context, rules)
    category = context.category
    if category is None:
        doubt.append("no_category")
    else:
        if category.sensitive:
            doubt.append("sensitive")
        if category.disabled_at is not None and category.disabled_at <= context.at:
            doubt.append("category_disabled")
    doubt.extend(winner)
    return tuple(dict.fromkeys(doubt)) if doubt else ()


def winner_doubt(found: Sequence[Draft], threshold: float) -> Iterator[str]:
    """Give the reasons against the first of the drafts: none is responsible, a tie, a rule for anything, a low score."""
    if not found or found[0].candidate.rule == "backstop:city":
        yield "no_owner"
        return
    if len(found) > 1 and found[0].order == found[1].order:
        yield "tie"
    if found[0].generic:
        yield "any_category"
    if found[0].candidate.score < threshold:
        yield "low_score"


def assists_of(context: Context, winner: Draft | None, units: UnitTree) -> tuple[UnitRef, ...]:
    """Return the assisting units: those of the winning rule, else the category's assisting types in their narrowest area."""
    if winner is None:
        return ()
    names: Iterable[str]
    if winner.assists:
        names = winner.assists
    else:
        types = context.category.assist_types if context.category else ()
        names = (f"{kind}@{level}" for kind in types if (level := _narrowest(kind, units, context.codes)))
    found: dict[str, UnitRef] = {}
    for name in names:
        for unit in resolve(name, units, context.codes)[:1]:
            found.setdefault(unit.code, unit)
    found.pop(winner.candidate.unit.code, None)
    return tuple(found.values())


def resolve(lead: str, units: UnitTree, codes: Sequence[str]) -> tuple[UnitRef, ...]:
    """Return the units that `lead` (a code or `type@level`) names at a place with the area codes `codes`, widest first; of
    a unit that is gone its successor."""
    post = split_post(lead)
    if post is not None:
        return units.at_post(*post, codes)
    unit = units.standing(lead)
    return (unit,) if unit else ()


def _all(context: Context, rules: RuleIndex, units: UnitTree) -> Iterator[Draft]:
    """All candidates in falling order; what nobody reads is never made."""
    yield from _owners(context, units)
    code, major = (context.category.code, context.category.major) if context.category else ("", "")
    for hit in rules.find(context.steps, code, major, context.at.timestamp(), context.minute):
        for unit in resolve(hit.rule.lead, units, context.codes):
            yield _by_rule(hit, unit)
    yield from _defaults(context, units)
    yield from _backstops(context, units)


def _owners(context: Context, units: UnitTree) -> Iterator[Draft]:
    """Asset owners (部件先属主): the nearest of the category within 30 m; another owner almost as near makes a tie."""
    nearest: float | None = None
    for code, owner, distance in owners_near(context.place, context.category):
        unit = units.standing(owner)
        if unit is None:
            continue
        if nearest is None:
            nearest = distance
        gap = distance - nearest
        order = 1.0 if gap < max(OWNER_GAP_M, context.place.accuracy_m or 0.0) else 1.0 - gap / 1000
        near = max(0.0, 1 - distance / OWNER_RADIUS_M)
        yield Draft(
            (9.0, order, 0.0, 0.0, 0.0),
            Candidate(
                unit=unit,
                score=round(0.99 + 0.01 * near, 4) if order < 1.0 else 1.0,
                parts={"asset": 1.0, "distance": round(near, 3)},
                rule=f"asset:{code}",
                basis="部件先属主",
                reason=f"部件 {code} 属主 · 距 {distance:.0f} 米",
            ),
        )


def owners_near(place: Place, category: Category | None) -> list[tuple[str, str, float]]:
    """Return (asset, owner unit, distance in metres) of the assets that decide here, nearest first.

    A component decides within 30 m and for its own category; a line or an area within the reach that it has itself.
    """
    if place.asset and place.asset_owner:
        return [(place.asset, place.asset_owner, 0.0)]
    if category is None or not place.assets:
        return []
    wanted = (category.code, category.major, ANY)
    near = [
        asset
        for asset in place.assets
        if asset.owner and asset.category in wanted and (asset.kind != "point" or asset.distance_m <= OWNER_RADIUS_M)
    ]
    near.sort(key=lambda asset: (asset.distance_m, asset.code))
    return [(asset.code, asset.owner, float(asset.distance_m)) for asset in near]


def _by_rule(hit: Hit, unit: UnitRef) -> Draft:
    rule, (_, area, level), rank_ = hit.rule, hit.step, hit.category_rank
    fit, timed = CATEGORY_FIT[rank_], rule.hours != ""
    area_value = AREA_VALUE[level]
    score = round(area_value - 0.03 * (1 - fit) - (0.0 if timed else 0.001), 4)
    parts = {"area": area_value, "category": fit}
    if timed:
        parts["time"] = 1.0
    reason = f"规则 {rule.id} · {CATEGORY_WORDS[rank_]}×{area}"
    if timed:
        reason += f" · 时段 {rule.hours}"
    if rule.basis:
        reason += f" · 依据 {rule.basis}"
    candidate = Candidate(unit=unit, score=score, parts=parts, rule=rule.id, basis=rule.basis, reason=reason)
    return Draft((float(level), float(rank_), float(timed), rule.priority, rule.since), candidate, rule.assists, rank_ == 0)


def _defaults(context: Context, units: UnitTree) -> Iterator[Draft]:
    """The category's own lead types on its levels, in the order of the catalogue; `d→t`: the township is the fallback."""
    category = context.category
    if category is None:
        return
    for position, (kind, level, value) in enumerate(_posts_of(category.level, category.lead_types)):
        found = units.at_post(kind, level, context.codes)
        if not found and level == "township":  # a township has no bureaus: its office leads
            head = units.head(level, context.codes)
            found = (head,) if head else ()
        for unit in found:
            reason = f"目录默认 · {category.name} · {LEVEL_WORDS.get(level, level)}"
            parts = {"area": 0.7, "category": 1.0}
            score = round(value - 0.01 * position, 4)
            candidate = Candidate(unit=unit, score=score, parts=parts, rule="default", basis="分类目录", reason=reason)
            yield Draft((-1.0, score, 0.0, 0.0, 0.0), candidate)


@lru_cache(maxsize=1024)
def _posts_of(level: str, lead_types: tuple[str, ...]) -> tuple[tuple[str, str, float], ...]:
    """Return (type, level, value) of the posts that lead by default, in the order of the catalogue."""
    found: list[tuple[str, str, float]] = []
    for value, group in zip((0.72, 0.6), level.replace("->", "→").split("→"), strict=False):
        levels = [LEVEL_LETTERS[letter.strip()] for letter in group.split("/") if letter.strip() in LEVEL_LETTERS]
        kinds = (kind for kind in lead_types if kind not in NO_LEAD_TYPES)
        found.extend((kind, name, value) for kind in kinds for name in levels)
    return tuple(found)


def _backstops(context: Context, units: UnitTree) -> Iterator[Draft]:
    """事件先属地: the township office, then the district government, then whoever heads the city."""
    for level in BACKSTOPS:
        unit = units.head(level, context.codes)
        if unit is not None:
            yield _backstop(level, unit)


@lru_cache(maxsize=4096)
def _backstop(level: str, unit: UnitRef) -> Draft:
    """The same for every question that the unit stands behind, so it is made once."""
    score, word = BACKSTOPS[level]
    candidate = Candidate(
        unit=unit,
        score=score,
        parts={"area": score},
        rule=f"backstop:{level}",
        basis="属地兜底",
        reason=f"{word} · 没有更具体的规则",
    )
    return Draft((-2.0, score, 0.0, 0.0, 0.0), candidate)


def _place_doubt(context: Context, rules: RuleIndex) -> list[str]:
    """Doubts of the place. A place known only by its area is no doubt when nothing inside that area could decide otherwise."""
    place = context.place
    if not place.doubt:
        return ["boundary"] if place.boundary_doubt else []
    kinds = [text.partition(":")[0] for text in place.doubt]
    if kinds == ["area_only"] and _is_certain(context, rules):
        return []
    return kinds


def _is_certain(context: Context, rules: RuleIndex) -> bool:
    category = context.category
    if category is None or not context.steps or "owner" in category.lead_types:
        return False
    return not rules.may_be_finer(context.steps[0][0], category.code, category.major)


def _narrowest(kind: str, units: UnitTree, codes: Sequence[str]) -> str:
    """The level on which an assisting type works nearest to the place: its township's, its district's, the city's."""
    return next((level for level in reversed(UNIT_LEVELS) if units.at_post(kind, level, codes)), "")
