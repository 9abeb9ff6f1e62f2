"""From the boundaries of a file to the orders that put them in force, one for each parent (`grid.orders.Import`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec
import shapely

from dispatch.model import LEVELS
from grid.boundaries import Boundary
from grid.orders import Feature, Import

__all__ = ["orders_of"]


def orders_of(boundaries: Iterable[Boundary]) -> list[Import]:
    """Return an order for each parent, level and kind of the boundaries, wide levels first, so that a child finds its parent.

    A city is no part of any: it has no parent. The boundaries must have passed `grid.inspection` without an error.

    >>> square = shapely.to_wkb(shapely.box(106.0, 26.0, 106.01, 26.01))
    >>> one = Boundary(number=1, code="520102001", name="街道", level="township", parent="520102", wkb=square)
    >>> [(order.parent, order.level, order.area_kind, len(order.features)) for order in orders_of([one])]
    [('520102', 'township', '', 1)]
    """
    groups: defaultdict[tuple[int, str, str, str], list[Feature]] = defaultdict(list)
    for one in boundaries:
        if one.parent is not None:
            geometry = msgspec.json.decode(shapely.to_geojson(shapely.from_wkb(one.wkb)))
            feature = Feature(geometry=geometry, code=one.code, name=one.name, name_en=one.name_en)
            groups[LEVELS.index(one.level), one.level, one.parent, one.kind if one.level == "grid" else ""].append(feature)
    return [_order(level, parent, kind, features) for (_, level, parent, kind), features in sorted(groups.items())]


def _order(level: str, parent: str, kind: str, features: list[Feature]) -> Import:
    fields = {"kind": "import", "parent": parent, "level": level, "area_kind": kind, "crs": "WGS-84", "features": features}
    return msgspec.convert(fields, Import)
