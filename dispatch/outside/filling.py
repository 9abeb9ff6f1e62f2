"""Texts with placeholders in braces, `{case_no}`: only plain names, nothing of what format strings could do besides. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter

__all__ = ["fill", "placeholders"]


def placeholders(text: str) -> tuple[str, ...]:
    """Return the names in a text, in order. Raises `ValueError` for braces that do not hold a plain name.

    >>> placeholders("{case_no} until {time}")
    ('case_no', 'time')
    """
    found = []
    for _, name, spec, conversion in Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise ValueError(f"`{{{name}}}` is no placeholder: write a plain name in the braces")
        found.append(name)
    return tuple(found)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return the text with its placeholders filled. Raises `KeyError` for one that has no value.

    >>> fill("{case_no} until {time}", {"case_no": "GY1", "time": "12:00"})
    'GY1 until 12:00'
    """
    return text.format_map(values)
