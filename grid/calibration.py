"""What a score of the arithmetic in `grid.weighing` is worth as a chance: curves fitted to recorded addresses. Pure.

The arithmetic says what speaks for and against an answer and in which order; how often answers of a score are right is a question
to the records. Each family of answers has a straight line between log-odds: few figures, so that they say the same of addresses
that they were not fitted to (`python -m bench.gazetteer` asks such addresses). Fitted by `python -m bench.calibrating`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log
from typing import NamedTuple

__all__ = ["CURVES", "UNBENT", "Curve", "Curves", "chance", "family_of"]

_LEAST = 0.001  # a score is never surer than this, nor its contrary
_FAMILIES = {
    "door": "number", "building": "number", "road": "road", "crossing": "crossing", "estate": "name", "landmark": "name",
}  # fmt: skip


class Curve(NamedTuple):
    """The log-odds of the chance are `shift + slope * log-odds of the score`."""

    shift: float = 0.0
    slope: float = 1.0


Curves = Mapping[str, Curve]

UNBENT: Curves = {}  # every score is the chance

# On all recorded addresses. Too few names of places (32) and no crossing are among them: those keep what was set by hand.
CURVES: Curves = {
    "area": Curve(shift=0.53, slope=0.75),
    "number": Curve(shift=2.25, slope=0.59),
    "road": Curve(shift=1.03, slope=0.88),
}


def family_of(kind: str) -> str:
    """Return the family of answers that a kind belongs to: `number`, `road`, `crossing`, `name`, or `area`."""
    return _FAMILIES.get(kind, "area")


def chance(score: float, kind: str, curves: Curves = CURVES) -> float:
    """Return the chance that an answer of this kind and score is right; of two scores of a kind the higher has the higher one.

    >>> round(chance(0.5, "door", {"number": Curve(1.0, 0.5)}), 3), chance(0.4, "crossing"), chance(0.0, "door")
    (0.731, 0.4, 0.0)
    """
    curve = curves.get(family_of(kind))
    if curve is None or score <= 0.0:
        return score
    bounded = min(max(score, _LEAST), 1.0 - _LEAST)
    return 1.0 / (1.0 + exp(-curve.shift - curve.slope * log(bounded / (1.0 - bounded))))
