"""One unit's inspection that holds for the others on the case (联合检查, 结果互认), until one of them objects."""

from __future__ import annotations

from dispatch.transition import REASON, SYSTEM_ONLY, UNIT, Transition

__all__ = ["ROWS"]

ROWS: tuple[Transition, ...] = (
    Transition(  # in the write of the `task_submit` that names them
        action="cover", number="2.5", states=("filed", "dispatched", "handling"), next=None, roles=SYSTEM_ONLY, public=False,
        offered=False, effects=("cover",), notices=("covered",),
    ),
    Transition(
        subject="task", action="task_object", number="2.5", states=("submitted",), next="signed", roles=UNIT, public=False,
        guards=("own_part", "is_covered", "parts_may_move"), fields=(REASON,), effects=("object_cover",),
        notices=("answered_to", "covering"),
    ),
)  # fmt: skip
