"""Which areas hold now what lay in areas that are void: whoever names a former area means its heirs too. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

__all__ = ["UNCHANGED", "Succession"]


class Succession:
    """The heirs of void areas. Immutable.

    A grid that was split has all its parts as heirs, one that was merged the area that took it in, one that only ended has none.
    Heirs of heirs count, so a name given years ago still leads to the ground of today.

    >>> after = Succession({"7": ("7a", "7b"), "7b": ("8",)})
    >>> after.heirs("7"), after.with_heirs(["7", "9"]), after.with_heirs(["9"])
    (('7a', '7b', '8'), ('7', '9', '7a', '7b', '8'), ('9',))
    >>> after.forerunners("8")
    ('7b', '7')
    """

    __slots__ = ("_after", "_before")

    def __init__(self, heirs: Mapping[str, Sequence[str]]) -> None:
        """`heirs`: void area → the areas that directly came after it (none: nobody did)."""
        self._after = {code: tuple(after) for code, after in heirs.items()}
        before: dict[str, list[str]] = {}
        for code, after in self._after.items():
            for heir in after:
                before.setdefault(heir, []).append(code)
        self._before = {heir: tuple(codes) for heir, codes in before.items()}

    def __len__(self) -> int:
        return len(self._after)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Succession) and self._after == other._after

    __hash__ = None  # type: ignore[assignment]

    def __contains__(self, code: str) -> bool:
        return code in self._after

    def heirs(self, code: str) -> tuple[str, ...]:
        """Return every area that came after `code`, nearest first; empty for one that holds or that nobody came after."""
        return _reached(self._after, code)

    def forerunners(self, code: str) -> tuple[str, ...]:
        """Return the void areas whose ground `code` has, or shares, nearest first; mostly none."""
        return _reached(self._before, code)

    def with_heirs(self, codes: Iterable[str]) -> tuple[str, ...]:
        """Return the codes as they are, then the heirs of those that are void, each once."""
        found = dict.fromkeys(codes)
        if self._after:
            for code in tuple(found):
                found.update(dict.fromkeys(self.heirs(code)))
        return tuple(found)


UNCHANGED = Succession({})


def _reached(steps: Mapping[str, tuple[str, ...]], start: str) -> tuple[str, ...]:
    """Everything that steps lead to; a survivor may stand on its own way, so each is taken once."""
    if start not in steps:
        return ()
    found: dict[str, None] = {}
    waiting = list(steps[start])
    while waiting:
        code = waiting.pop(0)
        if code not in found and code != start:
            found[code] = None
            waiting.extend(steps.get(code, ()))
    return tuple(found)
