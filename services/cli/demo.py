"""`cloudtill demo`: the whole house at work, with real worker processes, in less than a minute."""

import tempfile
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httpx
from rich.text import Text
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed

from services.billing import store as billing
from services.cli.audit import Check, checked, print_checks
from services.cli.console import (
    Failure,
    console,
    database,
    finish,
    readable,
    schema,
    settings,
    table,
)
from services.cli.mailbox import Mailbox, mailbox
from services.cli.processes import workers
from services.cli.publish import rerun_of, send, stamped
from services.cli.setup import declare_queues, migrate_schemas
from services.cli.story import BROKEN, Story
from services.cli.tap import Heard, Tap, tapped
from services.cli.up import pages_for_trying
from services.invoicing import store as invoicing
from services.registry import SCHEMAS, SERVICES
from services.wallet import store as wallet
from shared.database import Connection, Row
from shared.messages import Message
from shared.messages.scheduler import TickMonth
from shared.periods import BillingMonth
from shared.users import temporary_users

_PATIENCE_S: Final = 60.0
_SETTLE_S: Final = 20.0
_STYLES: Final = {
    "billing": "cyan",
    "wallet": "yellow",
    "provisioning": "magenta",
    "invoicing": "green",
    "notifications": "blue",
}
_FACTS: Final = (
    "account_id",
    "order_id",
    "resource_id",
    "number",
    "amount",
    "gross",
    "balance",
    "status",
    "state",
    "reason",
    "template",
    "subject",
    "period",
)
_GATEWAY: Final = {"gateway": "simulated", "simulated_gateway_outcome": "asks"}
"""Whatever else is set: nobody's money moves, and the page is pressed."""
_COLUMNS: Final = {
    "Resources": ("resource_id", "user_type", "state", "starts_at", "ends_at"),
    "Payment history": ("order_id", "method", "amount", "paid_at"),
    "Credit history": ("kind", "amount", "balance", "reason", "at"),
    "Proof of concept": ("kind", "amount", "balance", "reason", "at"),
    "Invoices": ("number", "resource_id", "kind", "status", "gross", "paid"),
}


def demo() -> None:
    """Play prepaid and postpaid orders through real workers, and show every message.

    Needs RabbitMQ and Postgres at CLOUDTILL_AMQP_URL and CLOUDTILL_DATABASE_URL; `make demo` brings
    its own. Migrates, declares the queues, starts a worker process of each service, and stops them
    at the end. Each run has customers of its own, so it can be run again and again.
    """
    finish(_demo())


async def _demo() -> None:
    run = uuid.uuid4().hex[:4]
    with tempfile.TemporaryDirectory(prefix="cloudtill-demo-") as folder:
        _title(
            "Migrate, declare the queues, start a worker of each service, each as a user of its own"
        )
        async with database() as db:
            await migrate_schemas(db)
        await declare_queues()
        pages = pages_for_trying(gateway_asks=True)
        async with (
            _users() as users,
            tapped(_show) as tap,
            mailbox() as mails,
            workers(
                [*SERVICES, "scheduler"],
                Path(folder),
                {
                    **users,
                    **pages.settings,
                    **_GATEWAY,
                    "smtp_url": mails.url if mails else "",
                },
            ),
        ):
            console.print(f"The portal's pages are at {pages.address} while the demo runs.")
            story = Story(run, datetime.now(UTC).replace(microsecond=0))
            await _play(story, tap)
            await _unsettled()
            if mails:
                await _all_mailed()
            async with database() as db:
                await _tables(db, story)
                _mails(mails)
                await _audited(db)
    console.print("\nThe workers have stopped. Nothing is left running.", style="dim")


@asynccontextmanager
async def _users() -> AsyncIterator[dict[str, str]]:
    """A user for each service that can do what it must and no more, while the body runs.

    Where RabbitMQ's management API can't be asked to make them, all share ours.
    """
    own = settings()
    async with AsyncExitStack() as closing:
        users: dict[str, str] = {}
        try:
            users = await closing.enter_async_context(
                temporary_users(
                    SCHEMAS,
                    own.management_url.get_secret_value(),
                    own.amqp_url.get_secret_value(),
                    own.database_url.get_secret_value(),
                )
            )
        except httpx.HTTPError as error:
            console.print(
                f"All services share one user: RabbitMQ's management API at"
                f" CLOUDTILL_MANAGEMENT_URL makes none ({type(error).__name__})",
                style="yellow",
            )
        yield users


