"""Errors as RFC 9457 problem documents, in the language that the asker prefers.

Every text comes from the catalogues in `web/messages/`; a code that has no text of its own gets the one of its status. What an
error carries in `data` (`rev`, `state`, `allowed`, `retry_after`…) is added to the document; nothing else of the error is shown.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from storage.errors import FieldError, HeyunError

__all__ = ["LANGUAGES", "Texts", "catalogue", "content_language", "document"]

LANGUAGES = ("zh-CN", "en")
_FOLDER = Path(__file__).parent / "messages"
_CHOICES = re.compile(r"\bof ((?:[a-z_0-9-]+, )*[a-z_0-9-]+)$")
_LIMIT = re.compile(r"\b(?:most|allows|limit,) (\d+)(wh|wd|m|h|d)\b")
_FIGURES = re.compile(r"(\d[\d,]*(?: to \d[\d,]*)?)")
_UNITS = {"m": "分钟", "h": "小时", "d": "天", "wh": "个工作小时", "wd": "个工作日"}
_RESERVED = frozenset({"type", "title", "status", "code", "detail", "errors", "instance"})


class ProblemText(msgspec.Struct, frozen=True):
    """What people read of one code: a short title and a sentence that may hold `{names}` of the error's data."""

    title: str
    detail: str


class Texts(msgspec.Struct, frozen=True):
    """One language: texts by code, by field code, of findings about boundaries, and by status for codes without a text."""

    problems: dict[str, ProblemText]
    fields: dict[str, str]
    findings: dict[str, str]
    status: dict[str, ProblemText]
    pages: dict[str, str]


class _Blank(dict[str, Any]):
    """A name that the error does not carry is left out of the sentence."""

    def __missing__(self, key: str) -> str:
        return ""


@lru_cache(maxsize=4)
def catalogue(language: str) -> Texts:
    """Return the texts of a language of `LANGUAGES`."""
    return msgspec.json.decode((_FOLDER / f"{language}.json").read_bytes(), type=Texts)


@lru_cache(maxsize=256)
def content_language(accept: str) -> str:
    """Return the language to answer in for an Accept-Language header; Chinese where neither is asked for.

    >>> content_language("en-GB,zh;q=0.5"), content_language(""), content_language("fr, en;q=0.3")
    ('en', 'zh-CN', 'en')
    """
    best, best_quality = LANGUAGES[0], 0.0
    for part in accept.split(","):
        tag, _, parameters = part.strip().partition(";")
        language = {"zh": "zh-CN", "en": "en"}.get(tag.strip().lower().split("-")[0])
        quality = _quality(parameters)
        if language and quality > best_quality:
            best, best_quality = language, quality
    return best


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def document(error: HeyunError, language: str) -> dict[str, Any]:
    """Return the problem document of an error in a language of `LANGUAGES`."""
    texts = catalogue(language)
    own = texts.problems.get(f"{error.code}.{error.data.get('reason')}")  # a reason that has words of its own
    text = own or texts.problems.get(error.code) or texts.status.get(str(error.status)) or texts.status["500"]
    problem: dict[str, Any] = {
        "type": f"/api/docs#{error.code}",
        "title": text.title,
        "status": error.status,
        "code": error.code,
        "detail": text.detail.format_map(_Blank(error.data)),
    }
    if error.errors:
        problem["errors"] = [_field(one, texts, language) for one in error.errors]
    if error.status < 500:
        problem.update((name, value) for name, value in error.data.items() if name not in _RESERVED)
    return problem


def _field(error: FieldError, texts: Texts, language: str) -> dict[str, Any]:
    shown: dict[str, Any] = {"field": error.field, "code": error.code, "message": _message(error, texts, language)}
    if error.row is not None:
        shown["row"] = error.row
    if error.file is not None:
        shown["file"] = error.file
    return shown


def _message(error: FieldError, texts: Texts, language: str) -> str:
    """The words of whoever raised the error are English; in Chinese the text of the code, with their figures and choices."""
    known = texts.fields.get(f"{error.field}.{error.code}") or texts.fields.get(error.code)
    if language == "en" or known is None:
        return error.message or known or texts.fields["invalid"]
    if limit := _LIMIT.search(error.message):
        return f"{known}\uff08{limit[1]} {_UNITS[limit[2]]}\uff09"
    specifics = _CHOICES.search(error.message) or _FIGURES.search(error.message)
    shown = specifics[1] if specifics and not any(char.isdigit() for char in known) else ""
    return f"{known}\uff08{shown}\uff09" if shown else known
