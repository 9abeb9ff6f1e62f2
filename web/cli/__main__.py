"""`python -m web.cli VERB`: what the launcher hands over to."""

from __future__ import annotations

import importlib
import sys

import click

from storage.errors import HeyunError

# verb → module and command; loaded on use, so that one verb's needs never slow another down.
VERBS = {
    "up": "web.cli.serving:up",
    "serve": "web.cli.serving:serve",
    "demo": "web.cli.demo:demo",
    "import": "web.cli.packs:import_pack",
    "replay": "web.cli.packs:replay",
    "user": "web.cli.accounts:user",
    "token": "web.cli.accounts:token",
    "territory": "web.cli.territory:territory",
    "deliveries": "web.cli.deliveries:deliveries",
    "audit": "web.cli.audit:audit",
    "learn": "web.cli.learn:learn",
    "bench": "web.cli.bench:bench",
    "docs": "web.cli.pages:docs",
    "doctor": "web.cli.doctor:doctor",
}


class Verbs(click.Group):
    """The verbs, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.command(cls=Verbs, name="heyun")
def cli() -> None:
    """和云 Heyun."""


def main() -> None:
    """Run a verb; what is wrong is said in one line on standard error, with exit status 1."""
    try:
        cli(prog_name="./heyun")
    except HeyunError as error:
        lines = [str(error), *(f"  {line}" for line in _explained(error))]
        click.echo("heyun: " + "\n".join(lines), err=True)
        sys.exit(1)


def _explained(error: HeyunError) -> list[str]:
    return [
        " ".join(
            part
            for part in (item.file or "", f"row {item.row}" if item.row else "", item.field, f"{item.code}: {item.message}")
            if part
        )
        for item in error.errors[:40]
    ] + ([f"… and {len(error.errors) - 40} more"] if len(error.errors) > 40 else [])


if __name__ == "__main__":
    main()
