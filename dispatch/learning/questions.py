"""What is known about a case when it comes in, and what of it a model looks at. Pure.

A fact that is not known is empty, and whatever needs it is left out: a city without communities is answered by its townships.
"""

from __future__ import annotations

from operator import itemgetter

import msgspec

__all__ = ["LINEAR", "PLACES", "ROLES", "SEPARATOR", "WITHIN", "Chain", "Question", "grams", "keys_of", "names_of"]

LONGEST = 200  # characters of a text that are looked at
SEPARATOR = "\x1f"

Chain = tuple[tuple[str, ...], ...]

LINEAR: Chain = (
    ("category",), ("major",), ("group",), ("appeal",), ("channel",), ("district",), ("township",), ("community",),
    ("category", "district"), ("category", "township"), ("category", "community"),
    ("major", "district"), ("major", "township"), ("major", "community"), ("group", "district"), ("group", "township"),
    ("category", "appeal"), ("category", "channel"), ("group", "appeal"),
)  # fmt: skip
# Each from the widest to the narrowest: what is seldom seen leans on what is seen more often.
PLACES: Chain = (
    (), ("district",), ("district", "category"), ("township",), ("community",), ("community", "group"), ("community", "major"),
    ("community", "category"),
)  # fmt: skip
ROLES: Chain = ((), ("group",), ("major",), ("category",), ("category", "channel"))
WITHIN: Chain = ((), ("district",), ("township",), ("community",))


class Question(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The facts of one case at intake: category with what it belongs to (`major`, and `group` above it where there are three
    levels), appeal type, channel, the areas by level, and the pairs of characters of its masked text."""

    category: str = ""
    major: str = ""
    group: str = ""
    appeal: str = ""
    channel: str = ""
    district: str = ""
    township: str = ""
    community: str = ""
    words: tuple[str, ...] = ()


def names_of(question: Question) -> list[str]:
    r"""Return the names of the features that the linear part weighs.

    >>> names_of(Question(category="0201", township="t1", words=("井盖",)))
    ['0\x1f0201', '6\x1ft1', '9\x1f0201\x1ft1', 'w\x1f井盖']
    """
    return keys_of(question, LINEAR) + [f"w{SEPARATOR}{word}" for word in question.words]


def keys_of(question: Question, chain: Chain) -> list[str]:
    r"""Return the keys of a chain, widest first, of those whose facts are known.

    >>> keys_of(Question(category="0201"), ROLES)
    ['0', '3\x1f0201']
    """
    facts = msgspec.structs.astuple(question)
    found = []
    for number, first, second in _PAIRS[chain]:
        if first is None:
            found.append(number)
        elif (one := facts[first]) and second is None:
            found.append(f"{number}{SEPARATOR}{one}")
        elif one and second is not None and (other := facts[second]):
            found.append(f"{number}{SEPARATOR}{one}{SEPARATOR}{other}")
    return found


def _pairs(chain: Chain) -> tuple[tuple[str, int | None, int | None], ...]:
    """Each combination (of two facts at most) by the places of its facts in a question."""
    at = {name: place for place, name in enumerate(Question.__struct_fields__)}
    places = [[at[fact] for fact in facts] + [None, None] for facts in chain]
    return tuple((str(number), *itemgetter(0, 1)(found)) for number, found in enumerate(places))


_PAIRS = {chain: _pairs(chain) for chain in (LINEAR, PLACES, ROLES, WITHIN)}


def grams(text: str) -> tuple[str, ...]:
    """Return the pairs of neighbouring letters of a masked text, each once; digits, signs and what is masked tell nothing.

    >>> grams("井盖 坏,井盖**")
    ('井盖',)
    """
    text = text[:LONGEST].casefold()
    pairs = (text[place : place + 2] for place in range(len(text) - 1))
    return tuple(dict.fromkeys(pair for pair in pairs if pair.isalpha()))
