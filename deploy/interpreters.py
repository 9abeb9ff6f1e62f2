"""Which of the machine's Pythons the environment is made with: the fastest of the version that `./heyun` runs on.

Distributions build theirs with profile-guided optimization, which those built by version managers mostly are not: the same
Python by half again as slow, and nearly all that the service does is Python. `HEYUN_PYTHON` names another one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

from deploy.steps import Missing

__all__ = ["candidates", "chosen", "fastest"]

ROUNDS = 3  # in turn, so that what else the machine does hits all
CLEARLY = 0.85  # of the time that the present one takes; a smaller gain is not worth another Python than the one asked for

# Makes, formats and sorts dicts as the service does, for some hundredths of a second; fails where no environment can be made.
_PROBE = """
import ensurepip, ssl, sys, time, venv
def work():
    made = {f"k{n}": {"a": n, "b": [n, n + 1], "c": str(n)} for n in range(300)}
    return sorted(made.items(), key=lambda item: -item[1]["a"])[:5]
def taken():
    begin = time.perf_counter()
    for _ in range(20):
        work()
    return time.perf_counter() - begin
print(min(taken() for _ in range(7)), sys.base_prefix)
"""


def chosen() -> str:
    """Return the path of the Python to make the environment with. Raises `Missing` for a `HEYUN_PYTHON` that does not do."""
    named = os.environ.get("HEYUN_PYTHON")
    if not named:
        return fastest(list(candidates()))
    if _probed(named) is None:
        raise Missing(f"HEYUN_PYTHON={named}: it does not run or lacks venv and ssl; name a Python 3.11 or later that has them.")
    return named


def candidates() -> Iterator[str]:
    """Give the Python that runs now, then those of the same version on the PATH, each once."""
    yield sys.executable
    seen = {os.path.realpath(sys.executable)}
    name = "python{}.{}".format(*sys.version_info)
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        path = shutil.which(name, path=folder) if folder else None
        if path and os.path.realpath(path) not in seen:
            seen.add(os.path.realpath(path))
            yield path


def fastest(paths: list[str]) -> str:
    """Return the first of the paths, or another one that is clearly faster and can make an environment."""
    if len(paths) == 1:
        return paths[0]
    path_of: dict[str, str] = {}  # by where it is installed: some of the paths are other names of one
    best: dict[str, float] = {}
    for path in paths * ROUNDS:
        if (found := _probed(path)) is not None:
            seconds, home = found
            path_of.setdefault(home, path)
            best[home] = min(seconds, best.get(home, seconds))
    present = next((home for home, path in path_of.items() if path == paths[0]), None)
    if present is None:
        return paths[0]
    winner = min(best, key=best.__getitem__)
    return path_of[winner] if best[winner] < CLEARLY * best[present] else paths[0]


def _probed(path: str) -> tuple[float, str] | None:
    """Return how long a Python takes for the probe and where it is installed; None where it does not run, is too old or cannot
    make an environment."""
    check = f"import sys; sys.exit(sys.version_info < {(3, 11)!r})"
    try:
        subprocess.run([path, "-c", check], capture_output=True, check=True, timeout=30)
        done = subprocess.run([path, "-I", "-c", _PROBE], capture_output=True, text=True, check=True, timeout=30)
        seconds, _, home = done.stdout.strip().partition(" ")
        return float(seconds), home
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
