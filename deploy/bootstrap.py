"""Sets up what a verb needs on a bare machine (environment, packages, mongod, front end, Chromium), each step once.

Runs on the machine's own Python with the standard library alone. Every step is skipped when its stamp says that it is
complete for the present inputs; a step that was cut off leaves no stamp and is done again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from deploy import checks, python_env, steps
from deploy.paths import ROOT, VENV_PYTHON

__all__ = ["main"]

HELP = """\
./heyun VERB [OPTIONS]        (./heyun VERB --help tells more)

  up                          set up everything and serve the demo city at http://127.0.0.1:8888
  test [fast] [ARGS]          set up what the tests need and run them (fast: at most 3 minutes)
  demo                        up, then a day of events and tickets through the HTTP API to closure
  serve [--processes N]       serve what is set up
  import PACK [--dry-run]     load a city pack
  replay FILE --pack PACK     send recorded requests through the intake API and compare with what was recorded
  user · token USER           accounts and bearer tokens
  audit verify                check every hash chain
  learn [--json]              learn from closed cases who handles what; a person switches it on
  bench [NAME] [--json]       measure
  lint                        ruff, mypy, import-linter, vue-tsc, eslint
  docs                        write the generated pages again
  doctor                      say what is there and what is missing
"""

SERVING = {"up", "demo", "serve", "replay"}
NEED_DATABASE = SERVING | {"import", "user", "token", "audit", "bench", "learn"}


def main(arguments: Sequence[str]) -> int:
    """Run one verb; the exit status is 0 only when it was done."""
    verb, rest = (arguments[0], list(arguments[1:])) if arguments else ("help", [])
    if verb in {"help", "-h", "--help"}:
        sys.stdout.write(HELP)
        return 0
    try:
        return _run(verb, rest)
    except steps.Missing as missing:
        sys.stderr.write(f"heyun: {missing}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _run(verb: str, rest: list[str]) -> int:
    os.chdir(ROOT)
    os.environ["HEYUN_STARTED_AT"] = str(time.time())
    if verb == "test":
        return checks.run_tests(rest)
    if verb == "lint":
        return checks.run_lint()
    python_env.ensure(dev=verb == "bench")
    if not {"-h", "--help"} & set(rest):
        _prepare(verb)
    return _hand_over([verb, *rest])


def _prepare(verb: str) -> None:
    if verb in NEED_DATABASE and not os.environ.get("HEYUN_MONGODB_URI"):
        steps.ensure_mongod()
    if verb in SERVING:
        steps.ensure_front_end(required=False)


def _hand_over(arguments: list[str]) -> int:
    """Become the service's own command line; on Linux in the same process, so that signals reach it directly."""
    command = [str(VENV_PYTHON), "-m", "web.cli", *arguments]
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(command[0], command)
    return subprocess.call(command)
