"""What every reader gives: the features of one layer as the file has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import shapely
from numpy.typing import NDArray

from grid.files.limits import MAX_FEATURES, MAX_VERTICES, broken, too_much
from grid.files.systems import FileSystem

__all__ = ["RawLayer", "check_size", "choose"]


class RawLayer(NamedTuple):
    """Properties and shapes of the features in order. `shapes` are shapely's, in the coordinates of the file, None where there is
    none; `unread` says by position why one that is there could not be read. `system` is what the file says of its coordinates."""

    form: str
    name: str
    names: tuple[str, ...]
    properties: list[dict[str, Any]]
    shapes: NDArray[Any]
    unread: dict[int, str]
    system: FileSystem | None


def choose(names: Sequence[str], wanted: str | None) -> str:
    """Return the layer that is wanted, or the only one. Raises `BadBoundaryFile` naming those there are."""
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted in names:
        return str(wanted)
    there = ", ".join(names)
    if wanted is None:
        raise broken("boundary_layer", f"the file has {len(names)} layers, say which: {there}", field="layer", names=there)
    raise broken("boundary_layer", f"there is no layer `{wanted}`; the file has: {there}", field="layer", names=there)


def check_size(shapes: NDArray[Any]) -> None:
    """Raise `BadBoundaryFile` for more features or vertices than are read."""
    if len(shapes) > MAX_FEATURES:
        raise too_much("features", len(shapes), MAX_FEATURES)
    vertices = int(shapely.get_num_coordinates(shapes).sum())
    if vertices > MAX_VERTICES:
        raise too_much("vertices", vertices, MAX_VERTICES)
