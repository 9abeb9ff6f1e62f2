"""Templates of 一件事 of the demo city: samples in the usual division of labour, not the city's own lists."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["COLUMNS", "build_joint_templates"]

COLUMNS = ("code", "name", "name_en", "categories", "step", "unit", "kind", "limit", "task")

Cells = tuple[object, ...]
Steps = tuple[tuple[int, str, str, str, str], ...]

# (code, name, English name, categories), then for each step: number, unit, kind, limit (empty: the usual), what is to be done
TEMPLATES: tuple[tuple[tuple[str, str, str, str], Steps], ...] = (
    (
        ("DEMO-FALLING", "高空坠物", "Falling objects", "0605"),
        (
            (1, "house@district", "lead", "", "牵头查勘外墙，查明责任单位，督促加固修缮并验收"),
            (1, "town@township", "joint", "2h", "拉警戒线，疏散楼下人员，通知业主和物业"),
            (2, "urban@district", "joint", "8h", "责令拆除松动的广告牌、花架等外挂物"),
            (2, "fire@district", "assist", "8h", "登高排查高处松动部位，配合清除"),
        ),
    ),
    (
        ("DEMO-RENTALS", "群租房整治", "Overcrowded rentals", "0705"),
        (
            (1, "town@township", "lead", "", "牵头入户核实，督促房东整改并复查"),
            (1, "police@district", "joint", "2wd", "核查租住人员登记和出租备案"),
            (1, "fire@district", "joint", "2wd", "检查用电、疏散通道和消防设施"),
            (1, "house@district", "assist", "2wd", "认定擅自改变房屋结构和用途的情形"),
        ),
    ),
    (
        ("DEMO-ELDER", "独居老人跌倒", "Fall of an elder living alone", "1102"),
        (
            (1, "town@township", "lead", "", "牵头上门看望，联系家属，建立帮扶台账"),
            (1, "health@district", "joint", "1wd", "安排家庭医生上门诊查，评估失能程度"),
            (1, "civil@district", "joint", "2wd", "落实居家养老服务和紧急呼叫设备"),
            (1, "disabled@district", "assist", "", "评估辅具需要，安装扶手、防滑垫"),
        ),
    ),
)


def build_joint_templates() -> Iterator[Cells]:
    """Yield the rows of `joint_templates.csv`; what belongs to a template as a whole stands in its first row."""
    for head, steps in TEMPLATES:
        code, *names = head
        for position, step in enumerate(steps):
            yield (code, *(names if position == 0 else ("", "", "")), *step)
