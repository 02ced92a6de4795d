"""Where faults are injected: servers of our own behind proxies, workers that are started again
whenever they end, and a canary that tells when all works."""

import asyncio
import gc
import random
import signal
import sys
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from services.registry import SCHEMAS, SERVICES
from shared.broker import TROUBLE, urls_in
from shared.database import TRANSIENT, Connection, connect
from shared.lifetime import beside
from shared.messages import Message
from shared.messages.upstream import TopUpReceived
from shared.messages.wallet import WalletCredited
from shared.migrations import migrate, migrations_of
from tests.builders import said
from tests.faults.nursery import Nursery, Worker, nursery
from tests.faults.outside import Outside, outside_world
from tests.faults.proxy import Proxy
from tests.faults.upstream import Upstream
from tests.servers import AMQP_URL, DATABASE_URL, Servers
from tests.servers.guarded import watched
from tests.system.house import IMPATIENT, House, open_house
from tests.system.shop import assert_audit_is_clean, customer

_RECOVER_S: Final = 120
_SKEW_H: Final = 6
_CANARY: Final = "canary"
_ERRANDS: Final = """
    select (select count(*) from gateways.errand)
         + (select count(*) from notifications.errand)
         + (select count(*) from portal.webhook_delivery where state = 'waiting')
"""
_LOOK_CLOSER_S: Final = 45
"""After how long without a message handled to tell what is seen: before workers consume anew."""
SETTINGS: Final = {
    "CLOUDTILL_RETRY_DELAYS_S": "[0.1,0.2,0.5,1,2,2,5,5,10,10,20,20,30,30,30,30,30]",
    "CLOUDTILL_REFERENCE_WAIT_S": "150",
    "CLOUDTILL_GATEWAY_LEASE_S": "2",
    "CLOUDTILL_GROUP_SIZE": "50",
    "CLOUDTILL_GROUPS_AHEAD": "2",
    "CLOUDTILL_DATABASE_SILENCE_S": "5",
    "CLOUDTILL_CONSUME_ANEW_S": "60",
}
"""Beyond those of a house: what faults hold up is waited for, and no fault for long."""


@dataclass(slots=True)
class Figures:
    """What happened to a site."""

    faults: Counter[str] = field(default_factory=Counter)
    recoveries_s: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """How long after each kind of fault a top-up, published then, was told as credited."""
    workers_started: int = 0


