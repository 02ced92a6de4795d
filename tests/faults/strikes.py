"""The faults: each strikes, lasts for a while, and is over when its function returns."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

import asyncpg

from services.registry import SERVICES
from shared import broker, topology
from shared.database import TRANSIENT
from tests.faults.proxy import FAIR, Weather
from tests.faults.site import Site

Strike = Callable[[Site], Awaitable[None]]

_WORKERS: Final = "application_name like 'cloudtill %' and datname = current_database()"
_TROUBLE_AT_RANDOM: Final = """
    create function public.trouble() returns trigger language plpgsql as $$
    begin
        if random() < 0.1 then
            raise sqlstate '40001' using message = 'provoked';
        elsif random() < 0.2 then
            perform pg_sleep(random() * 0.2);
        end if;
        return null;
    end $$
"""
_LIGHTNING: Final = "create trigger trouble after insert on {}.{} execute function public.trouble()"


async def worker_killed(site: Site) -> None:
    """A worker dies in the middle of whatever it does."""
    if workers := site.workers:
        site.kill(site.chance.choice(workers))


async def worker_frozen(site: Site) -> None:
    """A worker stands still for a while, as a busy machine lets it, and then goes on."""
    if workers := site.workers:
        worker = site.chance.choice(workers)
        worker.send(signal.SIGSTOP)
        await site.pause(0.5, 2)
        worker.send(signal.SIGCONT)


async def broker_restarted(site: Site) -> None:
    """An operator restarts RabbitMQ."""
    assert site.servers.broker
    await asyncio.to_thread(site.servers.broker.stop)
    await asyncio.to_thread(site.servers.broker.start)


async def broker_killed(site: Site) -> None:
    """RabbitMQ dies and is started again."""
    assert site.servers.broker
    await asyncio.to_thread(site.servers.broker.kill)
    await asyncio.to_thread(site.servers.broker.start)


async def queues_restarted(site: Site) -> None:
    """The log that all queues share fails, and all restart with it: what they were just about to
    confirm or to deliver is not told to anybody, and no connection ends. RabbitMQ 3.10 does so by
    itself, where a queue is deleted while its part of the log is being cut."""
    await site.rabbitmqctl("eval", "exit(whereis(ra_log_segment_writer), kill).")
    await site.pause(2, 5)  # where it fails again and again, the whole broker ends


async def connections_closed(site: Site) -> None:
    """The broker closes every connection."""
    await site.rabbitmqctl("close_all_connections", "provoked")


async def consumers_cancelled(site: Site) -> None:
    """The broker cancels the consumers of queues that are deleted, and then made anew.

    Only those of dead letters, where they are empty: what lies in others would be gone.
    """
    async with broker.connected(site.house.amqp_url, "operator") as connection:
        opened = await connection.channel()
        channel = await opened.get_underlay_channel()
        for service in SERVICES:
            queue = topology.dead_queue_of(service)
            if (await channel.queue_declare(queue, passive=True)).message_count == 0:
                await channel.queue_delete(queue)
        await site.pause(0, 0.5)
        await topology.apply(connection, SERVICES.values())


async def queues_full(site: Site) -> None:
    """The queues take no more: publishers are refused."""
    pattern = f"^({'|'.join(SERVICES)})$"
    await site.rabbitmqctl("set_policy", "full", pattern, '{"max-length": 3}')
    await site.pause(0.5, 2)
    await site.rabbitmqctl("clear_policy", "full")


async def memory_alarm(site: Site) -> None:
    """The broker is short of memory, and reads nothing from those who publish."""
    await site.rabbitmqctl("set_vm_memory_high_watermark", "0.000001")
    await site.pause(0.5, 2)
    await site.rabbitmqctl("set_vm_memory_high_watermark", "0.6")


async def disk_full(site: Site) -> None:
    """The broker's disk is full, and it reads nothing from those who publish."""
    await site.rabbitmqctl("set_disk_free_limit", "1000000GB")
    await site.pause(0.5, 2)
    await site.rabbitmqctl("set_disk_free_limit", "50MB")


async def disk_slow(site: Site) -> None:
    """Each commit waits for Postgres' disk, longer than usual."""
    async with site.database() as db:
        await db.execute("alter system set commit_siblings = 0")
        delay_us = site.chance.randrange(20_000, 100_000)
        await db.execute(f"alter system set commit_delay = {delay_us}")
        await db.execute("select pg_reload_conf()")
        await site.pause(1, 3)
        for setting in ("commit_siblings", "commit_delay"):
            await db.execute(f"alter system reset {setting}")
        await db.execute("select pg_reload_conf()")


