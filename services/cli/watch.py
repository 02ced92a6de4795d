"""`cloudtill watch`: what no single worker knows, as metrics: the audit, orders' times, the month's
run. One process an installation; it only reads."""

import asyncio
import signal
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated, Final

import asyncpg
import structlog
import typer
from prometheus_client import Gauge, Histogram

from services.cli.audit import checked
from services.cli.console import settings
from shared import log as logging
from shared import ops
from shared.database import UNREACHABLE, Connection, connect
from shared.settings import settings_of
from shared.sql import Statements

log = structlog.get_logger()
sql = Statements("services.cli", "watch.sql")

USER: Final = "watch"
"""The name of its address: CLOUDTILL_WATCH_DATABASE_URL."""
_BEHIND: Final = timedelta(seconds=60)
"""A transaction may commit this much later than the time that its rows carry."""

AUDIT_WRONG = Gauge("cloudtill_audit_wrong", "Things that break a rule of the audit", ["check"])
AUDIT_IN_FLIGHT = Gauge(
    "cloudtill_audit_in_flight", "Things that a rule finds still on their way", ["check"]
)
AUDITED_AT = Gauge("cloudtill_audit_timestamp_seconds", "When the audit last came to its end")
ORDER_TIME = Histogram(
    "cloudtill_order_to_invoice_seconds",
    "From an order that is paid from credit to its invoice",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800),
)
RUN_RANGES = Gauge("cloudtill_month_run_ranges", "Ranges of a month's run", ["period"])
RUN_RANGES_DONE = Gauge(
    "cloudtill_month_run_ranges_done", "Ranges of a month's run that are invoiced", ["period"]
)
RUN_COMPLETE = Gauge(
    "cloudtill_month_run_complete", "1 once a month's run told its totals", ["period"]
)
QUARANTINED = Gauge(
    "cloudtill_month_run_quarantined_accounts", "Accounts that a month's run left out", ["period"]
)


def watch(
    every_s: Annotated[
        float, typer.Option("--every", min=1, help="Seconds between two looks.")
    ] = 60,
    settle_s: Annotated[
        float, typer.Option("--settle", min=0, help="Seconds as for `cloudtill audit`.")
    ] = 300,
) -> None:
    """Run the audit again and again, and serve what it finds at CLOUDTILL_OPS_PORT as /metrics.

    Reads every schema and writes nothing; CLOUDTILL_WATCH_DATABASE_URL may name a user who can do
    no more, which `cloudtill users apply` makes.
    """
    shared = settings()
    logging.configure(shared.log_level, shared.log_format)
    asyncio.run(_watch(every_s, timedelta(seconds=settle_s)))


async def _watch(every_s: float, settle: timedelta) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopping.set)
    own = settings_of(USER)
    url = own.database_url.get_secret_value()
    watcher = Watcher(settle)
    async with ops.serving(own.ops_port, lambda: watcher.ready):
        log.info("watch started")
        while not stopping.is_set():
            await _looked(watcher, url)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), every_s)
    log.info("watch stopped")


async def _looked(watcher: "Watcher", url: str) -> None:
    try:
        db = await connect(url)
        try:
            await watcher.look(db)
        finally:
            await db.close()
    except (*UNREACHABLE, asyncpg.PostgresError) as error:
        watcher.ready = False
        log.warning("could not look", error=repr(error))


class Watcher:
    """Looks, and knows since when."""

    def __init__(self, settle: timedelta) -> None:
        self.ready = False
        """Whether the latest look came to its end."""
        self._settle = settle
        self._seen_until: datetime | None = None

    async def look(self, db: Connection) -> None:
        """Look at everything once, and set the metrics."""
        await self._measure_orders(db)
        await _measure_runs(db)
        await self._audit(db)
        self.ready = True

    async def _measure_orders(self, db: Connection) -> None:
        until: datetime = await db.fetchval("select clock_timestamp() - $1::interval", _BEHIND)
        since = self._seen_until or until - self._settle
        for row in await db.fetch(sql.find_order_times, since, until):
            ORDER_TIME.observe(row["seconds"])
        self._seen_until = until

    async def _audit(self, db: Connection) -> None:
        for check in await checked(db, self._settle):
            AUDIT_WRONG.labels(check.name).set(len(check.wrong))
            AUDIT_IN_FLIGHT.labels(check.name).set(check.in_flight)
            if check.wrong:
                ids = [one.id for one in check.wrong[:20]]
                log.error("audit", check=check.name, wrong=len(check.wrong), ids=ids)
        AUDITED_AT.set_to_current_time()


async def _measure_runs(db: Connection) -> None:
    for run in await db.fetch(sql.find_month_runs):
        period = run["period"]
        RUN_RANGES.labels(period).set(run["ranges"])
        RUN_RANGES_DONE.labels(period).set(run["done"])
        RUN_COMPLETE.labels(period).set(run["is_complete"])
        QUARANTINED.labels(period).set(run["quarantined"])
