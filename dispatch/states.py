"""The life of a case as data: one table from (subject, state, action) to what follows (domain.md §2.3, §2.4, §2.4b).

Everything that needs to know what is permitted reads this table: the engine, the `actions` of the API, the buttons, the
diagram, the reference and the tests. Its rows lie in `dispatch.rows`; the guards, checks and effects that they name are found
through `dispatch.registry`.
"""

from __future__ import annotations

from dispatch.rows import (
    beside,
    closing,
    covering,
    dispatching,
    handling,
    intake,
    joined,
    learning,
    needs,
    on_behalf,
    onsite,
    oversight,
    requests,
    teamwork,
    verification,
)
from dispatch.transition import ALIVE, ENDED, FINAL, HELD, NEED_STATES, REQUEST_STATES, STATES, TASK_STATES, Transition

__all__ = [
    "ALIVE", "ENDED", "FINAL", "HELD", "NEED_STATES", "REQUEST_STATES", "STATES", "TABLE", "TABLE_VERSION", "TASK_STATES",
    "Transition", "find", "is_for_role", "photo_fields", "rows_for",
]  # fmt: skip

TABLE_VERSION = 1

TABLE: tuple[Transition, ...] = (
    *intake.ROWS,
    *dispatching.ROWS,
    *handling.ROWS,
    *closing.ROWS,
    *beside.ROWS,
    *verification.ROWS,
    *joined.ROWS,
    *requests.ROWS,
    *learning.ROWS,
    *teamwork.ROWS,
    *needs.ROWS,
    *oversight.ROWS,
    *covering.ROWS,
    *on_behalf.ROWS,
    *onsite.ROWS,
)


def _by_state() -> dict[tuple[str, str, str], tuple[Transition, ...]]:
    rows: dict[tuple[str, str, str], list[Transition]] = {}
    for row in TABLE:
        for state in row.states:
            for role in row.roles:
                rows.setdefault((row.subject, state, role), []).append(row)
    return {key: tuple(found) for key, found in rows.items()}


_ROWS = _by_state()
_ROW = {(*key, row.action): row for key, rows in _ROWS.items() for row in rows}


def _by_photos() -> dict[tuple[str, str], tuple[str, ...]]:
    names: dict[tuple[str, str], dict[str, None]] = {}
    for row in TABLE:
        held = names.setdefault((row.subject, row.action), {})
        held.update((field.name, None) for field in row.fields if field.type == "photos")
    return {key: tuple(found) for key, found in names.items()}


_PHOTO_FIELDS = _by_photos()


def rows_for(subject: str, state: str, role: str) -> tuple[Transition, ...]:
    """Return the rows that a role might use in a state, guards not looked at."""
    return _ROWS.get((subject, state, role), ())


def find(subject: str, state: str, role: str, action: str) -> Transition | None:
    """Return the row of an action for a role in a state, or None when the table has none."""
    return _ROW.get((subject, state, role, action))


def photo_fields(subject: str, action: str) -> tuple[str, ...]:
    """Return the names of the fields of an action that hold pictures, whoever takes it."""
    return _PHOTO_FIELDS.get((subject, action), ())


def is_for_role(subject: str, role: str, action: str) -> bool:
    """Tell whether the role may ever do the action, in whatever state."""
    return any(row.action == action and row.subject == subject and role in row.roles for row in TABLE)
