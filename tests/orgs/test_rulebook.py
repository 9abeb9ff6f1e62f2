"""The rulebook in the database: numbered versions, whole or not at all, taken back, the same request once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from dispatch.actors import Actor
from dispatch.errors import IdempotencyMismatch
from dispatch.pack_taking import PACK_ROWS, Taking
from orgs.edits import Edit, difference
from orgs.rulebook import NotUndone, RuleBook, StaleRulebook, Version, Why, request_key
from orgs.rules import Rule
from orgs.store import INDEXES, RULE_CHANGES, RULE_VERSIONS, RULES, load_rules, load_version, mark_changed
from storage.client import Database
from storage.errors import NotFound, StorageFailure
from storage.indexes import ensure
from tests.orgs.parties import NOON, rule

ANN = Actor(id="ann", role="dispatcher")
FIRST, SECOND = (rule("520103", "0101", lead, number=number) for number, lead in enumerate(("A", "B")))
OTHER = msgspec.structs.replace(FIRST, lead="C")
EDIT = Why(source="editor", reason="调整分工")


async def book_of(database: Database, *rules: Rule) -> RuleBook:
    await ensure(database, INDEXES)
    book = RuleBook(database)
    await book.take_over(rules, Taking(database, NOON))
    return book


async def stored(database: Database) -> dict[str, Rule]:
    return {one.id: one for one in (await load_rules(database))[1]}


async def put(book: RuleBook, after: Rule, before: Rule | None = None, *, why: Why = EDIT, base: int | None = None) -> Version:
    version = await book.version() if base is None else base
    return await book.change(ANN, [Edit(after.id, before, after)], base=version, now=NOON, why=why)


async def test_change_when_made_is_a_version_written_down_and_told(database: Database) -> None:
    book, told = await book_of(database, FIRST), await load_version(database)
    made = await put(book, OTHER, FIRST)
    assert (made.version, made.by, made.reason, made.counts) == (2, "ann", "调整分工", {"changed": 1})
    assert await stored(database) == {FIRST.id: OTHER} and await book.version() == 2
    assert int(await load_version(database)) == int(told or 0) + 1, "all processes hear of it"
    first, second = await book.history(FIRST.id)
    assert (first.version, first.by, first.before, first.after) == (1, "system", None, FIRST)
    assert (second.version, second.by, second.before, second.after) == (2, "ann", FIRST, OTHER)


async def test_change_when_the_book_has_changed_meanwhile_does_nothing(database: Database) -> None:
    book = await book_of(database, FIRST)
    await put(book, SECOND)
    with pytest.raises(StaleRulebook) as caught:
        await put(book, OTHER, FIRST, base=1)
    assert caught.value.data == {"version": 2} and await stored(database) == {FIRST.id: FIRST, SECOND.id: SECOND}
    assert len(await book.history(FIRST.id)) == 1


async def test_change_when_several_make_the_same_version_then_one_does(database: Database) -> None:
    book = await book_of(database)
    rules = [rule("520103", "0101", f"U{number}", number=number) for number in range(8)]
    results = await asyncio.gather(*(put(book, one, base=0) for one in rules), return_exceptions=True)
    made = [one for one in results if isinstance(one, Version)]
    assert len(made) == 1 and all(isinstance(one, (Version, StaleRulebook)) for one in results)
    assert len(await stored(database)) == 1 == await book.version() == await database.count(RULE_CHANGES, {})


async def test_change_when_a_part_cannot_be_written_leaves_nothing(database: Database) -> None:
    book = await book_of(database, FIRST)
    limit = {"collMod": RULES, "validator": {"lead": {"$ne": "refused"}}}
    await database.command(limit)
    wrong = msgspec.structs.replace(SECOND, lead="refused")
    edits = [Edit(FIRST.id, FIRST, OTHER), Edit(SECOND.id, None, wrong)]
    with pytest.raises(StorageFailure):
        await book.change(ANN, edits, base=1, now=NOON, why=EDIT)
    assert await stored(database) == {FIRST.id: FIRST} and await book.version() == 1
    assert await database.count(RULE_CHANGES, {}) == 1 == await database.count(RULE_VERSIONS, {})


async def test_change_when_sent_again_is_the_version_that_was_made(database: Database) -> None:
    book = await book_of(database)
    why = msgspec.structs.replace(EDIT, key=request_key(ANN, "k1"), digest="d")
    made = await asyncio.gather(*(put(book, FIRST, why=why, base=0) for _ in range(4)))
    assert {one.version for one in made} == {1} and await book.version() == 1
    with pytest.raises(IdempotencyMismatch):
        await put(book, FIRST, why=msgspec.structs.replace(why, digest="other"), base=1)


async def test_reading_when_versions_come_meanwhile_is_never_half_of_one(database: Database) -> None:
    def generation(number: int) -> dict[str, Rule]:
        found = (rule("520103", "0101", f"U{number}", number=place) for place in range(1_200))
        return {one.id: one for one in found}

    book, present = await book_of(database), {}
    seen: list[Any] = []

    async def read() -> None:
        while len(seen) < 6:
            seen.append(await load_rules(database))

    reading = asyncio.create_task(read())
    for number in range(3):
        wanted = generation(number)
        await book.change(ANN, difference(present, wanted), base=number, now=NOON, why=EDIT)
        present = wanted
    await reading
    for version, rules in seen:
        assert {one.lead for one in rules} == ({f"U{version - 1}"} if version else set())
        assert len(rules) == (1_200 if version else 0)


async def test_undo_when_nothing_came_after_then_all_is_as_before(database: Database) -> None:
    book = await book_of(database, FIRST)
    edits = [Edit(FIRST.id, FIRST, OTHER), Edit(SECOND.id, None, SECOND)]
    await book.change(ANN, edits, base=1, now=NOON, why=EDIT)
    made = await book.undo(ANN, 2, base=2, force=False, now=NOON, why=EDIT)
    assert (made.version, made.undoes, made.counts) == (3, 2, {"changed": 1, "removed": 1})
    assert await stored(database) == {FIRST.id: FIRST}
    again = await book.undo(ANN, 3, base=3, force=False, now=NOON, why=EDIT)
    assert again.version == 4 and await stored(database) == {FIRST.id: OTHER, SECOND.id: SECOND}


async def test_undo_when_a_later_version_has_changed_the_same_rule_is_refused_unless_forced(database: Database) -> None:
    book = await book_of(database, FIRST)
    await put(book, OTHER, FIRST)
    await put(book, SECOND)
    await put(book, msgspec.structs.replace(OTHER, priority=9), OTHER)
    with pytest.raises(NotUndone) as caught:
        await book.undo(ANN, 2, base=4, force=False, now=NOON, why=EDIT)
    assert (caught.value.data["rules"], caught.value.data["versions"]) == ([FIRST.id], [4]) and await book.version() == 4
    await book.undo(ANN, 2, base=4, force=True, now=NOON, why=EDIT)
    assert await stored(database) == {FIRST.id: FIRST, SECOND.id: SECOND}
    with pytest.raises(NotUndone):
        await book.undo(ANN, 2, base=5, force=True, now=NOON, why=EDIT)
    with pytest.raises(NotFound):
        await book.undo(ANN, 77, base=5, force=True, now=NOON, why=EDIT)


async def test_import_when_people_have_added_rules_keeps_them_and_is_one_version(database: Database) -> None:
    book, later = await book_of(database, FIRST), NOON + timedelta(days=1)
    added, orphan = (rule("520102", "0105", lead, number=3 + n, origin="editor") for n, lead in enumerate(("A", "gone")))
    await put(book, added)
    await put(book, orphan)
    assert await book.take_over([SECOND], Taking(database, later)) is not None
    ended = msgspec.structs.replace(FIRST, until=later.timestamp())
    assert await stored(database) == {one.id: one for one in (ended, SECOND, added, orphan)} and await book.version() == 4
    assert await book.take_over([SECOND], Taking(database, NOON + timedelta(days=2))) is None, "the same again is no version"
    assert (await book.find_version(4)).counts == {"added": 1, "ended": 1}


async def test_import_when_people_have_changed_a_rule_keeps_their_word_until_the_pack_is_told_to_win(database: Database) -> None:
    book = await book_of(database, FIRST, SECOND)
    await book.change(ANN, [Edit(FIRST.id, FIRST, OTHER)], base=1, now=NOON, why=EDIT)
    same = Taking(database, NOON)
    assert await book.take_over([FIRST, SECOND], same) is None
    assert (same.outcomes["rules.csv"].kept, [note.field for note in same.outcomes["rules.csv"].notes]) == (1, ["lead"])
    theirs, ours = msgspec.structs.replace(FIRST, lead="D", basis="新"), msgspec.structs.replace(OTHER, basis="新")
    both = Taking(database, NOON)
    assert await book.take_over([theirs, SECOND], both) is not None
    assert (await stored(database))[FIRST.id] == ours, "the pack's other fields are taken all the same"
    assert both.outcomes["rules.csv"].conflicts == 1
    told = Taking(database, NOON, take_pack=["rules"])
    made = await book.take_over([theirs, SECOND], told)
    assert (await stored(database))[FIRST.id] == theirs and made is not None and made.source == "import"
    assert [change.after for change in await book.history(FIRST.id)][-2:] == [ours, theirs]


async def test_import_when_the_database_is_of_before_takes_what_people_last_changed_for_theirs(database: Database) -> None:
    book = await book_of(database, FIRST, SECOND)
    await book.change(ANN, [Edit(FIRST.id, FIRST, OTHER)], base=1, now=NOON, why=EDIT)
    await database.drop_collection(PACK_ROWS)
    taking = Taking(database, NOON)
    renamed = msgspec.structs.replace(SECOND, basis="新")
    await book.take_over([FIRST, renamed], taking)
    assert await stored(database) == {OTHER.id: OTHER, SECOND.id: renamed}
    assert (taking.outcomes["rules.csv"].changed, taking.outcomes["rules.csv"].conflicts) == (1, 1)


async def test_versions_when_paged_come_newest_first_each_once(database: Database) -> None:
    book = await book_of(database)
    for number in range(5):
        await put(book, rule("520103", "0101", "A", number=number))
    seen: list[int] = []
    before: int | None = None
    while True:
        page, before = await book.versions(limit=2, before=before)
        seen += [one.version for one in page]
        if before is None:
            break
    assert seen == [5, 4, 3, 2, 1]


async def test_changes_when_paged_come_by_rule_each_once(database: Database) -> None:
    rules = [rule("520103", "0101", "A", number=number) for number in range(5)]
    book = await book_of(database, *rules)
    first, following = await book.changes(1, limit=3)
    assert following is not None
    second, end = await book.changes(1, limit=3, after=following)
    assert [one.rule for one in (*first, *second)] == [one.id for one in rules] and end is None


async def test_history_when_written_before_versions_were_counted_is_still_told(database: Database) -> None:
    book = await book_of(database)
    old = {"_id": "x", "at": NOON, "by": "bob", "role": "supervisor", "rule": "L-1", "before": None,
           "after": {"_id": "L-1", "id": "L-1", "category": "*", "lead": "A"}}  # fmt: skip
    await database.insert_one(RULE_CHANGES, old)
    (change,) = await book.history("L-1")
    assert (change.version, change.by, change.after and change.after.lead) == (0, "bob", "A")


async def test_questions_when_explained_walk_an_index(database: Database) -> None:
    await book_of(database, FIRST)
    await mark_changed(database, NOON)
    for collection, filter, sort in (
        (RULE_CHANGES, {"rule": FIRST.id}, [("rule", 1), ("at", 1)]),
        (RULE_CHANGES, {"rule": {"$in": [FIRST.id]}, "version": {"$gt": 1}}, None),
        (RULE_CHANGES, {"version": 1, "rule": {"$gt": ""}}, [("version", 1), ("rule", 1)]),
        (RULE_VERSIONS, {"key": "k"}, None),
        (RULE_VERSIONS, {"_id": {"$lt": 9}}, [("_id", -1)]),
    ):
        plan = str((await database.explain(collection, filter, sort))["queryPlanner"]["winningPlan"])
        assert "COLLSCAN" not in plan and "'SORT'" not in plan, (collection, filter)
