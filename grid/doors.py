"""Where a house number is: known, between two known ones of its side of the road, or near the last one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from math import hypot
from typing import NamedTuple

from grid.metric import metres_per_degree

__all__ = ["Guess", "KnownDoor", "guess", "metres_between"]

DOOR_METRES = 60.0  # how far from its recorded point a door may lie
_APART, _APART_EACH = 300.0, 30.0  # two numbers this far apart, and so much more for each number between, are of one road
_BEYOND = 12  # numbers past the last known one that are still guessed


class KnownDoor(NamedTuple):
    """A number of one road with its place in degrees; `sub` tells apart what shares a number."""

    number: int
    sub: int
    lon: float
    lat: float


class Guess(NamedTuple):
    """Where a number should be. `how`: `known`, `beside` (the number with another suffix), `between` or `beyond`; `radius_m` is
    how far off it may be, `neighbours` the numbers that it was taken from."""

    lon: float
    lat: float
    how: str
    radius_m: float
    neighbours: tuple[int, ...] = ()


def metres_between(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """Return the distance in metres of two points a few kilometres apart."""
    east, north = metres_per_degree((lat + other_lat) / 2)
    return hypot((lon - other_lon) * east, (lat - other_lat) * north)


def guess(known: Sequence[KnownDoor], number: int, sub: int = 0) -> list[Guess]:
    """Return where the number may be, best first; several where roads of one name are several kilometres apart.

    >>> row = [KnownDoor(2, 0, 106.6, 26.6), KnownDoor(10, 0, 106.602, 26.6), KnownDoor(7, 0, 106.61, 26.6)]
    >>> [(round(one.lon, 4), one.how, one.neighbours) for one in guess(row, 6)]
    [(106.601, 'between', (2, 10))]
    >>> guess(row, 10)[0].how, guess(row, 400)
    ('known', [])
    """
    same = [door for door in known if door.number == number]
    exact = [door for door in same if door.sub == sub]
    if exact:
        return _apart(Guess(door.lon, door.lat, "known", DOOR_METRES) for door in exact)
    if same:
        return _apart(Guess(door.lon, door.lat, "beside", 2 * DOOR_METRES) for door in same)
    return _between(known, number) or _beyond(known, number)


def _between(known: Sequence[KnownDoor], number: int) -> list[Guess]:
    """Pairs around the number that are near enough to be of one road: of its own side first, nearest numbers first."""
    below = [door for door in known if door.number < number]
    above = [door for door in known if door.number > number]
    pairs = [
        (low.number % 2 != number % 2, high.number % 2 != number % 2, high.number - low.number, metres, low, high)
        for low, high in product(below, above)
        if (metres := metres_between(low.lon, low.lat, high.lon, high.lat)) <= _APART + _APART_EACH * (high.number - low.number)
    ]
    pairs.sort(key=lambda pair: (pair[0] + pair[1], pair[2], pair[3]))
    return _apart(_middle(low, high, metres, number, other + another) for other, another, _, metres, low, high in pairs)


def _middle(low: KnownDoor, high: KnownDoor, metres: float, number: int, wrong_sides: int) -> Guess:
    share = (number - low.number) / (high.number - low.number)
    lon, lat = low.lon + share * (high.lon - low.lon), low.lat + share * (high.lat - low.lat)
    radius = max(DOOR_METRES, 0.5 * metres) + DOOR_METRES * wrong_sides
    return Guess(lon, lat, "between", radius, (low.number, high.number))


def _beyond(known: Sequence[KnownDoor], number: int) -> list[Guess]:
    near = [door for door in known if abs(door.number - number) <= _BEYOND]
    near.sort(key=lambda door: (abs(door.number - number), door.number % 2 != number % 2))
    return _apart(
        Guess(door.lon, door.lat, "beyond", 2 * DOOR_METRES + 20.0 * abs(door.number - number), (door.number,)) for door in near
    )


def _apart(guesses: Iterable[Guess]) -> list[Guess]:
    """Keep the first of those that lie within a kilometre of each other."""
    kept: list[Guess] = []
    for one in guesses:
        if all(metres_between(one.lon, one.lat, other.lon, other.lat) > 1000.0 for other in kept):
            kept.append(one)
    return kept
