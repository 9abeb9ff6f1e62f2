"""Thousands of legal and illegal actions by anybody at any time: no case gets stuck, no promise of the table is broken.

The engine is pure, so the whole life of a case is played in memory: reports of every kind, actions that are offered with whatever
their fields permit, actions that are not, time that passes with everything that falls due in it.
"""

from __future__ import annotations

import random
from collections import Counter
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dispatch import engine, intake
from dispatch.actors import Actor
from dispatch.categories import Catalogue
from dispatch.chain import verify
from dispatch.draws import Sampling
from dispatch.errors import NotAllowed
from dispatch.keys import case_keys, sees
from dispatch.model import Category
from dispatch.situation import Situation
from dispatch.states import ALIVE, ENDED, FINAL, STATES, TABLE
from dispatch.tasks import awaited_by, is_open
from storage.errors import Forbidden, HeyunError, Invalid
from storage.fields import FieldCipher, Keyring
from tests.dispatch.test_on_behalf import for_resident
from tests.dispatch.town import (
    CATEGORIES,
    CITIZEN,
    CLERK,
    DISPATCHER,
    LEADER,
    OPERATOR,
    START,
    SUPERVISOR,
    TEMPLATES,
    WALKER,
    actor,
    clerk_of,
    event,
    fill,
    is_fillable,
    rules,
    ticket,
)

CAST = (
    CITIZEN, CLERK, DISPATCHER, LEADER, OPERATOR, SUPERVISOR, WALKER, actor("grid_worker", "another"),
    actor("supervisor", "second"), actor("dispatcher", "other dispatcher"), actor("operator", "other operator"), actor("leader"),
    actor("grid_lead"), actor("org_coordinator"), *(clerk_of(unit) for unit in ("water1", "urban1", "town1", "water2")),
)  # fmt: skip
REPORTS = (
    (WALKER, event()), (WALKER, event(category="0501")), (WALKER, event(description="小区里有燃气味，很危险")),
    (OPERATOR, ticket()), (OPERATOR, ticket(appeal_type="complaint", file=False)), (OPERATOR, ticket(category="0902", file=True)),
    (OPERATOR, ticket(appeal_type="consult", file=False)), (CITIZEN, event()), (WALKER, event(category="0299")),
    (WALKER, for_resident()), (CITIZEN, ticket(channel="app", caller=None)),
)  # fmt: skip
SMALL = Category(code="0299", name="小修小补", urgency="normal", limit="2wd", self_handle=True)
TWO_CASES = frozenset(  # they need the other case too: `test_joining`, `test_joined_voices`
    {"merge", "unmerge", "let_go", "absorb", "join_same", "hear_answer", "hear_rating", "hear_appeal"}
)
ON_THE_WAY = (
    "file", "dispatch", "sign_in", "contact", "sign_off", "answer_supervise", "submit_result", "send_check", "to_visit", "close",
    "check_pass", "visit_ok", "verify", "resume", "decide_coordination", "record_receipt", "special_close",
    "propose_special_close",
)  # fmt: skip
ELSEWHERE = frozenset(  # what has a door of its own, is for a link, a message or another calendar; no unit here leads another
    {row.action for row in TABLE if row.roles == {"link"} or (not row.offered and "system" not in row.roles)}
    | {"submit", "reveal", "subdispatch", "text_caller", "recompute"}
)
LIVES, MOST_LIVES, STEPS = 20, 600, 90
MOST_TIMES = 5
CIPHER = FieldCipher(Keyring.generate())
_SERIAL = iter(range(10**9))

Case = dict[str, Any]


