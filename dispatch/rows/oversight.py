"""Urging and supervising by hand and by rule, special endings, spot checks, bad ratings, reopening, archiving."""

from __future__ import annotations

from dispatch.transition import Transition

__all__ = ["ROWS"]

ROWS: tuple[Transition, ...] = ()
