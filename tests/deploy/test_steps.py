"""Setting up a bare machine: what is decided before anything is fetched."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import steps
from deploy.paths import ROOT


def test_doctests_of_the_steps_when_run_then_hold() -> None:
    assert doctest.testmod(steps).failed == 0


def test_digest_when_a_file_changes_then_differs(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    two.write_text("b")
    before = steps.digest([one, two])
    assert steps.digest([two, one]) == before
    two.write_text("c")
    assert steps.digest([one, two]) != before


def test_run_when_the_command_fails_then_says_the_remedy_and_the_last_lines() -> None:
    with pytest.raises(steps.Missing, match=r"(?s)install it by hand.*ended with 3.*no such thing"):
        steps.run([sys.executable, "-c", "print('no such thing'); raise SystemExit(3)"], remedy="install it by hand")


def test_launcher_when_asked_for_help_then_lists_the_verbs_without_setting_anything_up(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, ROOT / "heyun", "--help"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert all(verb in done.stdout for verb in ("up", "test", "demo", "serve", "import", "replay", "bench", "doctor"))