class Life(RuleBasedStateMachine):
    """One case and everybody who may want something of it."""

    def __init__(self) -> None:
        super().__init__()
        self.rules = rules()
        self.rules.joint_templates = TEMPLATES
        self.rules.catalogue = Catalogue((*CATEGORIES.all(), SMALL))
        self.rules.sampling = Sampling(self_handled=0.5, closed=0.5)
        self.now = START
        self.case: Case = {}

    @initialize(which=st.sampled_from(REPORTS))
    def report(self, which: Any) -> None:
        who, report = which
        number = next(_SERIAL)
        sensed = intake.sense(report, self.rules, self.now)
        self.case = intake.build_case(
            report, sensed, identity=f"{number:032x}", case_no=f"XC-{number}", digest="d", actor=who, now=self.now,
            rules=self.rules, cipher=CIPHER, duplicates=[],
        )  # fmt: skip

    # -- what may happen

    @rule(dice=st.randoms(use_true_random=True))
    def act(self, dice: random.Random) -> None:
        """Take something that is offered to somebody, with values at random. Rare actions come as often as common ones."""
        if pool := self._pool():
            self._take_one_of(pool[dice.choice(sorted(pool))], dice)

    @rule(who=st.sampled_from(CAST), row=st.sampled_from(TABLE))
    def try_what_is_not_offered(self, who: Actor, row: Any) -> None:
        """Whatever is not offered is refused, and nothing is left behind."""
        names = {(subject, action["name"]) for subject, _, action in self._offered(who, fillable=False)}
        hidden = not sees(who.scope, self.case["live"])  # then the service does not even say that there is such a case
        if hidden or (row.subject, row.action) in names or row.action in TWO_CASES:
            return
        items = self.case.get(f"{row.subject}s", []) if row.subject != "case" else [None]
        before = deepcopy(self.case)
        for item in items[-1:]:
            at = Situation(self.case, who, self.now, self.rules, item)
            with pytest.raises((NotAllowed, Forbidden)):
                engine.decide(at, row.action, {}, key=None, digest="", subject=row.subject)
        assert self.case == before

    @rule(minutes=st.sampled_from((1, 20, 60, 240, 1440, 3 * 1440, 20 * 1440)))
    def wait(self, minutes: int) -> None:
        """Time passes; the sweep does what has fallen due."""
        self.now += timedelta(minutes=minutes)
        self._apply(engine.catch_up(self.case, self.now, self.rules))
        again = engine.catch_up(self.case, self.now, self.rules)
        assert not again.entries, "a sweep that is repeated does nothing"

    # -- what holds always

    @invariant()
    def agrees_with_itself(self) -> None:
        if not self.case:
            return
        case, live = self.case, self.case["live"]
        assert live["state"] in STATES and live["open"] == (live["state"] in ALIVE)
        assert case["timeline"][-1]["to"] == live["state"]
        assert (case["closed_at"] is None) == live["open"]
        assert case["keys"] == case_keys(case) and case["head"]["seq"] == len(case["timeline"])

    @invariant()
    def leaves_no_work_open_behind_the_end(self) -> None:
        if self.case and not self.case["live"]["open"]:
            assert not [task for task in self.case["tasks"] if is_open(task)], self._told()
            waiting = [item["kind"] for item in self.case["requests"] if item["state"] == "pending"]
            assert waiting in ([], ["appeal"]), self._told()
            running = [clock["kind"] for clock in self.case["clocks"] if clock["done_at"] is None]
            assert not running or self.case["live"]["state"] == "transferred", self._told()

    @invariant()
    def keeps_the_order(self) -> None:
        """Whose turn has not come knows of nothing and waits for somebody; whoever has been given something has a time for it."""
        for task in self.case.get("tasks", ()):
            if task["state"] == "waiting":
                assert awaited_by(self.case, task), self._told()
                assert task["dispatched_at"] is None and task["due_at"] is None
                assert self.case["live"]["state"] in ("dispatched", "handling", "suspended", "coordinating"), self._told()
            elif task["unit"] and task["dispatched_at"] is not None:
                assert task["due_at"] > task["dispatched_at"]

    @invariant()
    def loses_no_time(self) -> None:
        for clock in self.case.get("clocks", ()):
            assert clock["started_at"] <= clock["due_at"] and clock["yellow_at"] <= clock["due_at"] <= clock["deep_red_at"]
            assert clock["done_at"] is None or clock["started_at"] <= clock["done_at"] <= self.now
            assert clock["done_at"] is not None or clock.get("paused_at") is None
        running = [clock["kind"] for clock in self.case.get("clocks", ()) if clock["done_at"] is None]
        assert len(set(running)) == len(running), " ".join(self._told())

    @invariant()
    def is_never_stuck(self) -> None:
        """Somebody can do something, or time will."""
        if self.case and self.case["live"]["state"] not in FINAL:
            alive = any(self._offered(who) for who in CAST) or self.case.get("timers") or self.case["next_light_at"]
            assert alive, self._told()

    def teardown(self) -> None:
        """Whatever has happened, those who mean well bring the case to an end; its chain is whole."""
        if not self.case:
            return
        taken: Counter[tuple[str, str]] = Counter()
        for _ in range(80):
            if not self.case["live"]["open"]:
                break
            self._go_on(taken)
        assert not self.case["live"]["open"], f"stuck in {self.case['live']['state']}: {self._told()}"
        assert verify(self.case["timeline"], self.case["_id"], head=self.case["head"]["hash"]) == []

    # -- how

    def _offered(self, who: Actor, *, fillable: bool = True) -> list[tuple[str, Case | None, Case]]:
        """Everything that is offered to somebody now: subject, item, action."""
        found: list[tuple[str, Case | None, Case]] = []
        parts = {name: self.case.get(f"{name}s", []) for name in ("task", "request", "need")}
        if not sees(who.scope, self.case["live"]):  # organizations find needs by a door of their own
            parts = {"need": parts["need"]} if who.role == "org_coordinator" else {}
        else:
            parts["case"] = [None]
        for subject, items in parts.items():
            for item in items:
                at = Situation(self.case, who, self.now, self.rules, item)
                found += [(subject, item, action) for action in engine.offer(at, subject)]
        return [one for one in found if one[2]["name"] not in TWO_CASES and (not fillable or is_fillable(one[2]))]

    def _pool(self) -> dict[str, list[tuple[Actor, str, Case | None, Case]]]:
        """Everything that is offered to anybody now, by the name of the action."""
        pool: dict[str, list[tuple[Actor, str, Case | None, Case]]] = {}
        for who in CAST:
            for subject, item, action in self._offered(who):
                pool.setdefault(action["name"], []).append((who, subject, item, action))
        return pool

    def _take_one_of(self, offers: list[tuple[Actor, str, Case | None, Case]], dice: random.Random) -> bool:
        who, subject, item, action = dice.choice(offers)
        return self._take(who, subject, item, action["name"], self._filled(action, dice))

    def _filled(self, action: Case, dice: random.Random) -> Case:
        values = fill(action)
        for field in action["fields"]:
            if field["type"] == "boolean" and dice.random() < 0.4:
                values[field["name"]] = dice.random() < 0.5
            elif field["type"] == "number" and (field["name"] in values or dice.random() < 0.5):
                values[field["name"]] = dice.randint(int(field.get("min", 1)), int(field.get("max", 5)))
            elif field["type"] == "units" and field["name"] not in values and field.get("options") and dice.random() < 0.5:
                values[field["name"]] = [dice.choice(list(field["options"]))]
            elif field["type"] in ("choice", "unit") and field["name"] in values and field.get("options"):
                values[field["name"]] = dice.choice(list(field["options"]))
        return values

    def _take(self, who: Actor, subject: str, item: Case | None, action: str, values: Case) -> bool:
        at, before = Situation(self.case, who, self.now, self.rules, item), deepcopy(self.case)
        try:
            decision = engine.decide(at, action, values, key=None, digest="", subject=subject)
        except Invalid as refused:  # values at random need not agree with each other
            assert refused.errors and self.case == before
            return False
        except HeyunError as refused:
            raise AssertionError(f"{action} was offered to {who.role} and refused: {refused.data}; {self._told()}") from refused
        assert decision.case["live"]["rev"] == before["live"]["rev"] + 1
        assert self.case == before, "what is stored is never changed in place"
        self._apply(decision)
        return True

    def _apply(self, decision: engine.Decision) -> None:
        timeline = [*self.case["timeline"], *decision.entries]
        self.case = {**decision.case, "timeline": timeline}

    def _go_on(self, taken: Counter[tuple[str, str]]) -> None:
        """One step towards the end, none too often in one state; when nobody can do anything, time passes."""
        state, pool = self.case["live"]["state"], self._pool()
        for name in ON_THE_WAY:
            for who, subject, item, action in pool.get(name, ()):
                if subject != "case" or taken[state, name] >= MOST_TIMES:
                    continue
                if self._take(who, subject, item, name, fill(action)):
                    taken[state, name] += 1
                    return
        self.wait(1440)

    def hasten(self, state: str) -> None:
        """Let those who mean well bring the case to a state that walks at random seldom come to, if it ever passes there."""
        taken: Counter[tuple[str, str]] = Counter()
        for _ in range(30):
            if self.case["live"]["state"] == state or not self.case["live"]["open"]:
                return
            self._go_on(taken)

    def _told(self) -> list[str]:
        return [f"{entry['action']}/{entry['actor']['role']}→{entry['to']}" for entry in self.case["timeline"]]


