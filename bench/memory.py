"""Memory: the resident set of one service process with the demo city loaded, after it has answered some reports."""

from __future__ import annotations

import json
from pathlib import Path

from bench.installation import console, free_port, installation, send
from bench.load import Job

__all__ = ["main", "rss_mb"]


def main() -> dict[str, float]:
    """Measure, print and return `rss_mb`."""
    with installation() as place:
        port = free_port()
        with place.process(["web.server"], port=port) as (service,):
            fresh = rss_mb(service.pid)
            job = Job(
                host="127.0.0.1", port=port, path="/api/v1/events", token=place.tokens["grid_worker"], connections=16,
                seconds=5, points=place.points(2000), categories=["0104", "0302", "0305"], seed=1,
            )  # fmt: skip
            outcome = send(job)
            used = rss_mb(service.pid)
    console.print(f"fresh {fresh:.0f} MB, after {outcome.count} reports {used:.0f} MB (≤ 250)")
    return {"rss_mb": round(used, 1), "rss_fresh_mb": round(fresh, 1)}


def rss_mb(pid: int | str) -> float:
    """Return the resident set of a process (`self`: this one) in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


if __name__ == "__main__":
    print(json.dumps(main()))
