"""What is looked at before it is filed, handed to others, done at once, or found to be one matter with another."""

from __future__ import annotations

from dispatch.transition import Transition

__all__ = ["ROWS"]

ROWS: tuple[Transition, ...] = ()
