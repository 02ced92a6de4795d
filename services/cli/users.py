"""`cloudtill users`: a user a service, who can do what that service must and no more."""

import asyncpg
import httpx
import typer
from yarl import URL

from services.cli.console import (
    Failure,
    Json,
    console,
    database,
    finish,
    print_json,
    settings,
    table,
)
from services.cli.watch import USER as WATCH
from services.registry import SCHEMAS, SERVICES
from shared.service import Service
from shared.settings import ServiceAddresses
from shared.users import (
    BadUser,
    Login,
    Rights,
    administering,
    apply_reader_to_postgres,
    apply_to_postgres,
    apply_to_rabbitmq,
)

app = typer.Typer(
    help="A user a service on RabbitMQ and in Postgres.", no_args_is_help=True, name="users"
)


_NAMES = [service.name for service in SCHEMAS]


@app.command()
def apply() -> None:
    """Make the users that the services' own addresses name, with their passwords and rights.

    CLOUDTILL_WALLET_AMQP_URL and CLOUDTILL_WALLET_DATABASE_URL, and the same for every service, say
    which; CLOUDTILL_WATCH_DATABASE_URL is who reads all of them. Needs CLOUDTILL_MANAGEMENT_URL
    and CLOUDTILL_DATABASE_URL as administrator. May be run again at any time: so a password is
    changed. Run `migrate` and `topology apply` first.
    """
    addresses = {name: ServiceAddresses.of(name) for name in (*_NAMES, WATCH)}
    if not any(one.amqp_url or one.database_url for one in addresses.values()):
        raise Failure("no service has an address of its own, such as CLOUDTILL_WALLET_AMQP_URL")
    for line in finish(_apply(addresses)):
        console.print(line)


async def _apply(addresses: dict[str, ServiceAddresses]) -> list[str]:
    done: list[str] = []
    try:
        for service in SCHEMAS:
            own = addresses[service.name]
            if own.amqp_url:
                url = own.amqp_url.get_secret_value()
                done.append(await _on_rabbitmq(service, url))
            if own.database_url:
                url = own.database_url.get_secret_value()
                done.append(await _in_postgres(service, url))
        if watching := addresses[WATCH].database_url:
            done.append(await _reader_in_postgres(watching.get_secret_value()))
    except BadUser as error:
        raise Failure(str(error), code=2) from None
    except httpx.HTTPStatusError as error:
        raise Failure(f"RabbitMQ's management API refused: {error.response.status_code}") from None
    except httpx.HTTPError as error:
        raise Failure(
            f"no answer from RabbitMQ's management API ({type(error).__name__});"
            " is CLOUDTILL_MANAGEMENT_URL right?"
        ) from None
    return done


async def _on_rabbitmq(service: Service, url: str) -> str:
    login = Login.of(url, f"CLOUDTILL_{service.name.upper()}_AMQP_URL")
    host = URL(url).path[1:] or "/"
    async with administering(settings().management_url.get_secret_value()) as client:
        await apply_to_rabbitmq(client, host, login, service)
    return f"{service.name}: RabbitMQ user {login.name}"


async def _in_postgres(service: Service, url: str) -> str:
    login = Login.of(url, f"CLOUDTILL_{service.name.upper()}_DATABASE_URL")
    async with database() as db:
        try:
            await apply_to_postgres(db, login, service)
        except asyncpg.UndefinedObjectError:
            raise Failure(
                f"{service.name} has no role yet; run `cloudtill migrate` first"
            ) from None
    return f"{service.name}: Postgres user {login.name}"


async def _reader_in_postgres(url: str) -> str:
    login = Login.of(url, f"CLOUDTILL_{WATCH.upper()}_DATABASE_URL")
    async with database() as db:
        await apply_reader_to_postgres(db, login)
    return f"{WATCH}: Postgres user {login.name}, who reads every schema"


@app.command()
def rights(as_json: Json = False) -> None:
    """Show what each service's user may do on RabbitMQ, as its regular expressions."""
    rows = []
    for name, service in {**SERVICES, **{one.name: one for one in SCHEMAS}}.items():
        may = Rights.of(service)
        rows.append(
            {"service": name, "reads": may.read, "says": may.says, "puts_back": may.puts_back}
        )
    if as_json:
        print_json(rows)
    else:
        table("Rights", rows)
