"""Which Python the environment is made with: a clearly faster one of the same version, or the one that is named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deploy import interpreters
from deploy.steps import Missing


@pytest.fixture
def pace(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[float, str] | None]:
    """What each path answers to the probe."""
    answers: dict[str, tuple[float, str] | None] = {}
    monkeypatch.setattr(interpreters, "_probed", answers.get)
    return answers


def test_fastest_when_another_is_clearly_faster_takes_that(pace: dict[str, tuple[float, str] | None]) -> None:
    pace |= {"own": (3.0, "/opt/own"), "other": (2.9, "/opt/other"), "usr": (2.0, "/usr")}
    assert interpreters.fastest(["own", "other", "usr"]) == "usr"


@pytest.mark.parametrize("other", [None, (2.8, "/usr"), (1.0, "/opt/own")], ids=["does not run", "hardly faster", "is the same"])
def test_fastest_when_no_other_is_clearly_faster_stays(
    pace: dict[str, tuple[float, str] | None], other: tuple[float, str] | None
) -> None:
    pace |= {"own": (3.0, "/opt/own"), "other": other}
    assert interpreters.fastest(["own", "other"]) == "own"


def test_fastest_when_the_present_one_cannot_be_timed_stays(pace: dict[str, tuple[float, str] | None]) -> None:
    pace |= {"own": None, "other": (1.0, "/usr")}
    assert interpreters.fastest(["own", "other"]) == "own"


def test_candidates_when_looked_for_begin_with_the_present_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    twin = tmp_path / "python{}.{}".format(*sys.version_info)
    twin.symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(interpreters.candidates()) == [sys.executable]


def test_chosen_when_the_named_one_does_not_run_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEYUN_PYTHON", "/nowhere/python3")
    with pytest.raises(Missing, match="HEYUN_PYTHON=/nowhere/python3"):
        interpreters.chosen()


def test_chosen_when_the_named_one_runs_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEYUN_PYTHON", sys.executable)
    assert interpreters.chosen() == sys.executable
