"""What taking the boundaries of a file would make of the territory: which areas come, change, stay as they are and go. Pure.

The same answer is what a dry run counts and judges (`grid.inspection`) and what a change is made of (`Taking.plan`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import shapely

from grid.areas import Area
from grid.boundaries import Boundary, Finding
from grid.drawing import place_in
from grid.heirs import Layers
from grid.numbering import is_national
from grid.planning import Plan
from grid.shape_checks import CHINA, WORLD

__all__ = ["Effect", "Taking"]

_ROUNDING = 1e-7  # degrees, about a centimetre


class Effect(msgspec.Struct, frozen=True):
    """How many areas would be new, have another shape, name or parent, stay as they are (to a centimetre), and go."""

    new: int = 0
    changed: int = 0
    same: int = 0
    left_out: int = 0


class Taking:
    """Boundaries beside the areas that are there. With `keeps_others` what the file lacks stays.

    Without it, the file's areas take the place of all areas of their level and kind below the parents that it names. What lies
    below an area that goes, goes too where the file has areas of its level and kind; where it has none, it would be `stranded`.
    The city itself never goes.
    """

    def __init__(self, boundaries: Sequence[Boundary], present: Iterable[Area], *, keeps_others: bool) -> None:
        self.boundaries = boundaries
        self.by_code = {area.code: area for area in present}
        self.brought = {one.code: one for one in boundaries if one.code}
        others = [area for area in self.by_code.values() if area.code not in self.brought]
        self.left_out: list[Area] = []
        self._stranded: dict[str, list[str]] = {}
        if not keeps_others:
            self._leave_out(others)
        gone = {area.code for area in self.left_out}
        self.remaining = [area for area in others if area.code not in gone]
        self.levels = {area.code: area.level for area in self.remaining}
        self.levels |= {code: one.level for code, one in self.brought.items()}

    def _leave_out(self, others: Collection[Area]) -> None:
        replaced = {(one.parent, one.level, one.layer) for one in self.boundaries}
        layers = {(one.level, one.layer) for one in self.boundaries}
        below: defaultdict[str, list[Area]] = defaultdict(list)
        for area in others:
            below[area.parent or ""].append(area)
        self.left_out = [area for area in others if area.parent and (area.parent, area.level, area.layer) in replaced]
        known = {area.code for area in self.left_out}
        for area in self.left_out:  # which grows meanwhile
            hanging = [child for child in below[area.code] if child.code not in known]
            going = [child for child in hanging if (child.level, child.layer) in layers]
            known.update(child.code for child in going)
            self.left_out += going
            if staying := [child.code for child in hanging if (child.level, child.layer) not in layers]:
                self._stranded[area.code] = staying

    @property
    def cities(self) -> int:
        """How many cities there would be."""
        return sum(level == "city" for level in self.levels.values())

    @property
    def is_national(self) -> bool:
        """Whether the national numbering holds here; it does where nothing speaks against it."""
        return all(is_national(code) for code, level in self.levels.items() if level == "city")

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Where a shape may be: China, unless the territory that is there lies elsewhere."""
        wkb = next((area.wkb for area in self.by_code.values() if area.wkb), b"")
        if not wkb:
            return CHINA if self.is_national else WORLD
        here = shapely.point_on_surface(shapely.from_wkb(wkb))
        return CHINA if shapely.box(*CHINA).contains(here) else WORLD

    def findings(self) -> Iterator[Finding]:
        """Yield what is said of the areas that would go, and what would hang below them."""
        for area in self.left_out:
            yield Finding(code="left_out", severity="warning", area=area.code, other=area.parent or "")
        for code, staying in self._stranded.items():
            figures = {"areas": float(len(staying))}
            yield Finding(code="stranded", severity="error", area=code, other=staying[0], figures=figures)

    def effect(self) -> Effect:
        """Count what would become of the areas."""
        known = sum(code in self.by_code for code in self.brought)
        same = len(self.brought) - len(self._different)
        return Effect(len(self.brought) - known, known - same, same, len(self.left_out))

    def plan(self) -> Plan:
        """Return the areas as they would be and the void codes with who comes after them. The file must have no error."""
        now = {one.code: _area(one, self.by_code.get(one.code)) for one in self._different}
        return Plan(now, self._gone() if self.left_out else {})

    @cached_property
    def _different(self) -> list[Boundary]:
        """Those of the file that are new, or another than what is there."""
        return [one for code, one in self.brought.items() if code not in self.by_code or not _is_same(one, self.by_code[code])]

    def _gone(self) -> dict[str, tuple[str, ...]]:
        """Each area that goes, with those of its kind in the file that take in its ground."""
        layers = Layers((one, shapely.from_wkb(one.wkb)) for one in self.brought.values())
        return {area.code: layers.of(area, shapely.from_wkb(area.wkb) if area.wkb else None) for area in self.left_out}


def _area(one: Boundary, old: Area | None) -> Area:
    """What the file says, and what it need not repeat of the area as it is: the word for a wide area, an English name."""
    shape = shapely.force_2d(shapely.from_wkb(one.wkb))
    kept = old.name_en if old is not None and old.name == one.name else ""
    return Area(
        code=one.code, name=one.name, level=one.level, parent=one.parent, name_en=one.name_en or kept,
        kind=one.kind or (old.kind if old else ""), wkb=shapely.to_wkb(shape), label=place_in(shape),
    )  # fmt: skip


def _is_same(one: Boundary, area: Area) -> bool:
    default = "duty" if one.level == "grid" else ""  # what a grid is whose kind nobody has said
    kind = one.kind or default or area.kind  # of a wide area the kind is a word, which a file need not repeat
    if (one.name, one.level, one.parent, kind) != (area.name, area.level, area.parent, area.kind or default):
        return False
    return one.wkb == area.wkb or _is_same_shape(*shapely.from_wkb([one.wkb or None, area.wkb or None], on_invalid="ignore"))


def _is_same_shape(one: Any, other: Any) -> bool:
    """Whether no point of one is farther from the other than files are rounded; the boxes are compared first."""
    if one is None or other is None or one.is_empty or other.is_empty:
        return False
    if not np.allclose(one.bounds, other.bounds, rtol=0.0, atol=_ROUNDING):
        return False
    return bool(shapely.hausdorff_distance(one, other) <= _ROUNDING)
