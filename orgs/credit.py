"""The unified social credit code (统一社会信用代码) of an organization: 18 characters, the last of which checks the others. Pure.

GB 32100-2015: digits and capital letters without I, O, S, V, Z; each of the first 17 counts by its position in the alphabet times
3 to the power of its place, modulo 31.
"""

from __future__ import annotations

__all__ = ["ALPHABET", "check_character", "is_credit_code"]

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
_VALUES = {character: value for value, character in enumerate(ALPHABET)}


def check_character(body: str) -> str:
    """Return the 18th character for the first 17. Raises `KeyError` for a character outside the alphabet.

    >>> check_character("91350100M000100Y4")
    '3'
    """
    total = sum(weight * _VALUES[character] for weight, character in zip(_WEIGHTS, body, strict=True))
    return ALPHABET[-total % 31]


def is_credit_code(code: str) -> bool:
    """Tell whether the code has 18 characters of the alphabet and the last one is right.

    >>> is_credit_code("91350100M000100Y43"), is_credit_code("91350100M000100Y34"), is_credit_code("9135")
    (True, False, False)
    """
    return len(code) == 18 and set(code) <= set(ALPHABET) and check_character(code[:17]) == code[17]
