"""`cloudtill dead`: messages that could not be handled."""

import getpass
import json
from typing import Annotated

import typer

from services.cli.console import (
    Failure,
    Json,
    console,
    database,
    finish,
    print_json,
    readable,
    schema,
    table,
)
from services.registry import SERVICES
from shared import dead_letters
from shared.database import Row
from shared.dead_letters import Decision

app = typer.Typer(
    help="Messages that could not be handled: look at them, replay them, or discard them.",
    no_args_is_help=True,
)

Service = Annotated[str | None, typer.Option("--service", help="Only this service's.")]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SERVICE:NUMBER]...", help="Such as billing:12, as `list` shows them."),
]
Reason = Annotated[str | None, typer.Option("--reason", help="Only with this reason.")]
By = Annotated[
    str | None, typer.Option("--by", help="Who decides.", show_default="whoever runs this")
]
Because = Annotated[str | None, typer.Option("--because", help="Why, for those who look later.")]

_NAME_AT_MOST = 200
_REASON_AT_MOST = 2_000


@app.command("list")
def list_(
    service: Service = None,
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Of each service.")] = 50,
    as_json: Json = False,
) -> None:
    """List what waits for a decision, oldest first."""
    rows = finish(_list(service, reason, limit))
    shown = [
        {
            "name": f"{of}:{row['number']}",
            "type": row["type"],
            "id": row["message_id"],
            "reason": row["reason"],
            "detail": row["detail"],
            "died_at": row["died_at"],
        }
        for of, row in rows
    ]
    if as_json:
        print_json(shown)
    else:
        table("Dead letters", shown, empty="none; nothing waits for you")


async def _list(service: str | None, reason: str | None, limit: int) -> list[tuple[str, Row]]:
    chosen = _chosen(service)
    async with database() as db:
        found: list[tuple[str, Row]] = []
        for name in chosen:
            async with schema(db, name):
                rows = await dead_letters.list_dead_letters(db, reason=reason, limit=limit)
            found += ((name, row) for row in rows)
        return found


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="SERVICE:NUMBER", help="Such as billing:12.")],
    as_json: Json = False,
) -> None:
    """Show one with its body and the properties it came with."""
    service, number = _parsed(name)
    row = finish(_find(service, number))
    if row is None:
        raise Failure(f"there is no dead letter {name}; `cloudtill dead list` shows them")
    body = row["body"].decode(errors="backslashreplace")
    shown = {**row, "body": body, "properties": row["properties"]}
    if as_json:
        print_json(shown)
        return
    for field, value in shown.items():
        if field != "body":
            console.print(f"[dim]{field.replace('_', ' '):>13}[/]  ", end="")
            console.print(readable(value), markup=False)
    console.print(_pretty(body), markup=False)


def _pretty(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body[:10_000]


async def _find(service: str, number: int) -> Row | None:
    async with database() as db, schema(db, service):
        return await dead_letters.find_dead_letter(db, number)


@app.command()
def replay(
    names: Names = None,
    service: Service = None,
    reason: Reason = None,
    all_: Annotated[bool, typer.Option("--all", help="All that `list` shows.")] = False,
    by: By = None,
    because: Because = None,
) -> None:
    """Put dead letters back on their queue, as if they came for the first time.

    Example: cloudtill dead replay billing:12 --because "the price was published meanwhile"
    """
    decision = _decision(by, because)
    done = finish(_conclude(names or [], service, reason, all_, decision, discard=False))
    console.print(f"replayed {done}; workers take them up within a second")


@app.command()
def discard(
    names: Names = None,
    service: Service = None,
    reason: Reason = None,
    all_: Annotated[bool, typer.Option("--all", help="All that `list` shows.")] = False,
    by: By = None,
    because: Because = None,
) -> None:
    """Conclude dead letters without handling them. They stay in the table, marked.

    Example: cloudtill dead discard wallet:3 --because "a test of the gateway's, no money came"
    """
    decision = _decision(by, because)
    done = finish(_conclude(names or [], service, reason, all_, decision, discard=True))
    console.print(f"discarded {done}")


def _decision(by: str | None, because: str | None) -> Decision:
    """Who decides and why. Without a name, that of the user who runs the command, if it has one."""
    if by is None:
        try:
            by = getpass.getuser()
        except (KeyError, OSError):  # a container's user need not have a name
            by = "operator"
    if not 0 < len(by) <= _NAME_AT_MOST or len(because or "") > _REASON_AT_MOST:
        raise Failure(
            f"--by takes 1 to {_NAME_AT_MOST} characters, --because {_REASON_AT_MOST}", code=2
        )
    return Decision(by=by, reason=because or None)


async def _conclude(
    names: list[str],
    service: str | None,
    reason: str | None,
    all_: bool,
    decision: Decision,
    *,
    discard: bool,
) -> int:
    if bool(names) == all_:
        raise Failure("name dead letters, such as billing:12, or say --all", code=2)
    chosen = [_parsed(name) for name in names]
    if all_:
        chosen = [(of, row["number"]) for of, row in await _list(service, reason, 10_000)]
    done = 0
    async with database() as db:
        for of in dict.fromkeys(of for of, _ in chosen):
            numbers = [number for one, number in chosen if one == of]
            async with schema(db, of):
                done += len(
                    await dead_letters.discard(db, of, numbers, decision)
                    if discard
                    else await dead_letters.replay(db, of, numbers, decision)
                )
    if names and done < len(set(chosen)):
        raise Failure(f"{len(set(chosen)) - done} of them were not waiting; {done} concluded")
    return done


def _chosen(service: str | None) -> list[str]:
    if service is None:
        return list(SERVICES)
    if service not in SERVICES:
        raise Failure(f"no service is called {service}; there are {', '.join(SERVICES)}", code=2)
    return [service]


def _parsed(name: str) -> tuple[str, int]:
    service, _, number = name.partition(":")
    if not number.isdecimal() or len(number) > 18:
        raise Failure(f"{name!r} is not like billing:12", code=2)
    return _chosen(service)[0], int(number)
