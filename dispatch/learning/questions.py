"""What is known about a case when it comes in, and what of it a model looks at. Pure.

A fact that is not known is empty, and whatever needs it is left out: a city without communities is answered by its townships.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

__all__ = ["LINEAR", "PLACES", "ROLES", "WITHIN", "Question", "grams", "key_of", "keys_of", "names_of"]

LONGEST = 200  # characters of a text that are looked at
SEPARATOR = "\x1f"

_Facts = tuple[str, ...]

LINEAR: tuple[_Facts, ...] = (
    ("category",), ("major",), ("group",), ("appeal",), ("channel",), ("district",), ("township",), ("community",),
    ("category", "district"), ("category", "township"), ("category", "community"),
    ("major", "district"), ("major", "township"), ("major", "community"), ("group", "district"), ("group", "township"),
    ("category", "appeal"), ("category", "channel"), ("group", "appeal"),
)  # fmt: skip
# Each from the widest to the narrowest: what is seldom seen leans on what is seen more often.
PLACES: tuple[_Facts, ...] = (
    (), ("district",), ("district", "category"), ("township",), ("community",), ("community", "group"), ("community", "major"),
    ("community", "category"),
)  # fmt: skip
ROLES: tuple[_Facts, ...] = ((), ("group",), ("major",), ("category",), ("category", "channel"))
WITHIN: tuple[_Facts, ...] = ((), ("district",), ("township",), ("community",))


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


def names_of(question: Question) -> Iterator[str]:
    """Give the names of the features that the linear part weighs.

    >>> list(names_of(Question(category="0201", township="t1", words=("井盖",))))
    ['0\\x1f0201', '6\\x1ft1', '9\\x1f0201\\x1ft1', 'w\\x1f井盖']
    """
    for number, facts in enumerate(LINEAR):
        key = key_of(question, number, facts)
        if key is not None:
            yield key
    for word in question.words:
        yield f"w{SEPARATOR}{word}"


def keys_of(question: Question, chain: tuple[_Facts, ...]) -> Iterator[str]:
    """Give the keys of a chain, widest first, of those whose facts are known.

    >>> list(keys_of(Question(category="0201"), ROLES))
    ['0', '3\\x1f0201']
    """
    for number, facts in enumerate(chain):
        key = key_of(question, number, facts)
        if key is not None:
            yield key


def key_of(question: Question, number: int, facts: _Facts) -> str | None:
    """Return the key of one combination, None where one of its facts is not known."""
    key = str(number)
    for fact in facts:
        value = getattr(question, fact)
        if not value:
            return None
        key += SEPARATOR + value
    return key


def grams(text: str) -> tuple[str, ...]:
    """Return the pairs of neighbouring letters of a masked text, each once; digits, signs and what is masked tell nothing.

    >>> grams("井盖 坏,井盖**")
    ('井盖',)
    """
    text = text[:LONGEST].casefold()
    pairs = (text[place : place + 2] for place in range(len(text) - 1))
    return tuple(dict.fromkeys(pair for pair in pairs if pair.isalpha()))
