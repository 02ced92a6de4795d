"""`cloudtill`: the one program, and the only package that sees all services."""

import os
import sys
from typing import cast

import typer

from services.cli import (
    audit,
    dead,
    demo,
    documents,
    publish,
    run,
    setup,
    show,
    top,
    up,
    users,
    watch,
)
from services.cli.console import Failure, errors
from shared.log import hush_libraries

app = typer.Typer(
    name="cloudtill",
    help="The billing of a cloud with prepaid and postpaid users, as services over RabbitMQ.",
    epilog="Settings come from the environment: CLOUDTILL_AMQP_URL, CLOUDTILL_DATABASE_URL, ...",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo.demo)
app.command()(up.up)
app.command()(run.run)
app.command()(setup.migrate)
app.add_typer(setup.topology, name="topology")
app.add_typer(users.app, name="users")
app.command()(publish.publish)
app.command()(publish.tick)
app.command()(show.show)
app.add_typer(dead.app, name="dead")
app.command()(audit.audit)
app.command()(top.top)
app.command()(watch.watch)
app.command()(documents.asyncapi)


_UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])
"""What a command line that makes no sense raises; typer's name for it is not public."""


def main() -> None:
    """Run the program: exit 0, 1 where it could not do what it should, 2 where it made no sense."""
    hush_libraries()
    try:
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
