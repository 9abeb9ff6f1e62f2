"""The chances of the gazetteer: their curves fitted to recorded addresses, and judged by addresses that they were not fitted to.

What is held out is held out by place, for neighbours are found in the same way: each street (街道) of Dongcheng is asked with
curves that were fitted to the others and to Shenzhen, and each city with those of the other city alone. The committed curves
are fitted to all; the figures of the held-out ones are those to be quoted.

    python -m bench.calibrating      prints the curves for grid/calibration.py
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from bench.recorded_addresses import Asked, Case, Outcome, beijing, outcome, shenzhen
from grid.calibration import UNBENT, Curve, Curves, family_of

__all__ = ["HeldOut", "Row", "answered", "fit", "held_out"]

_SHIFT_SPREAD, _SLOPE_SPREAD = 1.0, 0.5  # how far a curve is thought to lie from the unbent one before anything is known
_LEAST_PLACES = 50  # of a family that a curve is fitted to
_STEPS = 50
_LEAST = 0.001


class HeldOut(NamedTuple):
    """Answers to addresses by curves that were fitted to others: what was held out, and the answers without and with curves."""

    key: str
    name: str
    unbent: list[Outcome]
    fitted: list[Outcome]


class Row(NamedTuple):
    """An address of a case, and the answer by unbent curves."""

    case: Case
    asked: Asked
    unbent: Outcome

    @property
    def place(self) -> str:
        """City and street."""
        return f"{self.case.city} {self.asked.street or ''}"


def held_out(cases: Sequence[Case]) -> list[HeldOut]:
    """Ask all addresses of the cases with curves that were fitted elsewhere."""
    rows = answered(cases)
    places = sorted({row.place for row in rows if row.case.city == "beijing"})
    streets = [
        pair for place in places for pair in _asked([row for row in rows if row.place == place], _others(rows, "place", place))
    ]
    found = [HeldOut("streets", "each street of Dongcheng", *map(list, zip(*streets, strict=True)))]
    for city, other in (("shenzhen", "beijing"), ("beijing", "shenzhen")):
        pairs = _asked([row for row in rows if row.case.city == city], [row for row in rows if row.case.city == other])
        found.append(HeldOut(f"{city}_by_{other}", f"{city}, by curves of {other}", *map(list, zip(*pairs, strict=True))))
    return found


def answered(cases: Sequence[Case]) -> list[Row]:
    """Ask all addresses of the cases with unbent curves."""
    unbent = {case.name: case.territory.gazetteer.with_curves(UNBENT) for case in cases}
    return [Row(case, one, outcome(case, unbent[case.name], one)) for case in cases for one in case.asked]


def _others(rows: Sequence[Row], by: str, value: str) -> list[Row]:
    return [row for row in rows if getattr(row, by) != value]


def _asked(rows: Sequence[Row], known: Sequence[Row]) -> list[tuple[Outcome, Outcome]]:
    curves = fit(known)
    return [(row.unbent, outcome(row.case, row.case.territory.gazetteer.with_curves(curves), row.asked)) for row in rows]


def fit(rows: Iterable[Row]) -> Curves:
    """Return the curve of each family that is most likely by these answers, as far as nothing contradicts them; none of a family
    of which there are too few places."""
    families: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.unbent.kind and row.unbent.left == 1.0:
            families[family_of(row.unbent.kind)].append(row)
    known = {family: some for family, some in sorted(families.items()) if _places(some) >= _LEAST_PLACES}
    return {family: _curve(some) for family, some in known.items()}


def _places(rows: Sequence[Row]) -> int:
    return len({(row.asked.lon, row.asked.lat) for row in rows})


def _curve(rows: Sequence[Row]) -> Curve:
    """Newton's method; with few answers the curve stays near the unbent one."""
    scores = np.clip([row.unbent.confidence for row in rows], _LEAST, 1.0 - _LEAST)
    terms = np.column_stack([np.ones(len(scores)), np.log(scores / (1.0 - scores))])
    right = np.array([row.unbent.is_right for row in rows], dtype=float)
    before, known = np.array([0.0, 1.0]), np.diag([_SHIFT_SPREAD**-2, _SLOPE_SPREAD**-2])
    curve = before
    for _ in range(_STEPS):
        chances = 1.0 / (1.0 + np.exp(-terms @ curve))
        uphill = terms.T @ (right - chances) - known @ (curve - before)
        bend = terms.T @ (terms * (chances * (1.0 - chances))[:, None]) + known
        curve = curve + np.linalg.solve(bend, uphill)
    return Curve(round(float(curve[0]), 2), round(float(curve[1]), 2))


if __name__ == "__main__":
    for family, curve in fit(answered([*beijing(), *shenzhen()])).items():
        print(f'    "{family}": {curve},')
