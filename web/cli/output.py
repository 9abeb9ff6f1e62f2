"""How the verbs speak: one line for each step with the time it took, tables at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

__all__ = ["console", "step"]

console = Console(highlight=False, soft_wrap=True)


@contextmanager
def step(title: str, out: Console = console) -> Iterator[None]:
    """Print what is being done and, when it is done, how long it took."""
    out.print(f"  · {title} … ", end="")
    out.file.flush()
    started = time.monotonic()
    try:
        yield
    except BaseException:
        out.print("failed")
        raise
    out.print(f"{time.monotonic() - started:.1f} s")
