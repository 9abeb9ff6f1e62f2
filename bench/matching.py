"""Matching: how often a model learned from recorded requests names the unit that really handled later or other ones.

    ./heyun bench matching [--train FILE --test FILE] [--json]

By default two protocols over each record beside the checkout, both printed: five folds (each row answered by a model of the other
four), and in order of time (learned from the first 70 %, asked for the rest). With `--train` and `--test` one file teaches, the
other asks. Nothing of a tested row enters what answers it: features, tables, mixture and the threshold of what goes without a
person come of the training rows alone (the last two by inner folds of them). Asked is what is known at intake: kind, appeal,
channel, place. Compared are canonical units (`cities/pingshan/unit_aliases.csv`); rows that name no unit are told and left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from cities.data import DATA, read_rows
from cities.nyc.convert import type_key
from cities.pingshan.aliases import load_aliases
from cities.pingshan.convert import EVENTS
from dispatch.learning.measuring import Judged, measure
from dispatch.learning.questions import Question
from storage.errors import HeyunError
from web.training.fitting import Example, fit, judge

__all__ = ["NO_RECORDS", "examples_of", "main"]

NO_RECORDS = "no_records"  # the code of the error where there is nothing to measure

NYC = "nyc311/nyc311_2026_apr_jun.csv.gz"
FOLDS = 5
FIRST = 0.7
GOALS = {
    "folds": {"top1": 0.70, "top3": 0.865, "auto_precision": 0.95, "auto_coverage": 0.40},
    "time_ordered": {"top1": 0.66, "top3": 0.82, "auto_precision": 0.95, "auto_coverage": 0.33},
    "nyc": {"top1": 0.995},
}

console = Console(stderr=True)
Dated = tuple[str, Example]


def main(train: str | None = None, test: str | None = None) -> dict[str, Any]:
    """Measure, print and return the figures: of two files, or of the records beside the checkout by folds and by time. Raises
    `HeyunError` with the code `NO_RECORDS`."""
    if train and test:
        learned, asked = ([one for _, one in read(Path(path))] for path in (train, test))
        figures = {"train_test": _figures(judge(fit(learned), asked))}
        return _printed(figures) | figures["train_test"]
    figures = _protocols("pingshan", DATA / EVENTS)
    nyc = _protocols("nyc", DATA / NYC) if (DATA / NYC).is_file() else {}
    _printed(figures | {f"nyc {name}": found for name, found in nyc.items()})
    return figures["folds"] | figures | ({"nyc": nyc["folds"] | nyc} if nyc else {})


def read(path: Path) -> list[Dated]:
    """Return the rows that name a unit, in order of time. Raises `HeyunError` for a file without rows or of unknown columns."""
    rows = list(read_rows(path))
    if not rows:
        raise HeyunError(f"{path} holds no rows", code=NO_RECORDS)
    found = [(str(row.get("CREATE_TIME") or row.get("created_date")), one) for row in rows if (one := example_of(row))]
    console.print(f"{path.name}: {len(found):,} rows, {len(rows) - len(found)} more without a unit")
    return sorted(found, key=lambda dated: dated[0])


def examples_of(path: Path) -> list[Example]:
    """Return the rows of a file as examples, in order of time."""
    return [one for _, one in read(path)]


def example_of(row: Mapping[str, str]) -> Example | None:
    """Return a row as an example, None where it names no unit. Raises `HeyunError` for a row of unknown columns."""
    if "DISPOSE_UNIT_NAME" in row:
        return _of_pingshan(row)
    if "complaint_type" in row:
        return _of_nyc(row)
    raise HeyunError(f"the columns {', '.join(row)} are not those of any known record", code=NO_RECORDS)


def _of_pingshan(row: Mapping[str, str]) -> Example | None:
    aliases = load_aliases()
    unit = aliases.canonical(row["DISPOSE_UNIT_NAME"], row["DISPOSE_UNIT_ID"])
    if unit is None:
        return None
    question = Question(
        category=f"{row['EVENT_TYPE_ID']}/{row['MAIN_TYPE_ID']}/{row['SUB_TYPE_ID']}",
        major=f"{row['EVENT_TYPE_ID']}/{row['MAIN_TYPE_ID']}",
        group=row["EVENT_TYPE_ID"],
        appeal=row["EVENT_PROPERTY_ID"],
        channel=row["EVENT_SRC_ID"],
        township=row["STREET_ID"],
        community=row["COMMUNITY_ID"],
    )
    return Example(question=question, unit=unit, role=aliases.role(unit))


def _of_nyc(row: Mapping[str, str]) -> Example | None:
    if not row["agency"]:
        return None
    kind = type_key(row["complaint_type"])
    question = Question(category=type_key(row["complaint_type"], row["descriptor"]), major=kind, district=row["borough"])
    return Example(question=question, unit=row["agency"], role=row["agency"])


def _protocols(name: str, path: Path) -> dict[str, dict[str, float]]:
    if not path.is_file():
        raise HeyunError(f"{path} is missing: name two files by --train and --test", code=NO_RECORDS)
    rows = [one for _, one in read(path)]
    first = round(FIRST * len(rows))
    with console.status(f"{name}: in order of time"):
        ordered = _figures(judge(fit(rows[:first]), rows[first:]))
    return {"folds": _figures(_by_folds(name, rows)), "time_ordered": ordered}


def _by_folds(name: str, rows: Sequence[Example]) -> list[Judged]:
    folds = np.random.default_rng(0).permutation(len(rows)) % FOLDS
    found: list[Judged] = []
    for fold in range(FOLDS):
        with console.status(f"{name}: fold {fold + 1} of {FOLDS}"):
            fitted = fit([one for one, at in zip(rows, folds, strict=True) if at != fold])
            found += judge(fitted, (one for one, at in zip(rows, folds, strict=True) if at == fold))
    return found


def _figures(judged: Sequence[Judged]) -> dict[str, float]:
    figures: dict[str, float] = msgspec.to_builtins(measure(judged))
    return figures


def _printed(figures: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    names = ("cases", "top1", "top3", "auto_precision", "auto_coverage", "calibration_error")
    table = Table("protocol", *names, title="learned matching")
    for protocol, found in figures.items():
        goals = GOALS.get("nyc" if protocol.startswith("nyc") else protocol, {})
        cells = [f"{found[name]:g}" + (f" (≥ {goals[name]})" if name in goals else "") for name in names]
        table.add_row(protocol, *cells)
    console.print(table)
    return dict(figures)
