"""Many short texts kept as one: 200,000 names cost no more objects than two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

__all__ = ["Texts"]


class Texts(Sequence[str]):
    """Texts by position, cut out when somebody asks.

    >>> texts = Texts(*Texts.joined(["云岩区", "", "白云区"]))
    >>> texts[0], texts[1], texts[2], len(texts)
    ('云岩区', '', '白云区', 3)
    """

    __slots__ = ("_starts", "_text")

    def __init__(self, text: str, starts: bytes) -> None:
        """Text i is `text[starts[i]:starts[i + 1]]` (int32)."""
        self._text = text
        self._starts = memoryview(starts).cast("i")

    @staticmethod
    def joined(texts: Iterable[str]) -> tuple[str, bytes]:
        """Return texts as one, and where each begins: what the constructor takes."""
        parts = list(texts)
        return "".join(parts), np.cumsum([0, *map(len, parts)], dtype=np.int32).tobytes()

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, position: int) -> str:  # type: ignore[override]  # never asked for slices
        return self._text[self._starts[position] : self._starts[position + 1]]