async def _play(story: Story, tap: Tap) -> None:
    month = _last_month(story.now)
    since = month.previous().start(_zone())
    await _say(story.catalogue(since), at=since)

    _title("An tops up 1,000,000 and orders a server for 60 days: it succeeds")
    await _say([story.registered("an"), story.topped_up("an", 1_000_000)], at=story.ago(minutes=9))
    await _until(tap, "wallet.credited", account_id=story.name("an"))
    await _say(
        [story.order("an", "web", [story.server("web", "image", "disk")])], at=story.ago(minutes=4)
    )
    await _until(tap, "invoice.issued", order_id=story.name("order-web"))

    _title("Binh has no credit and orders a server: nothing happens but a rejection")
    await _say([story.registered("binh")], at=story.ago(minutes=9))
    await _say(
        [story.order("binh", "poor", [story.server("poor", "image")])], at=story.ago(minutes=3)
    )
    await _until(tap, "payment.failed", order_id=story.name("order-poor"))

    _title("An orders a server that can't be provisioned: the money comes back as credit")
    await _say(
        [story.order("an", "bad", [story.server("bad", "image", BROKEN)])], at=story.ago(minutes=2)
    )
    await _until(tap, "wallet.credited", account_id=story.name("an"), reason="provisioning_failed")

    _title("An orders two servers at once, of which one fails: one invoice, one refund")
    two = [story.server("good", "image"), story.server("worse", "image", BROKEN)]
    await _say([story.order("an", "two", two)], at=story.now)
    await _until(tap, "invoice.issued", order_id=story.name("order-two"))
    await _until(tap, "wallet.credited", account_id=story.name("an"), balance=570_000)

    _title("Dung pays at the gateway's page, and what was ordered is created then")
    await _say([story.registered("dung")], at=story.ago(minutes=9))
    cloud = [story.server("cloud", "image")]
    await _say([story.order("dung", "cloud", cloud, payment_method="gateway")], at=story.now)
    link = await _until(tap, "payment.link_ready", account_id=story.name("dung"))
    await _pay(link.data["url"])
    await _until(tap, "invoice.issued", order_id=story.name("order-cloud"))

    _title("Giang tries a server out: from the wallet that Sales granted, and without an invoice")
    await _say([story.registered("giang")], at=story.ago(days=12))
    grant = story.granted("giang", 500_000, story.ago(days=-20))
    await _say([grant], at=story.ago(days=11))
    await _until(tap, "wallet.credited", account_id=story.name("giang"), wallet="poc")
    trial = story.server("trial", "image", days=None)
    await _say(
        [story.order("giang", "trial", [trial], payment_method="poc")], at=story.ago(days=10)
    )
    await _until(tap, "resource.provisioned", order_id=story.name("order-trial"))
    await _say([story.proof_stopped("giang", "trial")], at=story.now)
    await _until(tap, "wallet.credited", account_id=story.name("giang"), reason="poc_stopped")

    _title(f"Chi pays later: a server since the 3rd of {month}, invoiced when the month is over")
    third = month.start(_zone()) + timedelta(days=2, hours=9)
    await _say([story.registered("chi")], at=third - timedelta(days=1))
    await _say([story.to_postpaid("chi")], at=third - timedelta(hours=1))
    await _until(tap, "account.switched", account_id=story.name("chi"))
    shop = story.server("shop", "image", "disk", days=None)
    await _say([story.order("chi", "shop", [shop])], at=third)
    await _until(tap, "resource.provisioned", order_id=story.name("order-shop"))
    await _unsettled()
    end = await _end_of_month(month, story.name("chi"))
    await _say([end], at=month.end(_zone()) + timedelta(minutes=5))
    await _until_invoiced(tap, story.name("shop"))


async def _end_of_month(month: BillingMonth, account_id: str) -> Message:
    """What closes a month: its tick, or, where an earlier demo closed it, one more run for the
    account alone, as `cloudtill tick month --account` asks for it."""
    async with database() as db, schema(db, "invoicing"):
        again = await rerun_of(db, str(month), account_id)
    return again or TickMonth(period=str(month))


async def _say(messages: Sequence[Message], *, at: datetime) -> None:
    """Publish messages as upstream services would."""
    await send([stamped(message, at, uuid.uuid4().hex) for message in messages])


async def _pay(url: str) -> None:
    """Be a browser: open a gateway's page and press its button."""
    console.print(f"  {'browser':>13}  pays at http://{urlsplit(url).netloc}", style="bold")
    async with httpx.AsyncClient(trust_env=False) as browser:
        for answer in (await browser.get(url), await browser.post(url, data={"decision": "pay"})):
            if answer.is_error:
                raise Failure(f"the gateway's page answers {answer.status_code}")


