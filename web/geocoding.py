"""Outside geocoders of a process, asked by the same client as everything that leads outside."""

from __future__ import annotations

import contextlib

from dispatch.outside.settings import OutsideSettings
from grid.geocoders import PATIENCE_SECONDS, Asker, Geocoders

__all__ = ["open_geocoders"]


def open_geocoders(settings: OutsideSettings, closing: contextlib.AsyncExitStack) -> Geocoders:
    """Return the services of the settings; the client is opened when one is asked for the first time, and closed at the end."""

    def opened() -> Asker:
        from dispatch.outside.posting import Poster  # takes a third of a second: only where something leads outside

        poster = Poster(settings.networks, timeout_seconds=PATIENCE_SECONDS - 0.5)
        closing.push_async_callback(poster.close)
        return poster

    return Geocoders(settings.geocoders, opened)
