"""What a text gives away: which category its words speak for, and whether it tells of danger (domain.md §2.8, §4).

Pure and fast (microseconds): both word lists are compiled once per snapshot. Words are compared without regard to case; words
in Latin letters only as whole words.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

__all__ = ["DangerWords", "Keyword", "Proposal", "Signals"]

_SHOWN = 3
_DOUBT = 2.0  # weight of "none of these": one weak word alone does not make a sure proposal
_PREVENTION_GAP = 4
_BREAKS = "，。！？；,.!?;、\n"


class Keyword(msgspec.Struct, frozen=True):
    """A word that speaks for a category, and how strongly (0.5 faintly … 3 by itself)."""

    category: str
    word: str
    weight: float = 1.0


class Proposal(msgspec.Struct, frozen=True):
    """A category that a text speaks for: 0 < score < 1, and the words that decided, strongest first."""

    code: str
    score: float
    words: tuple[str, ...]


class DangerWords(msgspec.Struct, frozen=True, kw_only=True):
    """Words of danger and what takes their meaning away (`emergency_*` in params.toml, explained in data/defaults.toml)."""

    words: Sequence[str] = ()
    negations: Sequence[str] = ()
    questions: Sequence[str] = ()
    preventions: Sequence[str] = ()
    recurrences: Sequence[str] = ()
    topics: Sequence[str] = ()
    exceptions: Sequence[str] = ()


class _Entry(NamedTuple):
    """A word of the index and the categories that it speaks for."""

    word: str
    is_whole: bool
    weights: tuple[tuple[str, float], ...]


_Hit = tuple[int, int, _Entry]  # length (negative, so that sorting puts the longest first), place, word


class Signals:
    """The word lists of one snapshot, compiled.

    >>> signals = Signals([Keyword("0201", "井盖", 2), Keyword("0201", "井盖缺失", 3)], DangerWords(words=["塌陷"]))
    >>> signals.propose_category("人行道井盖缺失")
    [Proposal(code='0201', score=0.6, words=('井盖缺失',))]
    >>> signals.emergency_words("路面疑似塌陷")
    ('塌陷',)
    """

    def __init__(self, keywords: Iterable[Keyword] = (), danger: DangerWords | None = None) -> None:
        self._pairs: dict[str, tuple[_Entry, ...]] = {}
        self._singles: dict[str, _Entry] = {}
        self._compile(keywords)
        self._danger = _Danger(danger or DangerWords())

    def propose_category(self, text: str) -> list[Proposal]:
        """Return up to three categories, best first, with the words that decided; empty when no word is known.

        Longer words win over shorter ones inside them; each word counts once. Equal sums: the longer deciding word, then the
        smaller code.
        """
        sums: defaultdict[str, float] = defaultdict(float)
        words: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
        for entry in self._found(text.lower()):
            for code, weight in entry.weights:
                sums[code] += weight
                words[code].append((-weight, entry.word))
        if not sums:
            return []
        whole = sum(sums.values()) + _DOUBT
        ranked = sorted(sums, key=lambda code: (-sums[code], -max(len(word) for _, word in words[code]), code))
        return [
            Proposal(code, round(sums[code] / whole, 4), tuple(word for _, word in sorted(words[code])))
            for code in ranked[:_SHOWN]
        ]

    def emergency_words(self, text: str) -> tuple[str, ...]:
        """Return the words of danger that the text really tells of, each once, in the order of the text."""
        return self._danger.found(text.lower())

    def _compile(self, keywords: Iterable[Keyword]) -> None:
        weights: defaultdict[str, dict[str, float]] = defaultdict(dict)
        for keyword in keywords:
            weights[keyword.word.strip().lower()][keyword.category] = keyword.weight
        pairs: defaultdict[str, list[_Entry]] = defaultdict(list)
        for word in sorted(weights, key=lambda word: (-len(word), word)):
            entry = _Entry(word, word.isascii(), tuple(sorted(weights[word].items())))
            if len(word) > 1:
                pairs[word[:2]].append(entry)
            elif word:
                self._singles[word] = entry
        self._pairs = {start: tuple(entries) for start, entries in pairs.items()}
        starts = _class_of(start[0] for start in pairs) + _lookahead(start[1] for start in pairs)
        singles = _class_of(self._singles)
        self._places = re.compile("|".join(part for part in (starts, singles) if part) or "(?!)")

    def _hits(self, text: str) -> list[_Hit]:
        """The longest word at each place of the text."""
        hits: list[_Hit] = []
        pairs, singles = self._pairs, self._singles
        for place in self._places.finditer(text):
            at = place.start()
            for entry in pairs.get(text[at : at + 2], ()):
                if text.startswith(entry.word, at) and not (entry.is_whole and _is_inside(text, at, at + len(entry.word))):
                    hits.append((-len(entry.word), at, entry))
                    break
            else:
                if singles and (single := singles.get(text[at])):
                    hits.append((-1, at, single))
        return hits

    def _found(self, text: str) -> list[_Entry]:
        """The distinct words of the text, the longest first; a shorter one inside or across a taken one is left out."""
        hits = self._hits(text)
        if len(hits) < 2:
            return [entry for _, _, entry in hits]
        taken: list[tuple[int, int]] = []
        found: dict[str, _Entry] = {}
        for length, at, entry in sorted(hits):
            end = at - length
            if all(end <= start or other_end <= at for start, other_end in taken):
                taken.append((at, end))
                found.setdefault(entry.word, entry)
        return list(found.values())


def _class_of(characters: Iterable[str]) -> str:
    escaped = "".join(re.escape(character) for character in sorted(set(characters)))
    return f"[{escaped}]" if escaped else ""


def _lookahead(characters: Iterable[str]) -> str:
    following = _class_of(characters)
    return f"(?={following})" if following else ""


def _is_inside(text: str, start: int, end: int) -> bool:
    """A Latin word that goes on to the left or right is another word."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return (before.isascii() and before.isalnum()) or (after.isascii() and after.isalnum())


