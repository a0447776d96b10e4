"""`emendo`: gather the commands, run one, and turn a user's mistake into one sentence and exit code 2."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from emendo import __version__
from emendo.errors import EmendoError
from emendo.registry import Registry

COMMANDS = Registry("emendo.cli.commands", "command")


def build_app() -> typer.Typer:
    """The command-line application with every command that the registry finds."""
    app = typer.Typer(
        name="emendo",
        help="Find, fix and vouch for the facts inside language models.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def root(
        version: Annotated[
            bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
        ] = False,
    ) -> None:
        pass

    for name in COMMANDS.names():
        app.command(name.replace("_", "-"))(COMMANDS.get(name).command)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exits with 0, 1 (a command's own verdict), 2 (bad input) or 130 (interrupted)."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    # Threads that spin long while they wait crawl where another program shares the processor; those that do not spin at all
    # sleep and wake between small products, which takes half as long again.
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    logging.basicConfig(format="%(message)s")
    logging.getLogger("emendo").setLevel(logging.INFO)
    try:
        build_app()(arguments)
    except EmendoError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.strerror or error} ({error.filename})." if error.filename else f"{error}.")
    except KeyboardInterrupt:
        sys.exit(130)


def _print_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"emendo {__version__}")
        raise typer.Exit
    # What an option's callback returns becomes the option's value.
    return wanted


def _fail(sentence: str) -> None:
    Console(stderr=True).print(Text.assemble(("emendo: ", "bold red"), sentence), soft_wrap=True)
    sys.exit(2)
