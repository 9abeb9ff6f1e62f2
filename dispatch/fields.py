"""What an action asks for: the fields of the transition table with their types, bounds and choices.

Types are those of the API: `text`, `choice`, `number`, `boolean`, `datetime`, `date`, `limit`, `photos`, `point`, `unit`,
`units`, `organization`, `organizations`, `case`, `category`, `person`, `volunteers` (rows of `number` and `hours`).
"""

from __future__ import annotations

import msgspec

__all__ = [
    "AGENCIES",
    "CANCEL_REASONS",
    "CHECK_DEFECTS",
    "CHECK_RESULTS",
    "CONSENTS",
    "CONTACT_RESULTS",
    "CONTACT_WAYS",
    "COORDINATION_TRIGGERS",
    "EXPLAIN_REASONS",
    "GRADES",
    "LINK_PURPOSES",
    "ORDINARY_URGENCIES",
    "PART_KINDS",
    "RECTIFY_RESULTS",
    "REDO_REASONS",
    "REFUSE_REASONS",
    "REOPEN_KINDS",
    "RESULTS",
    "RETURN_REASONS",
    "REVIEW_DEFECTS",
    "SATISFACTION",
    "SPECIAL_GROUPS",
    "SUPERVISE_LEVELS",
    "SUSPENSION_REASONS",
    "TRANSFER_WAYS",
    "TYPES",
    "VERDICTS",
    "Field",
    "choice",
    "text",
]  # fmt: skip

TYPES = frozenset(
    {
        "text", "choice", "number", "boolean", "datetime", "date", "limit", "photos", "point", "unit", "units",
        "organization", "organizations", "case", "category", "person", "volunteers",
    }
)  # fmt: skip

# domain.md §2.6, §2.9, T12, T33, T34, T38, T39, T40
ORDINARY_URGENCIES = ("normal", "priority", "urgent", "emergency")  # `complex` needs the supervisor's mark (domain.md §3.2)
RETURN_REASONS = ("not_duty", "not_area", "not_legal_subject", "duplicate", "info_missing", "legal_procedure")
REFUSE_REASONS = (
    "out_of_area", "other_power", "litigation", "disclosure", "emergency_line", "secret", "done_no_new", "no_content",
    "unlawful", "civil_only",
)  # fmt: skip
CANCEL_REASONS = ("withdrawn", "untrue", "test", "out_of_scope")
PART_KINDS = ("assist", "joint")  # domain.md §2.5
RESULTS = ("resolved", "partly", "explained", "cannot")
REVIEW_DEFECTS = ("off_point", "no_photo", "not_contacted", "copied_reply", "assist_missing", "asked_again")
CHECK_DEFECTS = ("not_done", "partly_done", "wrong_place", "new_damage")
REDO_REASONS = ("not_contacted", "not_solved")
CONSENTS = ("oral", "written")
CONTACT_WAYS = ("phone", "visit", "message", "other")
CONTACT_RESULTS = ("reached", "unreachable")
SUSPENSION_REASONS = ("funding", "long_works", "season", "land", "wider_project", "legal_procedure")  # domain.md T27
COORDINATION_TRIGGERS = ("returns", "redo", "no_owner", "dispute")  # domain.md T30
SATISFACTION = ("very_satisfied", "satisfied", "basically_satisfied", "dissatisfied", "very_dissatisfied", "unrated")
GRADES = SATISFACTION[:-1]  # what whoever speaks for themselves may say
LINK_PURPOSES = ("visit", "rate", "appeal")  # domain.md §2.10, T06, T44, T46
EXPLAIN_REASONS = ("unreasonable", "unlawful_claim", "policy_forbids")  # domain.md T41
SUPERVISE_LEVELS = ("notice", "letter", "listed")  # domain.md T49: level 1, 2, 3
RECTIFY_RESULTS = ("rectified", "mistaken", "unfounded_explained")  # domain.md T45
REOPEN_KINDS = ("citizen_appeal", "spot_check", "false_closure")  # domain.md T46
CHECK_RESULTS = ("pass", "fail")
VERDICTS = ("confirmed", "untrue", "not_found")  # domain.md T10
AGENCIES = ("110", "119", "120", "122", "12319", "water", "power", "gas", "other_place")  # domain.md T07; 12319: 数字城管
SPECIAL_GROUPS = ("elder", "disabled", "minor", "pregnant")  # domain.md §1.2, §3.2: half the limit
TRANSFER_WAYS = ("one_key", "three_way", "written")


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of an action.

    `min` and `max` bound the length of a text, the number of photos or codes, or the value of a number. `required_when` names
    a condition of `dispatch.conditions` on the case, `only_when` one without which there is no such field, `options_from` a
    source of options there; `default` a source of the suggested value. `clean` forbids personal data in the text (it will be
    published).
    """

    name: str
    type: str
    required: bool = False
    required_when: str | None = None
    only_when: str | None = None
    min: int | None = None
    max: int | None = None
    options: tuple[str, ...] = ()
    options_from: str | None = None
    clean: bool = False


def text(name: str, least: int = 0, *, most: int = 2000, clean: bool = False, when: str | None = None) -> Field:
    """A text; `least` > 0 makes it required (always, or under the condition `when`)."""
    needed = least > 0 and when is None
    return Field(name=name, type="text", required=needed, required_when=when, min=least or None, max=most, clean=clean)


def choice(name: str, options: tuple[str, ...], *, required: bool = True) -> Field:
    """One of fixed codes."""
    return Field(name=name, type="choice", required=required, options=options)
