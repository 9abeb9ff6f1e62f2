"""The generated pages of the reference: the life of a case as a diagram, and every action with its fields.

`python -m dispatch.reference` writes them; a test proves that what is committed is current.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dispatch.fields import Field
from dispatch.states import ALIVE, FINAL, STATES, TABLE, TABLE_VERSION, Transition

__all__ = ["FOLDER", "actions_page", "pages", "states_page"]

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
NOTE = "<!-- Generated from dispatch/rows by `python -m dispatch.reference`; do not edit. -->"


def pages() -> dict[str, str]:
    """Return the generated pages by file name."""
    return {"states.md": states_page(), "actions.md": actions_page()}


def states_page() -> str:
    """Return the page of states with its diagram."""
    lines = [
        NOTE,
        "# States of a case",
        "",
        f"Version {TABLE_VERSION} of the table. Every case carries the version under which it was opened.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        *(f"    {line}" for line in _edges()),
        "```",
        "",
        "| state | open | what may be done |",
        "| --- | --- | --- |",
        *(_state_row(state) for state in STATES),
        "",
        "A draft is no case yet: `save_draft` and `submit` have doors of their own (`/api/v1/drafts`).",
        "",
        "A request (`return`, `extension`, `suspension`, `appeal`) goes from `pending` to `approved`, `rejected`, `withdrawn` or"
        " `expired`. The case keeps its state and its clock until it is approved; then a return leads to `filed`, a suspension to"
        " `suspended`, an appeal to `reported` or to reopening, an extension moves the due time.",
        "",
        "A task of a unit goes `pending` → `signed` → `submitted` → `accepted`, or is `waived`, `withdrawn` or, for the lead,"
        " `returned`; a later step of a joint template is `waiting` before it is given. One of an organization goes `invited` →"
        " `claimed` → `serving` → `submitted` → `confirmed`, or is `declined`, `released`, `expired` or `withdrawn`.",
        "",
        "A need is `open` until all its places are claimed (`filled`), open again when one is given up; confirmed help makes it"
        " `done`. It is `closed` by hand or with the case, and has `expired` when nobody came in time.",
        "",
    ]
    return "\n".join(lines)


def _edges() -> list[str]:
    names: dict[tuple[str, str], list[str]] = {}
    for row in TABLE:
        for before, after in row.changes:
            names.setdefault((before or "[*]", after), []).append(row.action)
    found = [f"{before} --> {after}: {', '.join(dict.fromkeys(actions))}" for (before, after), actions in names.items()]
    return [*found, *(f"{state} --> [*]" for state in FINAL)]


def _state_row(state: str) -> str:
    actions = [row.action for row in TABLE if row.subject == "case" and state in row.states and row.offered]
    listed = ", ".join(f"`{action}`" for action in dict.fromkeys(actions))
    return f"| `{state}` | {'yes' if state in ALIVE else 'no'} | {listed or '–'} |"


def actions_page() -> str:
    """Return the page of actions, each with who, guards and fields."""
    lines = [NOTE, "# Actions", "", "What the table of transitions permits. `T…` is the row of the domain model.", ""]
    for subject, title in (("case", "On a case"), ("request", "On a request"), ("task", "On a task"), ("need", "On a need")):
        lines += [f"## {title}", ""]
        for row in TABLE:
            if row.subject == subject:
                lines += _action(row)
    return "\n".join(lines)


def _action(row: Transition) -> list[str]:
    states = ", ".join(f"`{state}`" for state in row.states if state) or "(new)"
    lines = [
        f"### `{row.action}` ({row.number})",
        "",
        f"{states} → {_next(row)}. Who: {_coded(sorted(row.roles))}. "
        + ("Adding: carries no rev." if row.adding else "Deciding: carries the rev that was seen."),
    ]
    if not row.offered:
        lines.append("Not offered as a button: it belongs to a door or a timer of its own.")
    if row.guards:
        lines += ["", f"Guards: {_coded(row.guards)}."]
    if row.checks:
        lines += ["", f"Agreements of the fields: {_coded(row.checks)}."]
    if row.fields:
        lines += ["", "| field | type | required | bounds | options |", "| --- | --- | --- | --- | --- |"]
        lines += [_field(field) for field in row.fields]
    return [*lines, ""]


def _next(row: Transition) -> str:
    if row.next is None:
        return "stays"
    if row.next.startswith("by:"):
        after = dict.fromkeys(after for _, after in row.changes) if row.subject == "case" else ("approved", "rejected")
        return " or ".join(f"`{state}`" for state in after)
    return f"`{row.next}`"


def _field(field: Field) -> str:
    required = "yes" if field.required else f"when `{field.required_when}`" if field.required_when else "no"
    bounds = f"{field.min or 0}–{field.max}" if field.max is not None else ""
    options = _coded(field.options) if field.options else f"proposed: {field.options_from}" if field.options_from else ""
    return f"| `{field.name}` | {field.type} | {required} | {bounds} | {options} |"


def _coded(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
