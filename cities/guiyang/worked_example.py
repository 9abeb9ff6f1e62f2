"""The worked example of docs/explanation/matching.md: a real answer of the demo city, with each of its numbers derived.

`python -m cities.guiyang.worked_example` writes the blocks of the page anew; a test compares. The prose between them is written
by hand. What a number is derived from is asked of the same code that made it, and the sum must come out.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

import dispatch.importing
import grid.importing
import grid.territory
import orgs.directory
import orgs.importing
from cities.guiyang.build import build
from dispatch.packs import PackReport
from orgs.matching import AREA_VALUE, BACKSTOPS, CATEGORY_FIT
from orgs.organizations import HALF_DISTANCE_M, WEIGHTS
from orgs.rules import STEPS
from web.shapes import match_answer

__all__ = ["PAGE", "answer", "blocks", "filled"]

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "matching.md"
CATEGORY, LON, LAT = "1504", 106.7135, 26.595
AT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
ROUNDED = 0.0006  # parts are shown with three decimals, scores with four
_BLOCK = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)", re.S)

Answer = dict[str, Any]


def answer(pack: Path) -> Answer:
    """Return what `GET /api/v1/match` answers about the example, from the demo city's pack."""
    report = PackReport()
    core = dispatch.importing.read(pack, report, now=AT)
    territory = grid.importing.read(pack, report)
    parties = orgs.importing.read(pack, report, areas=territory.codes, categories=core.category_codes, zones=territory.zone_codes)
    locator = grid.territory.build(territory.areas, territory.zones, territory.assets, territory.gazetteer)
    directory = orgs.directory.build(
        units=parties.units, rules=parties.rules, organizations=parties.organizations, offers=parties.offers,
        categories=core.categories, parents={area.code: area.parent for area in territory.areas if area.parent},
    )  # fmt: skip
    place = locator.locate(LON, LAT, "WGS-84")
    found: Answer = msgspec.to_builtins(match_answer(directory.match(place, CATEGORY, AT), place))
    return found


def blocks(found: Answer) -> dict[str, str]:
    """Return the generated blocks of the page by name."""
    return {
        "question": f"    GET /api/v1/match?lon={LON}&lat={LAT}&crs=WGS-84&category={CATEGORY}\n",
        "answer": "```json\n" + json.dumps(found, ensure_ascii=False, indent=1) + "\n```\n",
        "place": _table(
            ("level", "code", "name"), [(one["level"], one["code"], one["name"]) for one in found["place"]["area_path"]]
        ),
        "candidates": _table(
            ("unit", "rule", "score", "how it comes about"),
            [(one["unit"]["name"], one["rule"], one["score"], _of_candidate(one, found)) for one in found["candidates"]],
        ),
        "assists": "".join(f"* {one['name']} (`{one['code']}`)\n" for one in found["assists"]),
        "organizations": _table(
            ("organization", "score", "how it comes about"),
            [(one["name"], one["score"], _of_organization(one)) for one in found["organizations"]],
        ),
        "distance": _of_distance(found["organizations"][0]),
    }


def filled(page: str, made: dict[str, str]) -> str:
    """Return the page with its blocks made anew; a block that nobody makes is a `KeyError`."""
    return _BLOCK.sub(lambda found: found[1] + made[found[2]] + found[3], page)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in row) + " |\n" for row in lines)


def _of_candidate(one: Answer, found: Answer) -> str:
    rule, parts, score = one["rule"], one["parts"], one["score"]
    if rule.startswith("backstop:"):
        level = rule.partition(":")[2]
        return _checked(score, BACKSTOPS[level][0], f"the backstop of the {level}: {BACKSTOPS[level][0]}")
    if rule == "default":
        return f"no rule; the catalogue's own type of unit: {score}"
    level = next(name for name, value in zip(STEPS, AREA_VALUE, strict=False) if value == parts["area"])
    fit = ("any category", "the whole group", "exactly this category")[CATEGORY_FIT.index(parts["category"])]
    sum_ = parts["area"] - 0.03 * (1 - parts["category"]) - 0.001
    words = f"a rule for the {level} ({parts['area']}) and {fit} ({parts['category']}), at any hour: "
    return _checked(score, sum_, f"{words}{parts['area']} − 0.03 × (1 − {parts['category']}) − 0.001")


def _of_organization(one: Answer) -> str:
    parts = one["parts"]
    terms = [f"{WEIGHTS[name]} × {value} {name}" for name, value in parts.items()]
    return _checked(one["score"], sum(WEIGHTS[name] * value for name, value in parts.items()), " + ".join(terms))


def _of_distance(one: Answer) -> str:
    half, metres = HALF_DISTANCE_M, one["distance_m"]
    words = f"For the first one: {half:.0f} ÷ ({half:.0f} + {metres} m) = {one['parts']['distance']}.\n"
    return _checked(one["parts"]["distance"], half / (half + metres), words)


def _checked(shown: float, derived: float, words: str) -> str:
    """Return the words when the number comes out as they say."""
    if abs(shown - derived) > ROUNDED:
        raise ValueError(f"{shown} is not {derived}: {words}")
    return words


def main() -> None:
    """Write the blocks of the page."""
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), blocks(answer(Path(folder)))), encoding="utf-8")
    sys.stdout.write(f"written: {PAGE}\n")


if __name__ == "__main__":
    main()
