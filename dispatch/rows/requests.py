"""Extensions, suspensions and appeals that are asked for and decided; coordination of what no unit settles."""

from __future__ import annotations

from dispatch.transition import Transition

__all__ = ["ROWS"]

ROWS: tuple[Transition, ...] = ()
