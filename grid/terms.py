"""What the city sets for the field work of its grid workers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dispatch.city import City, Params, PatrolParams, VisitParams

__all__ = ["Terms"]


class Terms:
    """Norms, distances and times of the city as they are now, read anew when the city changes."""

    def __init__(self, city: Callable[[], City]) -> None:
        self._city = city
        self._known: tuple[City, Params] | None = None

    @property
    def patrols(self) -> PatrolParams:
        """Those of patrols."""
        return self._params.patrols

    @property
    def visits(self) -> VisitParams:
        """Those of visits."""
        return self._params.visits

    @property
    def zone(self) -> ZoneInfo:
        """Where days begin."""
        return ZoneInfo(self._city().timezone)

    @property
    def root(self) -> str:
        """The code of the whole city."""
        return self._city().code

    def day_of(self, at: datetime) -> date:
        """Return the day that an instant has in the city."""
        return at.astimezone(self.zone).date()

    @property
    def _params(self) -> Params:
        city = self._city()
        if self._known is None or self._known[0] is not city:
            self._known = city, city.params
        return self._known[1]
