"""What the names in the table of transitions stand for: guards, checks, conditions, sources, choosers, effects.

The common ones lie in modules of their own kind (`dispatch.guards`, `dispatch.effects` …); a chapter (`dispatch.chapters`) brings
its own. Two of one name are refused at import.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from dispatch import agreements, conditions, effects, guards
from dispatch.chapters import (
    appeals,
    consent,
    covering,
    elsewhere,
    emergency,
    endings,
    joined_voices,
    joining,
    joint,
    learning,
    limiting,
    needs,
    on_behalf,
    onsite,
    oversight,
    partners,
    recomputing,
    rectification,
    requests,
    returns,
    site_checks,
    spot_checks,
    suspension,
    teamwork,
    verification,
    voice,
)

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "REASONS", "SOURCES"]

CHAPTERS: tuple[ModuleType, ...] = (
    requests, returns, appeals, learning, suspension, verification, elsewhere, joining, joined_voices, teamwork, joint, covering,
    needs, consent,
    partners, oversight, emergency, onsite, endings,
    site_checks, spot_checks, on_behalf, rectification, limiting, recomputing, voice,
)  # fmt: skip


def _all(name: str, common: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(common)
    for chapter in CHAPTERS:
        own: Mapping[str, Any] = getattr(chapter, name, {})
        if twice := found.keys() & own.keys():
            raise ValueError(f"{chapter.__name__}: {name} {sorted(twice)} are taken")
        found.update(own)
    return found


GUARDS: dict[str, guards.Guard] = _all("GUARDS", guards.GUARDS)
FORBIDDING: frozenset[str] = guards.FORBIDDING.union(*(getattr(chapter, "FORBIDDING", ()) for chapter in CHAPTERS))
CHECKS: dict[str, agreements.Check] = _all("CHECKS", agreements.CHECKS)
CONDITIONS: dict[str, conditions.Condition] = _all("CONDITIONS", conditions.CONDITIONS)
SOURCES: dict[str, conditions.Source] = _all("SOURCES", conditions.SOURCES)
CHOOSERS: dict[str, effects.Chooser] = _all("CHOOSERS", effects.CHOOSERS)
EFFECTS: dict[str, effects.Effect] = _all("EFFECTS", effects.EFFECTS)
# What a guard that does not hold is called towards whoever is refused, where its own name says too little.
REASONS: dict[str, str] = _all("REASONS", {})