async def _until(tap: Tap, type_: str, **facts: str | int) -> Heard:
    return await tap.until(
        lambda heard: heard.type == type_ and facts.items() <= heard.data.items(),
        f"{type_} of {', '.join(map(str, facts.values()))}",
        _PATIENCE_S,
    )


async def _until_invoiced(tap: Tap, resource_id: str) -> None:
    """The month's run tells of its invoices in batches."""
    await tap.until(
        lambda heard: (
            heard.type == "invoices.issued"
            and any(one["resource_id"] == resource_id for one in heard.data["invoices"])
        ),
        f"the invoice of {resource_id}",
        _PATIENCE_S,
    )


@retry(
    retry=retry_if_result(bool),
    stop=stop_after_delay(_SETTLE_S),
    wait=wait_fixed(0.2),
    retry_error_callback=lambda _: True,
)
async def _unsettled() -> bool:
    """Wait until nothing is on its way any more, so that what follows finds all of it; other users
    of the same servers may have something on its way for long."""
    async with database() as db:
        return any(one.in_flight or one.wrong for one in await checked(db, timedelta(0)))


@retry(
    retry=retry_if_result(bool),
    stop=stop_after_delay(_SETTLE_S),
    wait=wait_fixed(0.2),
    retry_error_callback=lambda _: True,
)
async def _all_mailed() -> bool:
    """Wait until no notice waits for its mail any more."""
    async with database() as db:
        return bool(await db.fetchval("select exists (select from notifications.errand)"))


def _mails(mails: Mailbox | None) -> None:
    if mails is None:
        console.print(
            "Mails: none were sent; `pip install cloudtill[demo]` shows them", style="dim"
        )
    else:
        table("Mails", [{"to": to, "subject": subject} for to, subject in mails.received])


async def _tables(db: Connection, story: Story) -> None:
    """What the customers have in the end."""
    tables: dict[str, list[dict[str, Any]]] = {title: [] for title in _COLUMNS}
    for who in ("an", "binh", "chi", "dung", "giang"):
        account = story.name(who)
        async with schema(db, "billing"):
            resources = await billing.resources.show_resources(db, account)
            payments = await billing.payments.show_payments(db, account)
        async with schema(db, "wallet"):
            history = await wallet.show_credit_history(db, account, "credit")
            trial = await wallet.show_credit_history(db, account, "poc")
        async with schema(db, "invoicing"):
            invoices = await invoicing.show_invoices(db, account_id=account)
        in_time: Sequence[Iterable[Row | Mapping[str, Any]]] = (
            resources,
            reversed(payments),
            reversed(history),
            reversed(trial),
            reversed(invoices),
        )
        for title, rows in zip(tables, in_time, strict=True):
            tables[title] += ({"account": who, **_columns(title, row)} for row in rows)
    console.print()
    for title, rows in tables.items():
        table(title, rows)


def _columns(title: str, row: Row | Mapping[str, Any]) -> dict[str, Any]:
    return {column: row[column] for column in _COLUMNS[title]}


async def _audited(db: Connection) -> None:
    checks = await checked(db, timedelta(0))
    if any(check.wrong for check in checks):
        print_checks(checks)
        raise Failure("the audit found something wrong")
    console.print(
        f"Audit: all of {len(checks)} checks hold, such as that {_example(checks)}"
        " (`cloudtill audit` shows each)"
    )


def _example(checks: Sequence[Check]) -> str:
    """What one check is about, as a part of a sentence."""
    title = next(check.title for check in checks if check.name == "paid_items_concluded")
    text = title.partition(" ")[2].removesuffix(".")
    return text[0].lower() + text[1:]


def _zone() -> ZoneInfo:
    return ZoneInfo(settings().billing_time_zone)


def _last_month(now: datetime) -> BillingMonth:
    return BillingMonth.containing(now, _zone()).previous()


def _title(text: str) -> None:
    console.print(f"\n[bold]{text}[/]")


def _show(heard: Heard) -> None:
    """One line a message: who says it, what it is, and the facts that people look for."""
    who = heard.source.rpartition("/")[2]
    line = Text(f"  {who:>13}  ", style="dim")
    line.append(f"{heard.type:<26}", style=_STYLES.get(who, ""))
    facts = [
        f"{name.removesuffix('_id')} {readable(heard.data[name])}"
        for name in _FACTS
        if heard.data.get(name) is not None
    ]
    line.append("  ".join(facts), style="dim")
    console.print(line, soft_wrap=True)
