"""Learn from a city's own closed cases and keep the outcome as a version: measured on later cases, switched off.

    python -m web.training < ORDER        (started by `./heyun learn` and by the service's own clock)

The order comes on standard input as one JSON object (`uri`, `database`, `driver`, `least_cases`): the address of a database may
hold a password, which a command line would show. Progress goes to standard error; the last line of standard output is the
version, or `{"problem": …}` with exit status 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from dispatch.learning.measuring import Judged, measure
from dispatch.learning.model import Model
from dispatch.learning.ordering import Learned
from dispatch.learning.versions import NewVersion, Versions
from dispatch.learning.weights import pack
from dispatch.model import Match, Place, UnitRef
from storage.client import Database
from storage.errors import HeyunError
from web.training.fitting import Fitted, fit, judge
from web.training.reading import Sample, by_rules, read

__all__ = ["Order", "TooFewCases", "learn", "learned_from"]

HELD_OUT = 0.2  # of the cases, the latest: what is learned is measured on them
NOWHERE = Place()

Progress = Callable[[str], None]


class TooFewCases(HeyunError):
    """The city has fewer closed cases than it takes to learn from; `data` holds `cases` and `least`. Raised by `learn`."""

    code = "too_few_cases"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Where the cases lie, and how many it takes."""

    uri: str
    database: str
    driver: str = "motor"
    least_cases: int = 200


class _AllUnits:
    """The units as they stand in the model; whether they still work there is asked by the service when it answers."""

    def __init__(self, model: Model) -> None:
        self._known: Mapping[str, int] = model.number_of

    def unit_named(self, name: str, place: Place) -> UnitRef | None:
        """Return the unit, wherever it is asked for."""
        return UnitRef(name, name) if name in self._known and place is NOWHERE else None


async def learn(database: Database, *, least_cases: int, now: datetime, progress: Progress) -> NewVersion:
    """Read, learn, measure, and keep the version; returns it. Raises `TooFewCases`."""
    progress("reading the closed cases")
    samples = await read(database)
    if len(samples) < max(least_cases, 2):
        raise TooFewCases(f"{len(samples)} closed cases; it takes {least_cases}", cases=len(samples), least=least_cases)
    version, weights = learned_from(samples, now=now, progress=progress)
    await Versions(database).add(version, weights)
    return version


def learned_from(samples: Sequence[Sample], *, now: datetime, progress: Progress) -> tuple[NewVersion, bytes]:
    """Return the version that comes of samples in order of time, and its packed weights.

    The figures are of what was learned from the earlier part and asked for the later; the weights are then learned in the same
    way from all, since the latest cases say most about the next ones.
    """
    first = min(len(samples) - 1, round((1 - HELD_OUT) * len(samples)))
    earlier, later = samples[:first], samples[first:]
    progress(f"learning from {len(earlier):,} earlier cases")
    tried = fit([sample.example for sample in earlier])
    progress(f"measuring on {len(later):,} later ones")
    figures = measure([by_rules(sample) for sample in later]), measure(judge(tried, (one.example for one in later)))
    together = measure(_together(tried, later))
    progress(f"learning from all {len(samples):,}")
    fitted = fit([sample.example for sample in samples])
    weights = pack(fitted.weights)
    version = NewVersion(
        id=f"M{now:%Y%m%d-%H%M%S}-{hashlib.blake2b(weights, digest_size=2).hexdigest()}",
        made_at=now, code=code_version(), cases=len(samples), held_out=len(later), since=samples[0].at, until=samples[-1].at,
        threshold=fitted.threshold, rules=figures[0], model=figures[1], learned=together,
    )  # fmt: skip
    return version, weights


def code_version() -> str:
    """Return what tells the code of one training from that of another: a digest of the sources that learn and answer."""
    root = Path(__file__).resolve().parent.parent
    total = hashlib.blake2b(digest_size=6)
    for path in sorted([*(root / "training").glob("*.py"), *(root / "dispatch" / "learning").glob("*.py")]):
        total.update(path.read_bytes())
    return total.hexdigest()


def _together(fitted: Fitted, samples: Sequence[Sample]) -> list[Judged]:
    """What the service would have answered: the rules, and the model where they leave a choice."""
    learned = Learned("", Model(fitted.weights), fitted.threshold)
    units = _AllUnits(learned.model)
    return [_judged(learned.ordered(one.match, one.example.question, NOWHERE, units), one.example.unit) for one in samples]


def _judged(match: Match, unit: str) -> Judged:
    codes = [one.unit.code for one in match.candidates]
    said = match.learned.p if match.learned else match.candidates[0].score if codes else 0.0
    return Judged(said, codes.index(unit) if unit in codes else None, alone=not match.doubt)
