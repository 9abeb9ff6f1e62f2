"""Texts of the notices that go outside, in two languages: `templates.toml`, with a city's own over them. Pure once loaded.

Everything is checked when it is loaded, so that no notice fails for its text: each text in both languages, no placeholder
that does not exist. The placeholders are all that a text can hold, and none of them is personal.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from dispatch.outside.filling import fill, placeholders
from storage.errors import FieldError, Invalid

__all__ = ["DEFAULT", "LANGUAGES", "PLACEHOLDERS", "SAMPLE", "Rendered", "Templates", "load"]

LANGUAGES = ("zh-CN", "en")
PLACEHOLDERS = ("case_no", "urgency", "time", "city", "link")
DEFAULT = "default"
SAMPLE: Mapping[str, str] = {
    "case_no": "GY20260101-000001", "urgency": "normal", "time": "01-01 10:00", "city": "和云", "link": "https://heyun.example",
}  # fmt: skip
_OURS = Path(__file__).with_name("templates.toml")
_FRAMED = ("title", "text")
_FRAME_HOLDS = (*PLACEHOLDERS, "what")

Texts = Mapping[str, str]  # by language


class Rendered(msgspec.Struct, frozen=True):
    """What a recipient reads."""

    title: str
    text: str


class Templates:
    """All texts, complete in each language. Make them with `load`."""

    def __init__(
        self,
        frame: Mapping[str, Texts],
        plain: Mapping[str, Texts],
        urgency: Mapping[str, Texts],
        kinds: Mapping[str, Texts],
        code: Mapping[str, Texts],
    ) -> None:
        self._frame = frame
        self._plain = plain
        self._code = code
        self._urgency = urgency
        self._kinds = kinds

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of notices that have a text of their own."""
        return frozenset(self._kinds) - {DEFAULT}

    def render(self, kind: str, language: str, values: Mapping[str, str]) -> Rendered:
        """Return title and text of a notice; `values` has all `PLACEHOLDERS`, of which `urgency` is the code. Lines that stay
        empty are left out."""
        label = self._urgency.get(values["urgency"], {}).get(language, values["urgency"])
        shown = {**values, "urgency": label}
        what = fill(self._kinds.get(kind, self._kinds[DEFAULT])[language], shown)
        frame = self._frame if values["case_no"] else self._plain  # a digest is about no single case
        title, text = (fill(frame[language][part], {**shown, "what": what}) for part in _FRAMED)
        return Rendered(title.strip(), "\n".join(line for line in text.splitlines() if line.strip()))

    def code(self, language: str, *, city: str, code: str) -> Rendered:
        """Return title and text of the message that brings a code."""
        return Rendered(*(fill(self._code[language][part], {"city": city, "code": code}).strip() for part in _FRAMED))

    def preview(self, kind: str, language: str, values: Mapping[str, str]) -> Rendered:
        """Return what a recipient would read; `values` that are not given are samples. Raises `Invalid` for a kind, a language
        or a value that does not exist."""
        named = [("kind", kind, sorted(self._kinds)), ("language", language, LANGUAGES)]
        named += [(f"values.{name}", name, PLACEHOLDERS) for name in values]
        errors = [_choice(field, allowed) for field, given, allowed in named if given not in allowed]
        if errors:
            raise Invalid(errors=errors)
        return self.render(kind, language, {**SAMPLE, **values})


def load(own: Path | None = None) -> Templates:
    """Read the product's texts, and a city's own over them. Raises `Invalid` that names each text that is wrong."""
    texts = _read(_OURS)
    if own is not None:
        texts = _merged(texts, _read(own))
    if errors := list(_problems(texts)):
        said = "; ".join(f"{error.field}: {error.message}" for error in errors)
        raise Invalid(f"{own or _OURS}: {said}", code="templates", errors=errors)
    return Templates(texts["frame"], texts["plain"], texts["urgency"], texts["kinds"], texts["code"])


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Invalid(f"{path} cannot be read: {error}", code="templates") from None


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        below = merged.get(name)
        merged[name] = _merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _problems(texts: Mapping[str, Any]) -> Iterator[FieldError]:
    parts = {"frame": LANGUAGES, "plain": LANGUAGES, "code": LANGUAGES, "urgency": (), "kinds": (DEFAULT,)}
    for name in texts.keys() - parts.keys():
        yield FieldError(name, "unknown_field", f"one of {', '.join(parts)}")
    for name, needed in parts.items():
        table = texts.get(name)
        if not isinstance(table, Mapping) or any(one not in table for one in needed):
            yield FieldError(name, "required", f"a table with {', '.join(needed)}" if needed else "a table")
            continue
        for key, inner in table.items():
            yield from _text_problems(f"{name}.{key}", inner, name)


def _text_problems(field: str, texts: Any, part: str) -> Iterator[FieldError]:
    """A frame and the code have a title and a text, everything else its languages."""
    names = _FRAMED if part in ("frame", "plain", "code") else LANGUAGES
    allowed = {"frame": _FRAME_HOLDS, "plain": _FRAME_HOLDS, "kinds": PLACEHOLDERS, "code": ("city", "code")}.get(part, ())
    if not isinstance(texts, Mapping):
        yield FieldError(field, "type", f"a table with {', '.join(names)}")
        return
    for name in texts.keys() - set(names):
        yield FieldError(f"{field}.{name}", "unknown_field", f"one of {', '.join(names)}")
    for name in names:
        text = texts.get(name)
        if not isinstance(text, str) or not text.strip():
            yield FieldError(f"{field}.{name}", "required", "a text")
        elif problem := _placeholder_problem(text, allowed):
            yield FieldError(f"{field}.{name}", "placeholder", problem)


def _placeholder_problem(text: str, allowed: tuple[str, ...]) -> str | None:
    try:
        unknown = [name for name in placeholders(text) if name not in allowed]
    except ValueError as error:
        return str(error)
    return f"`{{{unknown[0]}}}`; one of {', '.join(allowed) or 'none'}" if unknown else None


def _choice(field: str, allowed: Any) -> FieldError:
    return FieldError(field=field, code="choice", message=f"one of {', '.join(allowed)}")