class _Danger:
    """Words of danger with the reading of what stands around them."""

    def __init__(self, lists: DangerWords) -> None:
        self._pattern = _alternation(lists.words)
        self._exceptions = _alternation(lists.exceptions)
        self._negations = _lower(lists.negations)
        self._questions = _lower(lists.questions)
        self._topics = _lower(lists.topics)
        self._recurrences = _lower(lists.recurrences)
        self._preventions = _alternation(lists.preventions)

    def found(self, text: str) -> tuple[str, ...]:
        """Return the words that count, each once. `text` is in lower case."""
        if self._pattern is None:
            return ()
        hits = list(self._pattern.finditer(text))
        if not hits:
            return ()
        excepted = [match.span() for match in self._exceptions.finditer(text)] if self._exceptions else []
        counted = (match[0] for match in hits if self._counts(text, match.start(), match.end(), excepted))
        return tuple(dict.fromkeys(counted))

    def _counts(self, text: str, start: int, end: int, excepted: Sequence[tuple[int, int]]) -> bool:
        if any(opens <= start and end <= closes for opens, closes in excepted):
            return False
        if text.startswith(self._topics, end):
            return False
        before = text[max(start - 12, 0) : start]
        return not self._is_denied(before) and not self._is_prevented(before)

    def _is_denied(self, before: str) -> bool:
        return before.endswith(self._negations) and not before.endswith(self._questions)

    def _is_prevented(self, before: str) -> bool:
        if self._preventions is None:
            return False
        last = None
        for last in self._preventions.finditer(before):  # noqa: B007  # the last one is wanted
            pass
        if last is None:
            return False
        gap = before[last.end() :]
        if len(gap) > _PREVENTION_GAP or any(character in _BREAKS for character in gap):
            return False
        return not any(word in gap for word in self._recurrences)


def _lower(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word.lower() for word in words if word)


def _alternation(words: Iterable[str]) -> re.Pattern[str] | None:
    """The words as one pattern, the longest first; None for none."""
    ordered = sorted({word.lower() for word in words if word}, key=lambda word: (-len(word), word))
    return re.compile("|".join(map(re.escape, ordered))) if ordered else None
