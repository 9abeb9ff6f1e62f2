"""`./heyun test` and `./heyun lint`: what they need, set up; then the tools themselves, whose own summary comes last."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy import python_env, steps
from deploy.paths import UI, VENV, VENV_PYTHON

__all__ = ["run_lint", "run_tests"]

FAST = "not slow and not browser and not faults"
# Much of a test is waiting: two abreast take little more than half the time on two cores.
ABREAST = ("--numprocesses", "auto", "--maxprocesses", "4", "--dist", "worksteal")


def run_tests(arguments: Sequence[str]) -> int:
    """Set up what the tests need and run them; never looks at a configured database.

    All tests run abreast, those that are chosen by arguments for pytest in one process, where a debugger can be asked for.
    """
    rest = list(arguments)
    fast = bool(rest) and rest[0] == "fast"
    python_env.ensure(dev=True)
    if not os.environ.get("HEYUN_TEST_MONGODB_URI"):
        steps.ensure_mongod()
    if len(rest) <= fast:
        rest += ABREAST
    if fast:
        rest = ["-m", FAST, *rest[1:]]
    else:
        steps.ensure_front_end(required=True)
        steps.ensure_chromium()
        _unit_tests_of_front_end()
    sys.stdout.flush()
    env = {name: value for name, value in os.environ.items() if name != "HEYUN_MONGODB_URI"}
    return subprocess.call([str(VENV_PYTHON), "-m", "pytest", *rest], env=env)


def _unit_tests_of_front_end() -> None:
    env = steps.ensure_modules()
    with steps.step("front end: unit tests"):
        steps.run(["npm", "run", "test", "--silent"], cwd=UI, env=env, remedy="The front end's unit tests fail.")


def run_lint() -> int:
    """Run every linter, all of them even when one complains; 0 when none does."""
    python_env.ensure(dev=True)
    node = steps.ensure_modules()
    tools = VENV / "bin"
    failed = [
        title
        for title, command, cwd in (
            ("ruff", [tools / "ruff", "check", "."], None),
            ("ruff format", [tools / "ruff", "format", "--check", "."], None),
            ("mypy", [tools / "mypy"], None),
            ("import-linter", [tools / "lint-imports"], None),
            ("vue-tsc", ["npm", "run", "--silent", "typecheck"], UI),
            ("eslint", ["npm", "run", "--silent", "lint"], UI),
        )
        if not _passes(title, command, cwd, node)
    ]
    sys.stdout.write(f"lint: {'clean' if not failed else 'complaints from ' + ', '.join(failed)}\n")
    return 1 if failed else 0


def _passes(title: str, command: Sequence[str | Path], cwd: Path | None, node: dict[str, str]) -> bool:
    sys.stdout.write(f"── {title}\n")
    sys.stdout.flush()
    return subprocess.call([str(part) for part in command], cwd=cwd, env={**os.environ, **node}) == 0
