"""Gazetteer: speed and memory with half a million names, and how good its answers are on recorded addresses.

Speed: made-up names and questions of six sorts (`bench.made_names`), each question asked once, in one process. Accuracy: recorded
addresses of two cities with their points (`bench.recorded_addresses`), where the data are there; what is known and what is
asked is said with each case. What a confidence is worth is shown on addresses of streets, and of a city, that its curves were not
fitted to (`bench.calibrating`); the arithmetic below them was set by hand by somebody who knew these addresses.

    python -m bench.gazetteer [--json]
"""

from __future__ import annotations

import asyncio
import json as json_module
import sys
import time
from collections.abc import Sequence

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from bench.calibrating import HeldOut, held_out
from bench.corrections import corrections
from bench.made_names import MadeNames, make_names
from bench.recorded_addresses import DATA, Case, Outcome, beijing, calibration, expected_error, figures, outcomes, shenzhen
from grid.current_names import MOST_BESIDE
from grid.doors import metres_between
from grid.gazetteer_building import build_tables, entries_of_areas
from grid.gazetteer_corrected import CorrectedIndex, Correction, Corrections
from grid.gazetteer_index import GazetteerIndex
from grid.territory import TerritorySnapshot, build

__all__ = ["main"]

ENTRIES, QUESTIONS = 500_000, 2_000
TYPED = 300
GOALS = {
    "p95_ms": "≤ 20",
    "typed_p95_ms": "≤ 20",
    "corrected_p95_ms": "≤ 20",
    "correction_seen_s": "≤ 1",
    "longest_pause_ms": "≤ 50",
}


def main(json: bool = False) -> dict[str, float]:
    """Measure, print tables to standard error (and with `json` one line of JSON to standard output), return the figures."""
    console = Console(stderr=True, highlight=False)
    with console.status(f"{ENTRIES:,} names"):
        names = make_names(ENTRIES, QUESTIONS)
        found = _speed(names) | asyncio.run(corrections(names))
    console.print(_table(found))
    if DATA.is_dir():
        cases = (*beijing(), *shenzhen())
        for case in cases:
            answers = outcomes(case)
            shares = figures(answers)
            console.print(_case_table(case, answers, shares))
            found |= {f"{case.name}_{name}": value for name, value in shares.items()}
        for part in held_out(cases):
            console.print(_held_out_table(part))
            found |= _held_out_figures(part)
    else:
        console.print(f"no recorded addresses: {DATA} is not there")
    if json:
        sys.stdout.write(json_module.dumps(found) + "\n")
    return found


def _speed(names: MadeNames) -> dict[str, float]:
    begin = time.perf_counter()
    tables = build_tables([*entries_of_areas(names.areas), *names.entries])
    built = time.perf_counter() - begin
    size = len(msgspec.msgpack.encode(tables))
    index = GazetteerIndex(tables)
    territory = build(names.areas).with_names(index)
    return {
        "entries": len(names.entries), "build_s": round(built, 2), "tables_mb": round(size / 1e6, 1),
        **_asked(territory, names), **_typed(territory, names),
        "corrected_p95_ms": _asked(territory.with_names(_corrected(index, names)), names)["p95_ms"],
    }  # fmt: skip


def _corrected(index: GazetteerIndex, names: MadeNames) -> CorrectedIndex:
    """The same names, of which as many as may be were put right since."""
    some = [names.entries[number * 997 % len(names.entries)] for number in range(MOST_BESIDE)]
    put = [Correction(f"put-{number}", number, entry) for number, entry in enumerate(some, start=1)]
    return CorrectedIndex(index, Corrections({}, index.sounds).then(put, 0))


def _asked(territory: TerritorySnapshot, names: MadeNames) -> dict[str, float]:
    taken: dict[str, list[float]] = {}
    right: dict[str, list[bool]] = {}
    for question in names.questions:
        begin = time.perf_counter()
        hits = territory.search_names(question.text, 8)
        taken.setdefault(question.kind, []).append(1000 * (time.perf_counter() - begin))
        near = [hit for hit in hits[:1] if hit.lon is not None and hit.lat is not None]
        right.setdefault(question.kind, []).append(
            any(metres_between(hit.lon or 0.0, hit.lat or 0.0, question.lon, question.lat) <= 300.0 for hit in near)
        )
    every = [one for times in taken.values() for one in times]
    each = {f"{kind}_p95_ms": round(float(np.quantile(times, 0.95)), 2) for kind, times in taken.items()}
    near_share = {f"{kind}_first_within_300_m": round(float(np.mean(flags)), 3) for kind, flags in right.items()}
    return {
        "p50_ms": round(float(np.median(every)), 2), "p95_ms": round(float(np.quantile(every, 0.95)), 2),
        "worst_ms": round(max(every), 1), **each, **near_share,
    }  # fmt: skip


def _typed(territory: TerritorySnapshot, names: MadeNames) -> dict[str, float]:
    """What somebody types letter by letter: the first two to four characters of a name, or first letters."""
    index, taken = territory.gazetteer.index, []
    for number in range(0, TYPED):
        entry = names.entries[number * 997 % len(names.entries)]
        text = entry.name[: 2 + number % 3] if number % 2 else "jynl"[: 1 + number % 4]
        begin = time.perf_counter()
        territory.search_names(text, 8)
        taken.append(1000 * (time.perf_counter() - begin))
    assert len(index) > len(names.entries)
    return {"typed_p50_ms": round(float(np.median(taken)), 2), "typed_p95_ms": round(float(np.quantile(taken, 0.95)), 2)}


def _table(found: dict[str, float]) -> Table:
    table = Table(title="gazetteer: speed")
    for column in ("figure", "value", "goal"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for name, value in found.items():
        table.add_row(name, f"{value:,}", GOALS.get(name, ""))
    return table


def _case_table(case: Case, answers: Sequence[Outcome], shares: dict[str, float]) -> Table:
    table = Table(title=case.name, caption=case.about, min_width=60)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in shares.items():
        table.add_row(name, f"{value:,}")
    return table


def _held_out_table(part: HeldOut) -> Table:
    table = Table(
        title=f"held out: {part.name}", caption="answers with a point, by curves that were fitted to others", min_width=60
    )
    for column in ("confidence", "answers", "mean", "within 300 m"):
        table.add_column(column, justify="left" if column == "confidence" else "right")
    for band, count, mean, right in calibration(part.fitted):
        table.add_row(band, f"{count}", f"{mean}", f"{right}")
    for name, value in _held_out_figures(part).items():
        table.add_row(name.removeprefix(f"{part.key}_"), "", "", f"{value}")
    return table


def _held_out_figures(part: HeldOut) -> dict[str, float]:
    """How many answers have a point, how many one within 300 m, and the expected calibration error of those with a point and of
    all: as the arithmetic says it, and by curves that were fitted to others."""
    found = {}
    for label, answers in (("unbent", part.unbent), ("fitted", part.fitted)):
        points = [one for one in answers if one.metres is not None]
        found |= {
            f"{part.key}_{label}_points": len(points),
            f"{part.key}_{label}_within_300_m": sum(one.is_right for one in points),
            f"{part.key}_{label}_error_points": expected_error(points),
            f"{part.key}_{label}_error_all": expected_error([one for one in answers if one.kind]),
        }
    return found


if __name__ == "__main__":
    main(json="--json" in sys.argv[1:])
