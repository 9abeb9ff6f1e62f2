"""The areas of the demo city as a file that is brought: the rules of a pack and those of a file are the same."""

from __future__ import annotations

from pathlib import Path

from dispatch.packs import PackReport
from grid import importing
from grid.files.reading import ReadOptions, read_boundaries
from grid.inspection import Effect, inspect


def test_inspect_when_the_demo_city_is_brought_to_itself_then_nothing_is_found_and_nothing_changes(guiyang: Path) -> None:
    report = PackReport()
    present = importing.read(guiyang, report).areas
    assert (report.errors, report.warnings) == ([], [])
    file = read_boundaries((guiyang / "areas.geojson.gz").read_bytes(), ReadOptions(crs="WGS-84"))
    seen = inspect(file.boundaries, present)
    assert (seen.findings, seen.effect) == ([], Effect(same=len(present)))
    assert inspect(file.boundaries, []).findings == []
