"""Vector tiles."""

import gzip
import math

import mapbox_vector_tile
import shapely

from grid.areas import Feature as Shape
from web.tiles import EXTENT, TileSet, mercator, tile_bounds


def _tile_of(lon: float, lat: float, z: int) -> tuple[int, int, int]:
    count = 1 << z
    return z, int((lon + 180) / 360 * count), int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * count)


def _set() -> TileSet:
    square = shapely.box(106.60, 26.60, 106.62, 26.62)
    label = (106.61, 26.61)
    district = Shape("520103", "云岩区", "Yunyan", "district", "", square, label)
    return TileSet("v1", {"district": [district], "grid": [Shape("520103001001001", "一格", "", "grid", "duty", square, label)]})


def _layers(data: bytes) -> dict[str, dict]:
    return mapbox_vector_tile.decode(gzip.decompress(data))


def test_tile_when_below_zoom_12_then_holds_no_single_grid() -> None:
    layers = _layers(_set().encode(*_tile_of(106.61, 26.61, 11)))
    assert "grid" not in layers and layers["district"]["features"][0]["properties"]["code"] == "520103"


def test_tile_when_zoom_12_then_holds_grids() -> None:
    layers = _layers(_set().encode(*_tile_of(106.61, 26.61, 12)))
    assert layers["grid"]["features"][0]["properties"] == {"code": "520103001001001", "name": "一格"}


def test_label_when_area_spans_tiles_then_drawn_in_exactly_one() -> None:
    tiles = _set()
    z, x, y = _tile_of(106.61, 26.61, 14)
    found = 0
    for column in range(x - 2, x + 3):
        for row in range(y - 2, y + 3):
            data = tiles.encode(z, column, row)
            found += len(_layers(data).get("label", {}).get("features", [])) if data else 0
    assert found == 1


def test_tile_when_nothing_is_there_then_empty() -> None:
    assert _set().encode(14, 0, 0) == b""


def test_tile_bounds_when_neighbours_then_share_a_side() -> None:
    assert math.isclose(tile_bounds(5, 3, 7)[2], tile_bounds(5, 4, 7)[0])


def test_tile_when_decoded_then_the_polygon_lies_where_it_was() -> None:
    z, x, y = _tile_of(106.61, 26.61, 13)
    west, south, east, north = tile_bounds(z, x, y)
    outline = shapely.geometry.shape(_layers(_set().encode(z, x, y))["district"]["features"][0]["geometry"])
    scaled = shapely.transform(outline, lambda at: at / EXTENT * (east - west, north - south) + (west, south))
    square = shapely.transform(shapely.box(106.60, 26.60, 106.62, 26.62), mercator)
    pixel = (east - west) / EXTENT
    assert scaled.hausdorff_distance(square.intersection(shapely.box(west, south, east, north).buffer(70 * pixel))) < 10 * pixel
