"""Signals of a text: categories by keywords, danger by words and by what stands around them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.city import params_of
from dispatch.signals import DangerWords, Keyword, Proposal, Signals
from dispatch.snapshots import danger_words

DANGER = danger_words(params_of({}))
SIGNALS = Signals(
    [
        Keyword("0201", "井盖", 2),
        Keyword("0201", "井盖缺失", 3),
        Keyword("0301", "占道", 2),
        Keyword("0601", "消防通道", 3),
        Keyword("0603", "消防", 1),
        Keyword("0303", "道堵", 3),
        Keyword("1501", "燃气", 1),
        Keyword("0205", "燃气", 1),
        Keyword("9001", "Noise", 2),
        Keyword("0103", "水", 0.5),
    ],
    DANGER,
)


def test_propose_category_when_words_overlap_then_longest_counts_alone() -> None:
    assert SIGNALS.propose_category("消防通道堵了") == [Proposal("0601", 0.6, ("消防通道",))]
    assert SIGNALS.propose_category("井盖缺失，另一个井盖破损") == [Proposal("0201", 0.7143, ("井盖缺失", "井盖"))]


def test_propose_category_when_sums_are_equal_then_smaller_code_first() -> None:
    assert [proposal.code for proposal in SIGNALS.propose_category("燃气费")] == ["0205", "1501"]


def test_propose_category_when_word_repeats_then_counts_once() -> None:
    assert SIGNALS.propose_category("井盖井盖井盖")[0].score == SIGNALS.propose_category("井盖")[0].score


def test_propose_category_when_latin_then_whole_words_in_any_case() -> None:
    assert [proposal.code for proposal in SIGNALS.propose_category("NOISE - Residential")] == ["9001"]
    assert SIGNALS.propose_category("noiseless") == []


def test_propose_category_when_nothing_is_known_then_nothing() -> None:
    assert (
        SIGNALS.propose_category("你好") == [] and SIGNALS.propose_category("") == [] and Signals().propose_category("井盖") == []
    )


@given(st.text(alphabet="消防通道堵井盖缺失占燃气水了，no ise", max_size=40))
def test_propose_category_when_any_text_then_at_most_three_and_ordered(text: str) -> None:
    found = SIGNALS.propose_category(text)
    assert len(found) <= 3 and found == SIGNALS.propose_category(text)
    assert [proposal.score for proposal in found] == sorted((proposal.score for proposal in found), reverse=True)
    assert all(
        0 < proposal.score < 1 and all(word in text.lower() or word in text for word in proposal.words) for proposal in found
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("楼道里有燃气味", ("燃气味",)),
        ("疑似燃气泄漏", ("燃气泄漏",)),
        ("有没有人被困不清楚", ("被困",)),
        ("是不是燃气味", ("燃气味",)),
        ("路面没有防护，容易触电", ("触电",)),
        ("防止再次塌陷", ("塌陷",)),
        ("路面塌陷，避免坠入", ("塌陷",)),
        ("群体上访", ("群体",)),
        ("未发生爆炸，但着火了", ("着火",)),
        ("老人走失，有人持刀，老人走失", ("走失", "持刀")),
        ("Smell of GAS in the hall", ("smell of gas",)),
        ("预防工作没做好，昨天有人触电", ("触电",)),
        ("有人坠楼", ("坠楼",)),
        ("小孩溺水", ("溺水",)),
    ],
)
def test_emergency_words_when_danger_is_told_then_found(text: str, words: tuple[str, ...]) -> None:
    assert SIGNALS.emergency_words(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "没有燃气味",
        "无人被困",
        "未发生爆炸",
        "排除塌陷",
        "防止触电",
        "避免发生爆炸",
        "防溺水",
        "爆炸演练",
        "溺水宣传",
        "弱势群体",
        "小狗走失",
        "井盖缺失",
        "",
    ],
)
def test_emergency_words_when_denied_prevented_or_meant_otherwise_then_none(text: str) -> None:
    assert SIGNALS.emergency_words(text) == ()


def test_emergency_words_when_city_sets_its_own_then_they_hold() -> None:
    assert Signals((), DangerWords(words=("凝冻",))).emergency_words("道路凝冻") == ("凝冻",)


def test_signals_when_called_often_then_fast() -> None:
    keywords = [Keyword(f"{n:04}", f"{chr(0x4E00 + n)}{chr(0x4E00 + n * 7 % 900)}词", 2) for n in range(1000)]
    signals = Signals([*keywords, Keyword("0201", "井盖缺失", 3)], DANGER)
    text = (
        "云岩区中华北路小区门口井盖缺失，行人经过非常危险，希望有关部门尽快派人到现场来处理，谢谢，已有多名老人和小孩差点掉下去"
    )
    assert signals.propose_category(text)[0].code == "0201"
    best = min(_timed(signals, text) for _ in range(5))
    assert best < 60e-6, f"{best * 1e6:.1f} µs"  # both together 15-20 µs measured; room for a busy machine


def _timed(signals: Signals, text: str) -> float:
    began = time.perf_counter()
    for _ in range(1000):
        signals.propose_category(text)
        signals.emergency_words(text)
    return (time.perf_counter() - began) / 1000
