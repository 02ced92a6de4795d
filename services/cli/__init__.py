"""`cloudtill`: the one program, and the only package that sees all services."""

import sys

import click
import typer

from services.cli import audit, dead, demo, documents, publish, run, setup, show
from services.cli.console import Failure, errors

app = typer.Typer(
    name="cloudtill",
    help="The billing of a cloud with prepaid and postpaid users, as services over RabbitMQ.",
    epilog="Settings come from the environment: CLOUDTILL_AMQP_URL, CLOUDTILL_DATABASE_URL, ...",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo.demo)
app.command()(run.run)
app.command()(setup.migrate)
app.add_typer(setup.topology, name="topology")
app.command()(publish.publish)
app.command()(publish.tick)
app.command()(show.show)
app.add_typer(dead.app, name="dead")
app.command()(audit.audit)
app.command()(documents.asyncapi)


def main() -> None:
    """Run the program: exit 0, 1 where it could not do what it should, 2 where it made no sense."""
    try:
        code = app(standalone_mode=False)
    except click.UsageError as error:
        where = f" ({error.ctx.command_path} --help shows how)" if error.ctx else ""
        errors.print(f"cloudtill: {error.format_message()}{where}")
        sys.exit(2)
    except click.exceptions.Abort:
        sys.exit(130)
    except Failure as failure:
        errors.print(f"cloudtill: {failure}")
        sys.exit(failure.code)
    sys.exit(code or 0)
