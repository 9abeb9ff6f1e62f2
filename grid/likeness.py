"""How alike a name and a stretch of a question are, by character; one that sounds the same is nearly as good. Pure."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Alike", "Likeness", "liken"]

SAME_SOUND = 0.25  # what it costs to write another character of the same sound; any other change costs 1


class Likeness(NamedTuple):
    """Characters and their sounds, as numbers."""

    letters: list[int]
    sounds: list[int]


class Alike(NamedTuple):
    """The stretch of the question that the name `key` is most like; `score` is 1 for the same, 0 for nothing in common."""

    start: int
    end: int
    key: int
    score: float


def liken(asked: Likeness, name: Likeness, key: int) -> Alike:
    """Return the stretch of `asked` that `name` differs least from, and how alike they are.

    >>> say = lambda text: Likeness([ord(char) for char in text], [ord(char) % 7 for char in text])
    >>> liken(say("xxabcdyy"), say("abcd"), 5)
    Alike(start=2, end=6, key=5, score=1.0)
    >>> liken(say("xxabKdyy"), say("abcd"), 5).score
    0.75
    """
    size = len(name.letters)
    best = (float(size), 0, 0)
    costs, begins = [float(row) for row in range(size + 1)], [0] * (size + 1)
    for column, (letter, sound) in enumerate(zip(*asked, strict=True), start=1):
        diagonal, diagonal_begin = costs[0], begins[0]
        begins[0] = column
        for row in range(1, size + 1):
            at = row - 1
            change = 0.0 if letter == name.letters[at] else SAME_SOUND if sound == name.sounds[at] else 1.0
            cost, begin = min((diagonal + change, diagonal_begin), (costs[row] + 1.0, begins[row]), (costs[at] + 1.0, begins[at]))
            diagonal, diagonal_begin = costs[row], begins[row]
            costs[row], begins[row] = cost, begin
        if costs[size] < best[0]:
            best = (costs[size], begins[size], column)
    return Alike(best[1], best[2], key, 1.0 - best[0] / size)
