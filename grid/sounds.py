"""How characters sound: an operator hears an address and does not read it, and types by sound or by first letters.

`build` asks pypinyin once and makes tables; whoever compares, or adds a name, needs the tables only. Two sounds are kept for each
character: the syllable without its tone, and the syllable as it is heard where n and l, zh and z, ang and an are not told apart
(most of the southwest).
"""

from __future__ import annotations

import functools
import unicodedata
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["Codes", "Phrases", "Sounds", "build", "codes_of", "read_aloud"]

Codes = NDArray[np.uint16]
Phrases = dict[str, tuple[str, ...]]
_PLANE = 0x10000
_PHRASE_MOST = 4  # characters of a phrase that says how its characters sound
_OWN = 0x2000  # codes from here on are those of characters without a syllable
_HEARD = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"))
_ENDINGS = (("ang", "an"), ("eng", "en"), ("ing", "in"))
_PLACES = {"厦": "xia", "莞": "guan", "埔": "pu", "埗": "bu", "地": "di", "都": "du", "长": "chang", "行": "hang", "大": "da"}


class Sounds(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Tables by character (uint16, 65,536 each): number of its syllable, and number of how it is heard; the syllables; and (as
    msgpack, for they are some thousand) the phrases that are read otherwise than their characters alone."""

    exact: bytes
    heard: bytes
    syllables: tuple[str, ...]
    other: bytes

    def phrases(self) -> Phrases:
        """Return short phrases in which a character sounds otherwise than alone (重庆), with their syllables."""
        return msgspec.msgpack.decode(self.other, type=Phrases)


def codes_of(text: str) -> Codes:
    """Return the characters as numbers (those of the basic plane; see `grid.address.normalise`)."""
    return np.frombuffer(text.encode("utf-16-le", errors="replace"), dtype="<u2")


@functools.cache
def build() -> Sounds:
    """Return the tables. Takes about half a second the first time: it reads pypinyin's list of characters."""
    from pypinyin.constants import PINYIN_DICT  # kept out of the service: only the process that builds an index needs it

    spoken = {chr(code): _plain(said) for code, said in PINYIN_DICT.items() if code < _PLANE}
    spoken = {char: said for char, said in spoken.items() if said} | _PLACES
    syllables = tuple(sorted(set(spoken.values())))
    number = {said: position + 1 for position, said in enumerate(syllables)}
    exact = np.arange(_PLANE, dtype=np.uint32)
    exact = np.where(exact < _PLANE - _OWN, exact + _OWN, exact).astype(np.uint16)
    heard = exact.copy()
    alike = {said: position + 1 for position, said in enumerate(sorted({_as_heard(said) for said in syllables}))}
    for char, said in spoken.items():
        exact[ord(char)] = number[said]
        heard[ord(char)] = alike[_as_heard(said)]
    other = msgspec.msgpack.encode(_other_readings())
    return Sounds(exact=exact.tobytes(), heard=heard.tobytes(), syllables=syllables, other=other)


def _other_readings() -> Phrases:
    from pypinyin.constants import PHRASES_DICT, PINYIN_DICT

    alone = {chr(code): _plain(said) for code, said in PINYIN_DICT.items()}
    alone |= _PLACES
    found = {}
    for phrase, said in PHRASES_DICT.items():
        if 1 < len(phrase) == len(said) <= _PHRASE_MOST:
            syllables = tuple(_plain(one[0]) for one in said)
            if any(syllable != alone.get(char) for char, syllable in zip(phrase, syllables, strict=True)):
                found[phrase] = syllables
    return found


def read_aloud(text: str, syllables: list[str], phrases: Phrases) -> list[str] | None:
    """Return the syllables of a text as its phrases are read, or None when that is no other than by character.

    >>> read_aloud("到重庆路", ["dao", "zhong", "qing", "lu"], {"重庆": ("chong", "qing")})
    ['dao', 'chong', 'qing', 'lu']
    """
    read = list(syllables)
    for length in range(2, _PHRASE_MOST + 1):  # a longer phrase knows better than a shorter one
        for start in range(len(text) - length + 1):
            phrase = phrases.get(text[start : start + length])
            if phrase is not None:
                read[start : start + length] = phrase
    return read if read != syllables else None


def _plain(said: Any) -> str:
    """The first reading without its tone: `zhòng,chóng` → `zhong`, `lǜ` → `lv`."""
    marked = unicodedata.normalize("NFD", str(said).split(",")[0].replace("ü", "v").replace("ǜ", "v").replace("ǚ", "v"))
    return "".join(char for char in marked if char.isascii() and char.isalpha())


def _as_heard(said: str) -> str:
    """Return one syllable for those that are not told apart.

    >>> _as_heard("niang"), _as_heard("shang"), _as_heard("lin"), _as_heard("ling")
    ('lian', 'san', 'lin', 'lin')
    """
    for wide, narrow in _HEARD:
        if said.startswith(wide):
            said = narrow + said.removeprefix(wide)
            break
    for wide, narrow in _ENDINGS:
        if said.endswith(wide):
            return said.removesuffix(wide) + narrow
    return said
