"""How long pages take at the server and how much goes over the wire, for an account with 10,000
events: a real worker of the portal's, asked for one page after another over one connection."""

import asyncio
import math
import re
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
import uvloop
from rich.console import Console
from rich.table import Table

from services.portal.app import SERVICE
from services.portal.handlers import heard
from shared import broker, topology
from shared.database import connect, pool, transaction
from shared.messages import Message
from shared.messages.invoicing import UsageReportGiven
from shared.messages.provisioning import ResourceEvent, ResourceStarted, ResourceStopped
from shared.migrations import migrate, migrations_of
from shared.periods import BillingMonth
from tests.benchmarks.processes import start, stop, until_consumed
from tests.builders import NOON, component, said
from tests.integration.portal import lives, story

EVENTS: Final = 10_000
P99_AT_MOST_MS: Final = 200
_ACCOUNT: Final = "an"
_OF_A_RESOURCE: Final = 25
"""Events: its order, payment, invoice and start, and then it is stopped and started."""
_GROUP: Final = 250
_WARM: Final = 10
_TOKEN: Final = re.compile(r'name="csrf" value="([^"]+)"')
_ZONE: Final = "Asia/Ho_Chi_Minh"
_CUSTOMER: Final = (
    "",
    "/month-so-far",
    "/resources",
    "/resources/new",
    "/resources/r-ord-7",
    "/orders",
    "/orders/ord-7",
    "/wallet",
    "/payments",
    "/invoices",
    "/invoices/inv-ord-7",
    "/usage",
    "/costs",
    "/notifications",
    "/details",
    "/programs",
)
_SUPPORT: Final = ("?q=an@", "/accounts/an", "/accounts/an/timeline", "/letters", "/acts")


@dataclass(frozen=True, slots=True)
class Result:
    """A page. Times are in milliseconds, at the browser's end of a connection to this machine."""

    page: str
    p50_ms: float
    p99_ms: float
    wire_bytes: int
    """Of the body, compressed as browsers ask for it."""


def show(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Print what pages take.

    Returns:
        The same as rows for JSON.
    """
    table = Table(title=f"Pages of an account with {EVENTS:,} events")
    for column in ("", "p50 ms", "p99 ms", "bytes"):
        table.add_column(column, justify="right" if column else "left")
    for one in results:
        table.add_row(one.page, f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}", f"{one.wire_bytes:,}")
    Console().print(table)
    return [asdict(one) for one in results]


def measure(amqp_url: str, database_url: str, times: int) -> list[Result]:
    """Ask for each page so many times.

    Raises:
        RuntimeError: if a page is not shown.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_prepare(amqp_url, database_url))
        return runner.run(_measure(amqp_url, database_url, times))


async def _prepare(amqp_url: str, database_url: str) -> None:
    db = await connect(database_url, wait_s=10)
    await migrate(db, SERVICE.name, migrations_of(SERVICE.package))
    await db.close()
    async with broker.connected(amqp_url, "benchmark") as connection:
        await topology.apply(connection, [SERVICE])
    messages = list(_events())
    async with pool(database_url, SERVICE.name) as connections:
        for begin in range(0, len(messages), _GROUP):
            async with transaction(connections) as hearing:
                await heard(messages[begin : begin + _GROUP], hearing)


def _events() -> Iterator[Message]:
    """An account's life, long enough."""
    yield lives.registered(_ACCOUNT)
    yield from story.on_sale()
    for number in range(EVENTS // _OF_A_RESOURCE):
        at = NOON + timedelta(minutes=number)
        order_id = f"ord-{number}"
        yield lives.order_placed(_ACCOUNT, order_id, at=at)
        yield lives.wallet_credited(_ACCOUNT, 1_000, number + 1, at=at)
        yield lives.payment_confirmed(_ACCOUNT, order_id, at=at)
        yield lives.provisioned(_ACCOUNT, order_id, at=at)
        yield lives.invoice_issued(_ACCOUNT, order_id, at=at)
        for version in range(2, _OF_A_RESOURCE - 3):
            yield _switched(order_id, version, at + timedelta(seconds=version))
    now = datetime.now(UTC)
    yield said(
        UsageReportGiven(
            request_id="r-1",
            account_id=_ACCOUNT,
            period=str(BillingMonth.containing(now, ZoneInfo(_ZONE))),
            until=now + timedelta(hours=1),
            currency="VND",
        )
    )


def _switched(order_id: str, version: int, at: datetime) -> Message:
    """A server is stopped, or started again."""
    stopped = version % 2 == 0
    kind: type[ResourceEvent] = ResourceStopped if stopped else ResourceStarted
    event = kind(
        resource_id=f"r-{order_id}",
        account_id=_ACCOUNT,
        user_type="prepaid",
        product="vserver",
        name="web",
        components=(component(),),
        at=at,
        starts_at=NOON,
        ends_at=NOON + timedelta(days=30),
        state="stopped" if stopped else "active",
        version=version,
    )
    return said(event, at=at)


async def _measure(amqp_url: str, database_url: str, times: int) -> list[Result]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "CLOUDTILL_PORTAL_PORT": str(port),
        "CLOUDTILL_PORTAL_URL": f"http://localhost:{port}",
        "CLOUDTILL_PORTAL_DEVELOPMENT_LOGIN": "true",
    }
    worker = start(amqp_url, database_url, SERVICE.name, settings=settings)
    try:
        async with broker.connected(amqp_url, "benchmark waits") as connection:
            await until_consumed(connection, SERVICE.name, 1)
        async with httpx.AsyncClient(base_url=f"http://localhost:{port}", timeout=30) as client:
            results: list[Result] = []
            for role, root, pages in (
                ("customer", f"/accounts/{_ACCOUNT}", _CUSTOMER),
                ("support", "/support", _SUPPORT),
            ):
                await _log_in(client, role)
                results += [await _asked(client, root + page, times) for page in pages]
            return results
    finally:
        stop([worker])


async def _log_in(client: httpx.AsyncClient, role: str) -> None:
    client.cookies.clear()
    page = await client.get("/login")
    (token, *_) = _TOKEN.findall(page.text)
    fields = {"csrf": token, "subject": f"{role}@example.com", "accounts": _ACCOUNT, "role": role}
    answer = await client.post("/login/development", data=fields)
    if not answer.is_redirect:
        raise RuntimeError(f"no login: {answer.status_code}")


async def _asked(client: httpx.AsyncClient, page: str, times: int) -> Result:
    took: list[float] = []
    size = 0
    for number in range(_WARM + times):
        began = time.perf_counter()
        answer = await client.get(page, follow_redirects=True)
        if number >= _WARM:
            took.append((time.perf_counter() - began) * 1_000)
        if answer.status_code != 200:
            raise RuntimeError(f"{page}: {answer.status_code}")
        size = answer.num_bytes_downloaded
    took.sort()
    return Result(
        page, took[len(took) // 2], took[math.ceil(len(took) * 0.99) - 1], wire_bytes=size
    )
