"""Build the Guiyang demo pack: `build(target)`, or `python -m cities.guiyang.build TARGET`.

What is real: the ten districts (coarse outlines) and the names and codes of all townships and communities. What is invented,
from one seed and the same on every machine: every line below the districts, units, organizations, people, components.
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from cities.guiyang import features, gazetteer, groups, joint, organizations, people, rules, territory, units
from cities.guiyang.randomness import DEFAULT_SEED
from cities.writing import feature, write_csv, write_geojson

__all__ = ["SOURCE", "STATIC", "build"]

SOURCE = Path(__file__).resolve().parent
STATIC = ("city.toml", "params.toml", "categories.csv", "keywords.csv", "calendar.csv")
STEPS = ("townships", "communities", "grids", "coverage", "features", "units", "organizations", "people", "writing")
CRS = "CGCS2000"

Progress = Callable[[int, int, str], None]


def build(
    target: Path, *, seed: int = DEFAULT_SEED, grids: int = territory.GRIDS, progress: Progress | None = None
) -> dict[str, int]:
    """Write the pack into the folder `target` (made when missing) and return how many rows each file has.

    `progress(done, total, step)` is called before each step. The same seed and number of grids give the
    same bytes.
    """
    done = 0

    def step(name: str) -> None:
        nonlocal done
        if progress is not None:
            progress(done, len(STEPS), name)
        done += 1

    target.mkdir(parents=True, exist_ok=True)
    for name in STATIC:
        shutil.copyfile(SOURCE / name, target / name)
    areas = territory.build_areas(SOURCE, seed, step, grids)
    counts = {"areas.geojson.gz": len(areas)}
    return counts | _build_rest(target, areas, seed, step)


def _build_rest(target: Path, areas: list[territory.Area], seed: int, step: Callable[[str], None]) -> dict[str, int]:
    townships, communities = territory.read_places(SOURCE / "names.csv")
    districts = {area.code: area.name for area in areas if area.level == "district"}
    step("features")
    ground = features.Ground(areas)
    zones, counts = _write_features(target, ground, areas, seed)
    step("units")
    unit_rows = units.build_units(districts, townships)
    special = [(zone.code, zone.theme, zone.district) for zone in zones if zone.kind == "special"]
    names = {unit.code: unit.name for unit in unit_rows}
    rule_rows = rules.build_rules(_categories(), districts, townships, special, names)
    step("organizations")
    parties = organizations.build_organizations(districts, townships, communities, ground.point_in, seed)
    step("people")
    grids = Counter(area.parent for area in areas if area.level == "grid")
    persons = people.build_people(unit_rows, townships, communities, grids, parties, seed)
    step("writing")
    offers = organizations.build_offers(parties, seed)
    roster = people.build_roster(persons)
    unit_columns = units.Unit.__struct_fields__
    counts["units.csv"] = write_csv(
        target / "units.csv", unit_columns, ([getattr(row, name) for name in unit_columns] for row in unit_rows)
    )
    for file, columns, rows in (
        ("rules.csv", rules.COLUMNS, rule_rows),
        ("organizations.csv", organizations.ORGANIZATION_COLUMNS, parties),
        ("offers.csv", organizations.OFFER_COLUMNS, offers),
        ("people.csv", people.PEOPLE_COLUMNS, persons),
        ("roster.csv", people.ROSTER_COLUMNS, roster),
        ("groups.csv", groups.COLUMNS, groups.build_groups(areas, townships, communities, seed)),
    ):
        counts[file] = write_csv(target / file, columns, (row.row() for row in rows))
    counts["joint_templates.csv"] = write_csv(target / "joint_templates.csv", joint.COLUMNS, joint.build_joint_templates())
    _write_areas(target, areas)
    return counts


def _write_features(
    target: Path, ground: features.Ground, areas: list[territory.Area], seed: int
) -> tuple[list[features.Zone], dict[str, int]]:
    towns = [area for area in areas if area.level == "township"]
    zones = features.build_zones(ground, towns, seed)
    roads = features.build_roads(ground, towns, seed)
    assets = features.build_assets(ground, roads, seed)
    names = gazetteer.build_gazetteer(ground, roads, zones, towns, seed)
    write_geojson(target / "zones.geojson", (_zone_feature(zone) for zone in zones))
    write_geojson(target / "assets.geojson", (_asset_feature(asset) for asset in assets))
    write_csv(target / "gazetteer.csv", gazetteer.COLUMNS, (entry.row() for entry in names))
    return zones, {"zones.geojson": len(zones), "assets.geojson": len(assets), "gazetteer.csv": len(names)}


def _write_areas(target: Path, areas: list[territory.Area]) -> None:
    write_geojson(target / "areas.geojson.gz", (_area_feature(area) for area in areas))


def _area_feature(area: territory.Area) -> dict[str, object]:
    properties = {
        "code": area.code,
        "name": area.name,
        "level": area.level,
        "kind": area.kind,
        "parent": area.parent or None,
        "crs": CRS,
        "synthetic": area.synthetic,
    }
    return feature(area.geometry, properties | ({"name_en": area.name_en} if area.name_en else {}))


def _zone_feature(zone: features.Zone) -> dict[str, object]:
    properties = {"code": zone.code, "name": zone.name, "kind": zone.kind, "crs": CRS, "synthetic": True}
    return feature(zone.geometry, properties | zone.campaign)


def _asset_feature(asset: features.Asset) -> dict[str, object]:
    properties = {"code": asset.code, "name": asset.name, "category": asset.category, "owner": asset.owner}
    return feature(asset.geometry, properties | {"buffer_m": asset.buffer_m, "crs": CRS, "synthetic": True})


def _categories() -> list[rules.CategoryRow]:
    with (SOURCE / "categories.csv").open(encoding="utf-8", newline="") as file:
        return [
            rules.CategoryRow(row["code"], row["name"], _words(row["lead_types"]), row["level"], _words(row["assist_types"]))
            for row in csv.DictReader(file)
        ]


def _words(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(";")) if cell else ()


if __name__ == "__main__":
    for file, number in build(Path(sys.argv[1])).items():
        sys.stdout.write(f"{file} {number}\n")
