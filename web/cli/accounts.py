"""`./heyun user` and `./heyun token`: accounts and bearer tokens, on the machine itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click
from rich.table import Table

from orgs.accounts import Accounts
from orgs.passwords import generate_password
from orgs.people import PARTNER_AGENCIES, PERSON_ROLES, PROGRAM_ROLES, Person
from orgs.store import PEOPLE
from web.cli.output import console
from web.cli.session import borrowed
from web.settings import load

__all__ = ["token", "user"]

T = TypeVar("T")


@click.group()
def user() -> None:
    """List, add and close accounts; set passwords."""


@user.command("list")
def list_users() -> None:
    """Show all accounts; never anything secret."""
    table = Table("username", "demo", "closed")
    for account in _run(lambda accounts: accounts.list_accounts()):
        table.add_row(account["_id"], "yes" if account.get("demo") else "", str(account.get("disabled_at") or ""))
    console.print(table)


@user.command()
@click.argument("username")
@click.option(
    "--role", type=click.Choice((*PERSON_ROLES, *PROGRAM_ROLES)), help="For somebody who is not in the table of people."
)
@click.option("--name", default="", help="The name to show.")
@click.option("--unit", default="", help="Code of the unit.")
@click.option("--source", default="", help="For a program: the name of its system, which enters the ids of its cases.")
@click.option("--agency", type=click.Choice(PARTNER_AGENCIES), help="For a partner: whose cases it sees and answers.")
def add(username: str, role: str | None, name: str, unit: str, source: str, agency: str | None) -> None:
    """Make an account and print its first password (a program gets none: ./heyun token USERNAME)."""
    program = role in PROGRAM_ROLES
    password = None if program else generate_password()
    person = (
        Person(username=username, name=name or username, role=role, unit=unit, source=source or username, agency=agency or "")
        if role
        else None
    )

    async def work(accounts: Accounts) -> None:
        await accounts.create_account(username, password, person=person)

    _run(work, needs_person=None if role else username)
    click.echo(password or f"{username} is there; ./heyun token {username} makes a token")


@user.command()
@click.argument("username")
def password(username: str) -> None:
    """Set a new generated password, print it, and end all sessions of the account."""
    new = generate_password()
    _run(lambda accounts: accounts.set_password(username, new))
    click.echo(new)


@user.command()
@click.argument("username")
def close(username: str) -> None:
    """Close an account: nobody can sign in, its sessions and tokens end."""
    _run(lambda accounts: accounts.disable(username))
    click.echo(f"{username} is closed")


@click.command()
@click.argument("username")
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 3650), help="How long it is good for.")
@click.option("--label", default="", help="What it is for, shown in lists.")
def token(username: str, days: int, label: str) -> None:
    """Make a bearer token for an account and print it; it is shown this once and stored hashed."""
    click.echo(_run(lambda accounts: accounts.issue_token(username, label, days)))


def _run(work: Callable[[Accounts], Awaitable[T]], *, needs_person: str | None = None) -> T:
    async def run() -> T:
        async with borrowed(load()) as database:
            if needs_person and await database.find_one(PEOPLE, {"_id": needs_person}) is None:
                raise click.UsageError(f"{needs_person} is not in the table of people: give --role")
            accounts = Accounts(database)
            try:
                return await work(accounts)
            finally:
                accounts.close()

    return asyncio.run(run())