Life.TestCase.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
TestLife = Life.TestCase


@pytest.mark.slow
def test_life_when_played_long_takes_every_action_of_the_table() -> None:
    """Walks that go where nobody was yet: thousands of steps, after each of them everything holds."""
    dice, taken = random.Random(2026), Counter[str]()
    for number in range(MOST_LIVES):
        if number >= LIVES and not _never(taken):
            break
        life = _begun(number)
        for _ in range(STEPS):
            pool = life._pool()
            if not pool or dice.random() < 0.12:
                life.wait(dice.choice((1, 60, 240, 1440, 5 * 1440)))
            else:
                name = min(pool, key=lambda one: taken[one] * dice.random())
                if life._take_one_of(pool[name], dice):
                    taken[name] += 1
            for check in (
                life.agrees_with_itself, life.leaves_no_work_open_behind_the_end, life.keeps_the_order, life.loses_no_time,
                life.is_never_stuck,
            ):  # fmt: skip
                check()
            if life.case["live"]["state"] in FINAL:
                break
        taken.update(entry["action"] for entry in life.case["timeline"] if entry["actor"]["role"] == "system")
        life.teardown()
    assert not _never(taken), f"{sum(taken.values())} actions, never taken: {sorted(_never(taken))}"


def _begun(number: int) -> Life:
    """A life that has just begun, and every other time one that is asked how it went."""
    life = Life()
    life.report(REPORTS[number % len(REPORTS)])
    if number % 2:
        life.hasten("visiting")
    return life


def _never(taken: Counter[str]) -> set[str]:
    return {row.action for row in TABLE} - taken.keys() - TWO_CASES - ELSEWHERE


def test_states_when_listed_are_alive_or_ended() -> None:
    assert set(ALIVE) | set(ENDED) == set(STATES) and not set(ALIVE) & set(ENDED)
