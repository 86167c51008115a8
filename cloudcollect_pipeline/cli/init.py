"""`init`: settings to fill in, and the declaration that a company was never run before."""

import os
import re
import sys
from pathlib import Path

import typer

from cloudcollect_pipeline.cli import context
from cloudcollect_pipeline.cli.exits import BLOCKED, OK, USAGE, Stop
from cloudcollect_pipeline.cli.people import desk
from cloudcollect_pipeline.cli.screen import command, say
from cloudcollect_pipeline.settings import FILE_NAME, FILE_VARIABLE, template

DEFAULT = "my_company"
SLUG = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")


def write(slug: str | None, name: str | None) -> int:
    """Write a `cloudcollect.toml` to fill in; never over one that is there."""
    file = Path(os.environ.get(FILE_VARIABLE) or FILE_NAME).expanduser()
    if file.exists():
        raise Stop(f"{file} is there already and is not overwritten; add a section to it, or move it away", USAGE)
    asks = sys.stdin.isatty() and sys.stdout.isatty()
    if slug is None:
        slug = typer.prompt("Short name of the company (a-z, 0-9, -)", default=DEFAULT) if asks else DEFAULT
    if not SLUG.fullmatch(slug):
        raise Stop(f"{slug} cannot be a short name: only a-z, 0-9 and single - or _ between them", USAGE)
    if name is None:
        name = typer.prompt("Its name", default="") if asks else ""
    # The template's first name is the company's; TOML reads a JSON text as it stands.
    text = template(slug).replace('\nname = ""', f"\nname = {_quoted(name)}", 1)
    try:
        context.write_private(file, text, replace=False)
    except FileExistsError:
        raise Stop(f"{file} has just been made by somebody else and is not overwritten", USAGE) from None
    call = command()
    say(
        f"{file} is written; only you may read it.",
        "  1  fill in what is empty: addresses, tenant, accounts, go-live; put each secret in a file (chmod 600)",
        f"  2  {call} doctor            says what is missing or wrong, and how to mend it",
        f"  3  {call} init --first-run  if this pipeline has never sent anything for the company",
        f"  4  {call} plan --make       reads both sides and sends nothing",
        f"  5  {call} approve HASH      sends exactly that plan",
        f"A stand-in for either side can be written from the contracts in docs/; {call} sandbox serves both.",
    )
    return OK


def first_run(slug: str | None) -> int:
    """Declare that the company was never run before, which ends the quiet time of its new journal."""
    with desk(slug) as made:
        journal = made.journal
        if "declared_new" in journal.meta():
            say(f"{made.slug} was declared new already")
            return OK
        if journal.effects() or any(event["kind"] == "restored" for event in journal.events("journal")):
            raise Stop(
                f"{made.slug} has been run before: its journal knows effects or was restored. The quiet time stands; "
                "it ends 12 hours after both sides were first read whole",
                BLOCKED,
            )
        journal.declare_new(made.at, made.who)
        say(f"{made.slug} is declared new: nothing can be out there that its journal does not know")
    return OK


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
