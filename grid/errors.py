"""Errors of the grid workers' door that a user may see. Rendered only in `web/base.py`."""

from __future__ import annotations

from storage.errors import Conflict, Invalid

__all__ = ["OutsideGrid", "OutsideTime", "PatrolState", "PostDecided", "TooFar"]


class OutsideGrid(Invalid):
    """The device is not in the grid of the patrol; `data["distance_m"]` says how far. Raised by `grid.patrolling`."""

    code = "outside_grid"


class TooFar(Invalid):
    """The device is not at the place that was to be visited; `data["distance_m"]` says how far. Raised by `grid.patrolling`."""

    code = "too_far"


class OutsideTime(Conflict):
    """Not within the time of the duty; `data` holds `begins` and `ends`. Raised by `grid.patrolling`."""

    code = "outside_time"


class PatrolState(Conflict):
    """The patrol is not in a state that allows this; `data["state"]` says in which. Raised by `grid.patrolling`."""

    code = "patrol_state"


class PostDecided(Conflict):
    """Something else was decided about a post before; `data["state"]` says what. Raised by `grid.posting`."""

    code = "post_decided"