class Site:
    """A house under fire.

    Attributes:
        upstream: publishes what others say.
        outside: the mail server, the receiver of webhooks and the gateway.
        house: whose queues, database and ear these are; its workers come from the nursery.
        chance: draws when and where faults strike.
        failures: what must not have happened.
    """

    def __init__(
        self,
        servers: Servers,
        house: House,
        young: Nursery,
        outside: Outside,
        logs: Path,
        seed: int,
    ) -> None:
        self.servers = servers
        self.outside = outside
        self.house = house
        self.chance = random.Random(seed)
        self.figures = Figures()
        self.failures: list[str] = []
        nodes = urls_in(house.amqp_url)
        self.to_broker = Proxy(nodes[0], seed)
        self._is_cluster = len(nodes) > 1
        self.to_postgres = Proxy(house.database_url, seed + 1)
        self._nursery = young
        self._logs = logs
        self._staff: dict[str, Worker] = {}
        self._canaries = count(1)
        self._recovering: set[asyncio.Task[None]] = set()
        self.upstream = Upstream(house.amqp_url)

    @property
    def workers(self) -> list[Worker]:
        """Those that run now."""
        return [worker for worker in self._staff.values() if worker.runs]

    @asynccontextmanager
    async def staffed(
        self, posts: Mapping[str, Sequence[str]], **settings: str
    ) -> AsyncIterator[None]:
        """Keep workers running while the body runs, each started again whenever it is killed.

        Args:
            posts: by a name of its own, the services of each worker.
            settings: more of `CLOUDTILL_*`, in lower case and without that.

        Raises:
            AssertionError: at once, and with its last words, if a worker ends that was not killed.
        """
        keeping = (self._keep(post, tuple(names), settings) for post, names in posts.items())
        try:
            async with beside(*keeping):
                yield
        finally:
            await self.dismiss()

    async def dismiss(self) -> None:
        """Tell all workers to stop, and wait until they have."""
        for post, worker in self._staff.items():
            if worker.runs:
                worker.send(signal.SIGTERM)
                if await worker.ended:
                    self.failures.append(f"{post} was told to stop: {worker.last_words}")
        self._staff.clear()

    async def _keep(self, post: str, names: tuple[str, ...], settings: Mapping[str, str]) -> None:
        while True:
            worker = await self.start(post, names, settings)
            await asyncio.shield(worker.ended)
            assert worker.killed, f"{post} ended by itself, {worker.last_words}"

    async def start(
        self,
        post: str,
        names: tuple[str, ...],
        settings: Mapping[str, str],
        limits: Mapping[str, int] | None = None,
    ) -> Worker:
        """Start a worker behind the proxies, with a clock that is hours wrong.

        Where the broker is a cluster, the worker knows all its nodes, without a proxy between.

        Args:
            limits: constants of modules that are to be others, so that little is already much.
        """
        outside = [self.outside.settings_of(post, name) for name in names]
        environment = {
            **IMPATIENT,
            **SETTINGS,
            **{name: value for one in outside for name, value in one.items()},
            AMQP_URL: self.house.amqp_url if self._is_cluster else self.to_broker.url,
            DATABASE_URL: self.to_postgres.url,
            **{f"CLOUDTILL_{name.upper()}": value for name, value in settings.items()},
        }
        skew = timedelta(hours=self.chance.uniform(-_SKEW_H, _SKEW_H))
        log = self._logs / f"{post}.log"
        worker = await self._nursery.start(names, environment, log, skew, limits or {})
        self._staff[post] = worker
        self.figures.workers_started += 1
        return worker

    def kill(self, worker: Worker) -> None:
        """End a worker in the middle of whatever it does."""
        worker.send(signal.SIGKILL)

    async def publish(self, messages: Sequence[Message]) -> None:
        """Publish messages until the broker has confirmed each, whatever happens to it."""
        await self.upstream.publish(messages)

    @property
    def published_again(self) -> int:
        """How often a message of the services themselves came to the exchange once more: published,
        and then not noted as published, because its worker died or could not reach Postgres."""
        times = self.house.ear.times_heard.items()
        return sum(heard - 1 for (_, name), heard in times if name not in self.upstream.said)

    async def recovered(self, after: str) -> None:
        """Publish a top-up now, and wait until it is told as credited; note how long that took.

        Raises:
            TimeoutError: if it takes too long.
        """
        top_up_id = f"{_CANARY}-{next(self._canaries)}"
        top_up = TopUpReceived(
            top_up_id=top_up_id,
            account_id=_CANARY,
            amount=1,
            gateway="bank",
            gateway_reference=top_up_id,
        )
        began = time.monotonic()
        async with asyncio.timeout(_RECOVER_S):
            await self.publish([said(top_up)])
            await self.house.ear.wait_for(
                WalletCredited, lambda credited: credited.reference == top_up_id, _RECOVER_S
            )
        self.figures.recoveries_s[after].append(time.monotonic() - began)

    def time_recovery(self, after: str) -> None:
        """Like `recovered`, but meanwhile the next fault may come."""
        task = asyncio.create_task(self.recovered(after))
        self._recovering.add(task)
        task.add_done_callback(self._recovering.discard)

    async def all_recovered(self) -> None:
        """Wait for everything that `time_recovery` began."""
        await asyncio.gather(*self._recovering)

    async def rabbitmqctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` on our broker."""
        assert self.servers.broker
        return await asyncio.to_thread(self.servers.broker.rabbitmqctl, *arguments)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Connection]:
        """Our own connection to Postgres, past the proxy."""
        db = await connect(self.house.database_url, wait_s=30)
        try:
            yield db
        finally:
            await db.close()

    async def pause(self, at_least_s: float, at_most_s: float) -> None:
        """Let a while pass, so that what follows strikes at any moment of the workers' work."""
        await asyncio.sleep(self.chance.uniform(at_least_s, at_most_s))

    async def conclude(self, within_s: float) -> None:
        """Wait until all that was said is concluded and queues and outboxes are empty.

        Args:
            within_s: the longest time in which no message is handled at all: how long all of it
                takes is a matter of the machine.

        Raises:
            AssertionError: if there is still work after that time.
        """
        handled, until, looked_closer = 0, time.monotonic() + within_s, False
        while True:
            began = time.monotonic()
            left = await self._left_to_do()
            if left is None:
                return
            if (now := await self._handled()) > handled:
                handled, until, looked_closer = now, time.monotonic() + within_s, False
            stands_still = f"nothing is handled, and there is still work: {left}"
            assert time.monotonic() < until, stands_still
            if time.monotonic() > until - within_s + _LOOK_CLOSER_S and not looked_closer:
                looked_closer = True
                print(stands_still, await self._seen_standing_still(), sep="\n", flush=True)
            looked_s = time.monotonic() - began
            await asyncio.sleep(max(0.2, 3 * looked_s))  # who looks must not be who holds up

    async def _seen_standing_still(self) -> str:
        """What tells where work is that nobody does: queues, statements, and where workers wait."""
        for worker in self.workers:
            worker.send(signal.SIGUSR1)
        seen = await self.house.seen_standing_still()
        columns = ("name", "messages_ready", "messages_unacknowledged", "consumers")
        queues = await self.rabbitmqctl("list_queues", *columns) if self.servers.broker else ""
        words = "\n".join(worker.last_words for worker in self.workers)
        return f"{seen}\n{queues}\n{words}"

    async def caught_up(self, at_most: int) -> None:
        """Wait until the services' queues hold no more than `at_most` messages."""
        while await self._in_queues() > at_most:
            await asyncio.sleep(0.3)

    async def _left_to_do(self) -> str | None:
        try:
            if waiting := await self._in_outboxes():
                return f"{waiting} messages in outboxes"
            async with asyncio.timeout(_RECOVER_S):
                left = await self.house.left_to_do()
            if left is None and (waiting := await self._count(_ERRANDS)):
                left = f"{waiting} errands"
            return left
        except (*TRANSIENT, *TROUBLE) as error:
            return f"what could not be seen: {error!r}"

    async def _in_outboxes(self) -> int:
        counts = " + ".join(f"(select count(*) from {one}.outbox)" for one in SERVICES)
        return await self._count(f"select {counts}")

    async def _count(self, statement: str) -> int:
        async with self.database() as db:
            return int(await db.fetchval(statement))

    async def _in_queues(self) -> int:
        try:
            return sum(ready for ready, _ in (await self.house.queues()).values())
        except TROUBLE:
            return sys.maxsize

    async def _handled(self) -> int:
        counts = " + ".join(f"(select count(*) from {one}.inbox)" for one in SERVICES)
        try:
            return await self._count(f"select {counts}")
        except TRANSIENT:
            return 0

    async def assert_all_is_well(self, placed: set[str]) -> None:
        """Every order is concluded, nothing is among the dead letters, and the audit is clean."""
        async with self.database() as db:
            states = {
                row["order_id"]: row["state"]
                for row in await db.fetch("select order_id, state from billing.purchase_order")
            }
            letters = [
                (name, row["type"], row["reason"], row["detail"])
                for name in SERVICES
                for row in await db.fetch(
                    f"select type, reason, detail from {name}.dead_letter"
                    " where concluded_at is null"
                )
            ]
        open_states = ("awaiting_payment", "awaiting_hold", "provisioning")
        unconcluded = {one: states.get(one) for one in placed if states.get(one) is None}
        unconcluded |= {one: state for one, state in states.items() if state in open_states}
        assert not unconcluded, f"{len(unconcluded)} orders: {dict(list(unconcluded.items())[:5])}"
        assert not letters, f"{len(letters)} dead letters: {letters[:5]}"
        await assert_audit_is_clean(self.house)
        assert not self.failures, self.failures[:5]


@asynccontextmanager
async def open_site(servers: Servers, logs: Path, seed: int) -> AsyncIterator[Site]:
    """A site on servers that are ours alone, with the queues and tables of all services."""
    async with AsyncExitStack() as closing:
        # All that is heard is kept: to look through it for garbage would hold up the proxies.
        gc.disable()
        closing.callback(gc.enable)
        url = await new_database(servers)
        guarded = closing.enter_context(watched())
        house = await closing.enter_async_context(
            open_house(list(SERVICES.values()), servers.amqp_url, url, logs, guarded)
        )
        young = await closing.enter_async_context(nursery())
        outside = await closing.enter_async_context(outside_world(seed))
        site = Site(servers, house, young, outside, logs, seed)
        closing.enter_context(site.to_broker.serving())
        closing.enter_context(site.to_postgres.serving())
        await site.publish(customer(_CANARY))
        yield site


async def new_database(servers: Servers) -> str:
    """The URL of a new database with the tables of all services."""
    name = f"faults_{uuid.uuid4().hex[:12]}"
    admin = await connect(servers.database_url, wait_s=30)
    try:
        await admin.execute(f"create database {name}")
    finally:
        await admin.close()
    url = urlsplit(servers.database_url)._replace(path=f"/{name}").geturl()
    db = await connect(url)
    try:
        for service in SCHEMAS:
            await migrate(db, service.name, migrations_of(service.package))
    finally:
        await db.close()
    return url
