"""What is looked at before it is filed, handed to others, done at once, or found to be one matter with another."""

from __future__ import annotations

from dispatch.agreements import Check
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.guards import Guard

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES"]

GUARDS: dict[str, Guard] = {}
FORBIDDING: frozenset[str] = frozenset()
CHECKS: dict[str, Check] = {}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {}
