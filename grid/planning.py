"""What an order would do to the territory: the areas as they would be, what would be void and who would come after it. Pure.

Nothing here knows when or whether it happens. What speaks against it is found by `grid.border_checks` in the plan; an order that
means nothing (a code that is not there, a shape that is none) is refused at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import shapely

from dispatch.model import LEVELS
from grid.areas import Area, is_below_grid
from grid.drawing import cut, joined, place_in, unreached
from grid.heirs import Layers, Takers
from grid.land import Land, Past, next_codes
from grid.orders import LINES, Create, Import, Merge, MoveBorder, Order, Part, Rename, Reverse, Split, Void, named, shape_of
from storage.errors import FieldError, Invalid

__all__ = ["Plan", "plan"]


class Plan(NamedTuple):
    """`now` are the areas that are new or have changed; `gone` the void codes, each with who came after it.

    `drawn` are the shapes (WGS-84 degrees) of those of `now` whose border is another; `whole` are areas which together must hold
    the same ground as before; `apart` are codes that should be neighbours and are not. `revived` are codes, void before, whose
    ground has another area from now on.
    """

    now: dict[str, Area]
    gone: dict[str, tuple[str, ...]] = {}
    drawn: dict[str, Any] = {}
    whole: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    revived: dict[str, tuple[str, ...]] = {}

    @property
    def touched(self) -> tuple[str, ...]:
        """Every code that is new, changed or void."""
        return tuple(dict.fromkeys((*self.now, *self.gone)))


def plan(order: Order, land: Land) -> Plan:
    """Return what the order would do. Raises `Invalid` with the field for an order that means nothing, `SequenceFull`."""
    for field, code in named(order):
        if code not in land.areas:
            raise _wrong(field, "unknown_area", f"no area has the code {code}")
    return _PLANNERS[type(order)](order, land)


def _create(order: Create, land: Land) -> Plan:
    shape = shape_of(order.geometry, order.crs, "geometry")
    code = _free("code", order.code, land) or next_codes(land, order.parent, order.level, 1)[0]
    _check_level(order.level, code, order.area_kind, land.areas[order.parent])
    area = Area(
        code=code, name=order.name, level=order.level, parent=order.parent, name_en=order.name_en,
        kind=order.area_kind if order.level == "grid" else "",
    )  # fmt: skip
    return _drawn({code: _shaped(area, shape)}, {code: shape})


def _split(order: Split, land: Land) -> Plan:
    old = _changeable("code", order.code, land)
    if (order.line is None) == (not any(part.geometry for part in order.parts)):
        raise _wrong("line", "contradiction", "either a line, or parts that have a geometry")
    shapes = _parts(order, land)
    if len(shapes) < 2:
        raise _wrong("line" if order.line else "parts", "too_few", "at least 2 parts")
    parts = order.parts or [Part()] * len(shapes)
    if len(parts) != len(shapes):
        raise _wrong("parts", "number", f"the line makes {len(shapes)} parts")
    given = [_free(f"parts[{number}].code", part.code, land) for number, part in enumerate(parts)]
    if len(set(given) - {None}) != sum(code is not None for code in given):
        raise _wrong("parts", "duplicate", "each part has a code of its own")
    fresh = iter(_fresh(land, old, sum(code is None for code in given), given))
    now, drawn = {}, {}
    for number, (part, code, shape) in enumerate(zip(parts, given, shapes, strict=True), start=1):
        made = code or next(fresh)
        name = part.name or f"{old.name}-{number}"
        now[made] = _shaped(msgspec.structs.replace(old, code=made, name=name, name_en="", valid_from=None), shape)
        drawn[made] = shape
    return _drawn(_with_children(now, drawn, [old.code], land), drawn, {old.code: tuple(now)}, whole=(old.code,))


def _parts(order: Split, land: Land) -> list[Any]:
    shape = land.shape(order.code)
    if order.line is not None:
        return cut(shape, shape_of(order.line, order.crs, "line", LINES))
    return [shape_of(part.geometry, order.crs, f"parts[{number}].geometry") for number, part in enumerate(order.parts)]


def _merge(order: Merge, land: Land) -> Plan:
    codes = list(dict.fromkeys(order.codes))
    olds = [_changeable(f"codes[{number}]", code, land) for number, code in enumerate(codes)]
    first = olds[0]
    if len(codes) < 2:
        raise _wrong("codes", "too_few", "at least 2 different codes")
    if any((old.parent, old.level, old.layer) != (first.parent, first.level, first.layer) for old in olds):
        raise _wrong("codes", "not_siblings", "areas of one kind below the same area")
    if order.into is not None and (order.into not in codes or order.code is not None):
        raise _wrong("into", "choice", f"one of {', '.join(codes)}, and then without code")
    kept = order.into or _free("code", order.code, land) or _fresh(land, first, 1, ())[0]
    like = land.areas.get(kept, first)
    shape = joined([land.shape(code) for code in codes])
    merged = msgspec.structs.replace(like, code=kept, name=order.name or like.name, valid_from=None)
    gone: dict[str, tuple[str, ...]] = {code: (kept,) for code in codes if code != kept}
    drawn = {kept: shape}
    now = _with_children({kept: _shaped(merged, shape)}, drawn, list(gone), land)
    return _drawn(now, drawn, gone, apart=unreached({code: land.shape(code) for code in codes}))


def _move(order: MoveBorder, land: Land) -> Plan:
    giver, taker = _changeable("giver", order.giver, land), _changeable("taker", order.taker, land)
    if giver.code == taker.code or (giver.level, giver.layer) != (taker.level, taker.layer):
        raise _wrong("taker", "not_siblings", "another area of the same kind")
    moved = shapely.intersection(land.shape(giver.code), shape_of(order.ground, order.crs, "ground"))
    moved = joined([part for part in shapely.get_parts(moved) if part.geom_type in ("Polygon", "MultiPolygon")])
    left = shapely.difference(land.shape(giver.code), moved)
    if moved.is_empty:
        raise _wrong("ground", "outside", f"ground of {giver.code}")
    if left.is_empty:
        raise _wrong("ground", "all", f"not all of {giver.code}: merge the two instead")
    drawn = {giver.code: left, taker.code: joined([land.shape(taker.code), moved])}
    now = {code: _shaped(land.areas[code], shape) for code, shape in drawn.items()}
    apart = unreached({taker.code: land.shape(taker.code), giver.code: moved})
    return _drawn(now, drawn, whole=(giver.code, taker.code), apart=apart)


def _rename(order: Rename, land: Land) -> Plan:
    old = land.areas[order.code]
    name_en = old.name_en if order.name_en is None else order.name_en
    if (order.name, name_en) == (old.name, old.name_en):
        raise _wrong("name", "same", "another name than it has")
    return Plan({old.code: msgspec.structs.replace(old, name=order.name, name_en=name_en, valid_from=None)})


def _void(order: Void, land: Land) -> Plan:
    old = _changeable("code", order.code, land, shaped=False)
    if land.below(old.code):
        raise _wrong("code", "has_children", "an area with none below it")
    return Plan({}, {old.code: ()})


def _import(order: Import, land: Land) -> Plan:
    kind = order.area_kind if order.level == "grid" else ""
    layer = (kind or "duty") if order.level == "grid" else order.level
    present = {area.code: area for area in land.below(order.parent) if (area.level, area.layer) == (order.level, layer)}
    now, drawn = {}, {}
    for number, feature in enumerate(order.features):
        field = f"features[{number}]"
        if feature.code in now:
            raise _wrong(f"{field}.code", "duplicate", "each feature has a code of its own")
        shape = shape_of(feature.geometry, order.crs, f"{field}.geometry")
        if feature.code not in present:
            _free(f"{field}.code", feature.code, land)
        _check_level(order.level, feature.code, kind, land.areas[order.parent])
        old = present.get(feature.code)
        made = Area(
            code=feature.code, name=feature.name, level=order.level, parent=order.parent, kind=old.kind if old else kind,
            name_en=feature.name_en,
        )  # fmt: skip
        now[feature.code], drawn[feature.code] = _shaped(made, shape), shape
    takers = Takers(drawn)
    gone = {code: takers.of(land.shape(code)) for code in present if code not in now}
    changed = {code: area for code, area in now.items() if not _is_same(area, present.get(code))}
    if not changed and not gone:
        raise _wrong("features", "same", "something else than what is there")
    return _drawn(_with_children(changed, drawn, list(gone), land), {code: drawn[code] for code in changed}, gone)


def _reverse(order: Reverse, land: Land) -> Plan:
    past = land.past
    if past is None:
        raise _wrong("change", "unknown_change", "a change that is in force")
    if any(code not in land.areas or land.areas[code].version != version for code, version in past.after.items()):
        raise _wrong("change", "overtaken", "a change whose areas are still as it left them")
    codes = _codes_again(past, land)
    now = {}
    for form in past.before:
        parent = codes.get(form.parent or "", form.parent)
        restored = msgspec.structs.replace(form, code=codes.get(form.code, form.code), parent=parent, version=0, valid_from=None)
        now[restored.code] = restored
    for code in sorted(past.brought):
        if any(child.code not in now and child.code not in past.brought for child in land.below(code)):
            raise _wrong("change", "has_children", f"no areas below {code} that came later")
    drawn = {code: shapely.from_wkb(area.wkb) for code, area in now.items() if area.wkb and not _has_shape(land, code, area)}
    layers = Layers((now[code], shape) for code, shape in drawn.items())
    gone = {code: layers.of(land.areas[code], land.shape(code)) for code in sorted(past.brought)}
    return Plan(now, gone, drawn, revived={old: (new,) for old, new in codes.items()})


def _codes_again(past: Past, land: Land) -> dict[str, str]:
    """For each area that the change made void the code under which it comes back, below the new code of its parent."""
    codes: dict[str, str] = {}
    given: set[str] = set()
    levels = {form.code: form.level for form in (*land.areas.values(), *past.before)}
    for form in sorted(past.before, key=lambda form: LEVELS.index(form.level)):
        if form.code not in past.after:
            parent = form.parent or ""
            level = "micro" if levels.get(parent) == "grid" else form.level
            (codes[form.code],) = next_codes(land, codes.get(parent, parent), level, 1, given)
            given.add(codes[form.code])
    return codes


def _has_shape(land: Land, code: str, area: Area) -> bool:
    return code in land.areas and land.areas[code].wkb == area.wkb


def _with_children(now: dict[str, Area], drawn: Mapping[str, Any], gone: Sequence[str], land: Land) -> dict[str, Area]:
    """What lay below a void area goes to the one that holds most of it; that it fits there is for the checks to say."""
    found, takers = dict(now), Takers(drawn)
    for code in gone:
        for child in land.below(code):
            if heirs := takers.of(land.shape(child.code)) or tuple(drawn):
                found[child.code] = msgspec.structs.replace(child, parent=heirs[0], valid_from=None)
    return found


def _drawn(
    now: dict[str, Area], drawn: dict[str, Any], gone: dict[str, tuple[str, ...]] | None = None, *,
    whole: tuple[str, ...] = (), apart: tuple[str, ...] = (),
) -> Plan:  # fmt: skip
    return Plan(now, gone or {}, drawn, whole, apart)


def _shaped(area: Area, shape: Any) -> Area:
    return msgspec.structs.replace(area, wkb=shapely.to_wkb(shape), label=place_in(shape), version=0, valid_from=None)


def _is_same(area: Area, old: Area | None) -> bool:
    return old is not None and (area.name, area.name_en, area.wkb) == (old.name, old.name_en, old.wkb)


def _fresh(land: Land, old: Area, count: int, given: Iterable[str | None]) -> list[str]:
    """Codes for what comes in place of `old`; one that is given in the same order is not given twice."""
    return next_codes(land, old.parent or "", old.level, count, frozenset(code for code in given if code)) if count else []


def _changeable(field: str, code: str, land: Land, *, shaped: bool = True) -> Area:
    area = land.areas[code]
    if area.parent is None:
        raise _wrong(field, "city", "an area below the city")
    if shaped and land.shape(code) is None:
        raise _wrong(field, "no_geometry", "an area that has a shape")
    return area


def _check_level(level: str, code: str, kind: str, parent: Area) -> None:
    """A level lies below a wider one; below a grid lie only unit grids and micro-grids."""
    below = LEVELS.index(parent.level) < LEVELS.index(level)
    if not below and not (parent.level == level == "grid" and is_below_grid(code, kind, parent.code)):
        raise _wrong("level", "not_allowed", f"a level below {parent.level}")


def _free(field: str, code: str | None, land: Land) -> str | None:
    if code is not None and code in land.used:
        raise _wrong(field, "code_used", f"{code} is or was the code of an area; a code is never used again")
    return code


def _wrong(field: str, code: str, message: str) -> Invalid:
    return Invalid(errors=[FieldError(field=f"order.{field}", code=code, message=message)])


_PLANNERS: Mapping[type, Callable[[Any, Land], Plan]] = {
    Create: _create, Split: _split, Merge: _merge, MoveBorder: _move, Rename: _rename, Void: _void, Import: _import,
    Reverse: _reverse,
}  # fmt: skip
