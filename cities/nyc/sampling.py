"""Make the small sample that is kept in this package: `python -m cities.nyc.sampling DATA_FOLDER TARGET`.

300 requests with the columns that a replay needs, how many requests of each type went to which agency, and the
community districts with lines simplified to 20 m. Public city data of New York City; the sample is drawn with a fixed seed.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry import shape

from cities.data import read_features, read_rows
from cities.nyc.convert import SAMPLE_FILES, Seen, splits_of, tally, type_key
from cities.writing import feature, write_csv, write_geojson

__all__ = ["COLUMNS", "sample"]

COLUMNS = (
    "unique_key", "created_date", "agency", "complaint_type", "descriptor", "borough", "latitude", "longitude", "community_board",
)  # fmt: skip
SHARES = {"nyc311_2026_apr_jun.csv.gz": 100, "nyc311_full_columns.csv.gz": 100, "nyc311_elevator_2024.csv.gz": 100}
TOLERANCE = 0.0002  # degrees, about 20 m: what the lines of the sample may be off
DECIMALS = 6


def sample(data: Path, target: Path) -> dict[str, int]:
    """Write the sample into `target` and return how many rows each file has."""
    target.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, share in SHARES.items():
        placed = [row for row in read_rows(data / "nyc311" / name) if row["latitude"] and row["borough"] != "Unspecified"]
        rows += random.Random(name).sample(placed, k=share)
    requests = write_csv(target / SAMPLE_FILES[0], COLUMNS, ([row.get(column, "") for column in COLUMNS] for row in rows))
    return {SAMPLE_FILES[0]: requests} | _write_agencies(data, target) | _write_districts(data, target)


def _write_agencies(data: Path, target: Path) -> dict[str, int]:
    """Descriptors are kept only where they decide."""
    seen, names = tally(data)
    splits = splits_of(seen)
    shown: dict[str, str] = {}
    counts: Counter[Seen] = Counter()
    for item, number in sorted(seen.items(), key=lambda pair: (pair[0].complaint_type.isupper(), pair[0].complaint_type)):
        kept = item.descriptor if type_key(item.complaint_type, item.descriptor) in splits else ""
        spelling = shown.setdefault(type_key(item.complaint_type), item.complaint_type)
        counts[Seen(spelling, kept, item.agency, item.borough)] += number
    columns = ("complaint_type", "descriptor", "agency", "agency_name", "borough", "rows")
    cells = (
        (item.complaint_type, item.descriptor, item.agency, names.get(item.agency, ""), item.borough, number)
        for item, number in sorted(counts.items(), key=lambda pair: _order(pair[0]))
    )
    return {SAMPLE_FILES[1]: write_csv(target / SAMPLE_FILES[1], columns, cells)}


def _order(item: Seen) -> tuple[str, str, str, str]:
    return item.complaint_type, item.descriptor, item.agency, item.borough


def _write_districts(data: Path, target: Path) -> dict[str, int]:
    features = read_features(data / "nyc_polygons" / "community_districts.geojson.gz")
    outlines = np.array([shape(item["geometry"]) for item in features])
    simple = shapely.coverage_simplify(outlines, TOLERANCE)
    rows = [
        feature(outline, {"BoroCD": item["properties"]["BoroCD"]}, decimals=DECIMALS)
        for outline, item in zip(simple, features, strict=True)
    ]
    write_geojson(target / "community_districts.geojson.gz", rows)
    return {"community_districts.geojson.gz": len(rows)}


if __name__ == "__main__":
    for file, number in sample(Path(sys.argv[1]), Path(sys.argv[2])).items():
        sys.stdout.write(f"{file} {number}\n")