async def postgres_restarted(site: Site) -> None:
    """An operator restarts Postgres, and does not wait for its clients."""
    assert site.servers.postgres
    await asyncio.to_thread(site.servers.postgres.stop)
    await asyncio.to_thread(site.servers.postgres.start)


async def postgres_killed(site: Site) -> None:
    """Postgres dies and recovers from its log."""
    assert site.servers.postgres
    await asyncio.to_thread(site.servers.postgres.kill)
    await asyncio.to_thread(site.servers.postgres.start)


async def backends_terminated(site: Site) -> None:
    """Postgres ends the connections of all workers."""
    async with site.database() as db:
        await db.fetch(f"select pg_terminate_backend(pid) from pg_stat_activity where {_WORKERS}")


async def deadlocks(site: Site) -> None:
    """Somebody locks wallets against the order of the workers, so that these are the victims."""
    async with site.database() as db:
        await db.execute("set deadlock_timeout = '20s'")
        for _ in range(site.chance.randint(3, 8)):
            with suppress(*TRANSIENT):
                async with db.transaction():
                    cursor = await db.cursor(
                        "select from wallet.wallet order by random() limit 50 for update"
                    )
                    while await cursor.fetch(5):
                        await site.pause(0, 0.05)


async def transactions_fail(site: Site) -> None:
    """Serialization failures and slow commits, at random."""
    async with site.database() as db:
        with suppress(asyncpg.DuplicateFunctionError):
            await db.execute(_TROUBLE_AT_RANDOM)
        tables = [(service, table) for service in SERVICES for table in ("inbox", "outbox")]
        for service, table in tables:
            await db.execute(_LIGHTNING.format(service, table))
        await site.pause(0.5, 2)
        for service, table in tables:
            await db.execute(f"drop trigger trouble on {service}.{table}")


async def network_slow(site: Site) -> None:
    """Every byte from and to both servers is late."""
    for proxy in (site.to_broker, site.to_postgres):
        proxy.set_weather(Weather(delay_s=site.chance.uniform(0.01, 0.2)))
    await site.pause(0.5, 3)
    for proxy in (site.to_broker, site.to_postgres):
        proxy.set_weather(FAIR)


async def connections_cut(site: Site) -> None:
    """Connections end in the middle of a frame."""
    for proxy in site.chance.sample((site.to_broker, site.to_postgres), 2):
        proxy.cut()
        await site.pause(0, 0.5)


async def broker_swallowed(site: Site) -> None:
    """For a while what is sent to the broker, or what it answers, is gone; then the connections."""
    requests = site.chance.random() < 0.5
    site.to_broker.set_weather(Weather(swallows_requests=requests, swallows_answers=not requests))
    await site.pause(0.5, 3)
    site.to_broker.drop()
    site.to_broker.set_weather(FAIR)


async def postgres_swallowed(site: Site) -> None:
    """For a while what is sent to Postgres, or what it answers, is gone; then the connections."""
    requests = site.chance.random() < 0.5
    site.to_postgres.set_weather(Weather(swallows_requests=requests, swallows_answers=not requests))
    await site.pause(0.5, 3)
    site.to_postgres.drop()
    site.to_postgres.set_weather(FAIR)


async def never_ended(site: Site) -> None:
    """Some bytes from and to both servers are swallowed, and nobody ends the connections: workers
    have to find out by themselves."""
    for proxy in (site.to_broker, site.to_postgres):
        requests = site.chance.random() < 0.5
        proxy.set_weather(Weather(swallows_requests=requests, swallows_answers=not requests))
    await site.pause(0.5, 1)
    for proxy in (site.to_broker, site.to_postgres):
        proxy.set_lost()
        proxy.set_weather(FAIR)


STRIKES: Final[Mapping[str, Strike]] = {
    strike.__name__.replace("_", " "): strike
    for strike in (
        worker_killed,
        worker_frozen,
        broker_restarted,
        broker_killed,
        queues_restarted,
        connections_closed,
        consumers_cancelled,
        queues_full,
        memory_alarm,
        disk_full,
        disk_slow,
        postgres_restarted,
        postgres_killed,
        backends_terminated,
        deadlocks,
        transactions_fail,
        network_slow,
        connections_cut,
        broker_swallowed,
        postgres_swallowed,
        never_ended,
    )
}
