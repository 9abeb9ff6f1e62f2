"""Several units and organizations on one case: assisting, joint and subordinate units, the whistle, social organizations."""

from __future__ import annotations

from dispatch.transition import Transition

__all__ = ["ROWS"]

ROWS: tuple[Transition, ...] = ()
