"""The commands and their options. Each imports what it needs when it is called, so that `--help` is instant."""

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="cloudcollect",
    help="Receivables, collection cases and a suspense account, mirrored between an ERP and an agency every night.",
    epilog="Exit codes: 0 done, 1 error, 2 usage, 3 needs a person, 4 blocked by a guard.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if sys.stdout.isatty() else None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Seed = Annotated[int, typer.Option(help="Another seed makes another world.")]


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    """Receivables, collection cases and a suspense account, mirrored between an ERP and an agency every night."""
    if version:
        from cloudcollect_pipeline import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.command()
def demo(
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Write to this new folder instead of data/demo.")
    ] = None,
    seed: Seed = 7,
) -> None:
    """The whole story on a sandbox in half a minute; ends with the books tied."""
    from cloudcollect_pipeline.cli import demo as story

    raise typer.Exit(story.run(keep, seed))
