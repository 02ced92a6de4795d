"""`cloudtill`: the one program, and the only package that sees all services."""

import os
import sys
from importlib import import_module
from typing import Final, cast

import typer

from services.cli.console import Failure, errors
from shared.log import hush_libraries

COMMANDS: Final = {
    "demo": "demo:demo",
    "up": "up:up",
    "run": "run:run",
    "migrate": "setup:migrate",
    "topology": "setup:topology",
    "users": "users:app",
    "publish": "publish:publish",
    "tick": "publish:tick",
    "message": "message:message",
    "show": "show:show",
    "dead": "dead:app",
    "audit": "audit:audit",
    "usage": "usage:app",
    "top": "top:top",
    "watch": "watch:watch",
    "citus": "citus:citus",
    "asyncapi": "documents:asyncapi",
    "openapi": "documents:openapi",
}
"""Where each command is: its module in this package, and its name there."""


def program(asked: str | None) -> typer.Typer:
    """The program, with all of its commands or only the one that is asked for: a worker then starts
    without the code of the others."""
    app = typer.Typer(
        name="cloudtill",
        help="The billing of a cloud with prepaid and postpaid users, as services over RabbitMQ.",
        epilog="Settings are in the environment: CLOUDTILL_AMQP_URL, CLOUDTILL_DATABASE_URL, ...",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_nothing)
    for name in [asked] if asked in COMMANDS else COMMANDS:
        module, _, attribute = COMMANDS[name].partition(":")
        command = getattr(import_module(f"services.cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _nothing() -> None:
    """The program does nothing without a command."""


_UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])
"""What a command line that makes no sense raises; typer's name for it is not public."""


def main() -> None:
    """Run the program: exit 0, 1 where it could not do what it should, 2 where it made no sense."""
    hush_libraries()
    try:
        app = program(sys.argv[1] if len(sys.argv) > 1 else None)
        code = app(standalone_mode=False, prog_name="cloudtill")
        sys.stdout.flush()
    except _UsageError as error:
        errors.print(_one_line_of(error))
        sys.exit(2)
    except typer.Abort:
        sys.exit(130)
    except Failure as failure:
        errors.print(f"cloudtill: {failure}")
        sys.exit(failure.code)
    except BrokenPipeError:  # whoever reads us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(code or 0)


def _one_line_of(error: typer.BadParameter) -> str:
    """What is wrong with a command line; all of the help where there is no command in it."""
    message = error.format_message()
    if message.startswith("Usage:"):
        return message
    where = f" ({error.ctx.command_path} --help shows how)" if error.ctx else ""
    return f"cloudtill: {message}{where}"
