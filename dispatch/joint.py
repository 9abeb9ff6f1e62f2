"""一件事: templates by which one matter becomes tasks of several units, in parallel or in order, with one closure (domain.md §1).

Pure values; they come from `joint_templates.csv` of the city pack (`dispatch.joint_importing`).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

__all__ = ["NO_TEMPLATES", "JointStep", "JointTemplate", "JointTemplates"]


class JointStep(msgspec.Struct, frozen=True, kw_only=True, rename={"number": "step"}):
    """What one unit has to do; `number` is called `step` wherever it is written.

    `unit` is a unit's code or `type@level`, looked up where the case lies. Steps of one `number` are taken in parallel; a higher
    one begins when all parts below it are done. `kind` is lead, joint or assist; the lead has number 1 and answers for the case
    to the end. An empty `limit` is the usual one of such a part.
    """

    number: int
    unit: str
    kind: str
    limit: str = ""
    task: str


class JointTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """One template: for which categories it is proposed, and its steps in order, exactly one of them the lead's."""

    code: str
    name: str
    name_en: str = ""
    categories: tuple[str, ...]
    steps: tuple[JointStep, ...]


class JointTemplates:
    """All templates of the city at one moment; immutable."""

    def __init__(self, templates: Iterable[JointTemplate] = ()) -> None:
        self._by_code = {template.code: template for template in sorted(templates, key=lambda one: one.code)}
        self._by_category: dict[str, tuple[JointTemplate, ...]] = {}
        for template in self._by_code.values():
            for category in template.categories:
                self._by_category[category] = (*self._by_category.get(category, ()), template)

    def get(self, code: str) -> JointTemplate | None:
        """Return the template with this code, or None."""
        return self._by_code.get(code)

    def all(self) -> tuple[JointTemplate, ...]:
        """Return all templates, by code."""
        return tuple(self._by_code.values())

    def fitting(self, category: str | None) -> tuple[JointTemplate, ...]:
        """Return the templates for a category, by code; none where the category is not known yet."""
        return self._by_category.get(category, ()) if category else ()


NO_TEMPLATES = JointTemplates()
