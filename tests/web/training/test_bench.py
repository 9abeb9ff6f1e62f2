"""`./heyun bench matching`: two files, the figures of both protocols, and what is said where there is nothing to measure."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import matching
from storage.errors import HeyunError
from tests.web.training.test_fitting import examples
from web.cli.bench import bench

COLUMNS = (
    "REC_ID", "CREATE_TIME", "EVENT_SRC_ID", "EVENT_PROPERTY_ID", "EVENT_TYPE_ID", "MAIN_TYPE_ID", "SUB_TYPE_ID", "STREET_ID",
    "COMMUNITY_ID", "DISPOSE_UNIT_ID", "DISPOSE_UNIT_NAME", "INTIME_ARCHIVE_NUM", "OVERTIME_ARCHIVE_NUM",
)  # fmt: skip


def write(path: Path, seed: int, *, late: str = "0", number: int = 200) -> Path:
    """Write made-up rows in the form of Pingshan's events, and one without a unit."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for at, one in enumerate(examples(number, seed=seed)):
            question, day = one.question, f"2018-09-{1 + at % 28:02d} 10:00:00"
            kind = ("1", question.major, question.category)
            writer.writerow((at, day, "13", "2", *kind, question.township, "", one.unit, one.unit, "1", late))
        writer.writerow(("x", "2018-09-01 10:00:00", "13", "2", "1", "01", "0101", "t1", "", "-", "-", "1", "0"))
    return path


def test_two_files_when_measured_then_the_figures_as_one_line(tmp_path: Path) -> None:
    files = [str(write(tmp_path / name, seed)) for seed, name in ((1, "train.csv"), (2, "test.csv"))]
    done = CliRunner().invoke(bench, ["matching", "--train", files[0], "--test", files[1], "--json"])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    assert figures["cases"] == 200, "a row without a unit has no truth"
    assert figures["top1"] > 0.85 and figures["top3"] >= figures["top1"]
    assert {"auto_precision", "auto_coverage", "calibration_error"} <= set(figures)
    assert CliRunner().invoke(bench, ["matching", "--train", files[0]]).exit_code == 2


def test_rows_when_only_what_came_later_differs_then_the_same_questions(tmp_path: Path) -> None:
    in_time, late = (matching.examples_of(write(tmp_path / f"{late}.csv", 1, late=late)) for late in ("0", "1"))
    assert in_time == late, "how it ended is not known at intake"


def test_record_when_missing_then_said_by_name_and_left_out_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "DATA", tmp_path)
    with pytest.raises(HeyunError, match="pingshan_events_2018") as raised:
        matching.main()
    assert raised.value.code == matching.NO_RECORDS
    monkeypatch.setattr("web.cli.bench.NAMES", ("matching",))
    done = CliRunner().invoke(bench, [])
    assert done.exit_code == 0 and "is left out" in done.output
