"""What something slow does to its neighbours: a lock, a disk, a broker that takes nothing."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from shared.messages.upstream import TopUpReceived
from shared.messages.wallet import WalletCredited
from tests.builders import said
from tests.faults.site import SETTINGS, Site, open_site
from tests.servers import Servers
from tests.system.shop import customer

WITHIN_S: Final = 120
GROUP: Final = int(SETTINGS["CLOUDTILL_GROUP_SIZE"])
IN_HAND: Final = GROUP * int(SETTINGS["CLOUDTILL_GROUPS_AHEAD"])
"""Messages that the broker gives a worker before it has concluded any."""
GIVEN_UP: Final = 2
"""Connections that a worker gives up because they do not answer."""
MANY: Final = 6 * IN_HAND

pytestmark = pytest.mark.timeout(600)


def top_ups(account_id: str, count: int) -> list[TopUpReceived]:
    """So many of an account, of 1 each."""
    return [
        said(
            TopUpReceived(
                top_up_id=f"{account_id}-{number}",
                account_id=account_id,
                amount=1,
                gateway="bank",
                gateway_reference=f"{account_id}-{number}",
            )
        )
        for number in range(count)
    ]


def credited(site: Site, account_id: str) -> int:
    """How many top-ups of an account were told as credited."""
    told = site.house.heard(WalletCredited)
    return len({one.reference for one in told if one.account_id == account_id})


async def until_credited(site: Site, account_id: str, count: int) -> None:
    """Wait until at least so many top-ups are told as credited."""
    async with asyncio.timeout(WITHIN_S):
        while credited(site, account_id) < count:
            await asyncio.sleep(0.05)


async def until_true(site: Site, statement: str) -> None:
    """Wait until something holds in the database."""
    async with site.database() as db, asyncio.timeout(WITHIN_S):
        while not await db.fetchval(statement):
            await asyncio.sleep(0.05)


@asynccontextmanager
async def wallets(servers: Servers, logs: Path, posts: Sequence[str]) -> AsyncIterator[Site]:
    """Wallet workers at these posts, and the accounts `an` and `binh`."""
    async with open_site(servers, logs, seed=1) as site:
        await site.publish([*customer("an"), *customer("binh")])
        async with site.staffed(dict.fromkeys(posts, ("wallet",))):
            await until_true(site, "select count(*) = 3 from wallet.wallet where wallet = 'credit'")
            yield site
        assert not site.failures


async def test_a_lock_holds_up_what_its_worker_has_in_hand_and_no_more(
    own_servers: Servers, tmp_path: Path
) -> None:
    async with wallets(own_servers, tmp_path, ["one", "two"]) as site:
        async with site.database() as db, db.transaction():
            await db.execute("select from wallet.wallet where account_id = 'an' for update")
            await site.publish(top_ups("an", 1))
            async with asyncio.timeout(WITHIN_S):
                while not await waiting(site):
                    await asyncio.sleep(0.05)
            await site.publish(top_ups("binh", MANY))
            await until_credited(site, "binh", MANY - IN_HAND)
            assert credited(site, "an") == 0
        await until_credited(site, "an", 1)
        await until_credited(site, "binh", MANY)


async def test_a_lock_that_is_never_given_up_is_waited_for_by_one_connection_of_a_worker(
    own_servers: Servers, tmp_path: Path
) -> None:
    async with wallets(own_servers, tmp_path, ["one"]) as site, site.database() as db:
        async with db.transaction():
            await db.execute("select from wallet.wallet where account_id = 'an' for update")
            await site.publish(top_ups("an", 1))
            waited: set[int] = set()
            async with asyncio.timeout(WITHIN_S):
                while len(waited) < GIVEN_UP + 1:
                    waited |= await waiting(site)
                    await asyncio.sleep(0.05)
                while len(await waiting(site)) > 1:
                    await asyncio.sleep(0.05)
        await until_credited(site, "an", 1)


async def waiting(site: Site) -> set[int]:
    """The backends of the wallet's workers that wait for a lock."""
    async with site.database() as db:
        rows = await db.fetch(
            "select pid from pg_stat_activity where wait_event_type = 'Lock'"
            " and application_name = 'cloudtill wallet' and datname = current_database()"
        )
    return {row["pid"] for row in rows}


async def test_a_slow_disk_is_waited_for_once_a_group(own_servers: Servers, tmp_path: Path) -> None:
    async with wallets(own_servers, tmp_path, ["one"]) as site, site.database() as db:
        (worker,) = site.workers
        worker.send(signal.SIGSTOP)  # so that all of them wait, and come in full groups
        await site.publish(top_ups("an", MANY))
        await db.execute("alter system set commit_siblings = 0")
        await db.execute("alter system set commit_delay = 100000")
        await db.execute("select pg_reload_conf()")
        try:
            before = await commits(site)
            worker.send(signal.SIGCONT)
            await until_credited(site, "an", MANY)
            assert await commits(site) - before < MANY / 5
        finally:
            await db.execute("alter system reset commit_siblings")
            await db.execute("alter system reset commit_delay")
            await db.execute("select pg_reload_conf()")


async def commits(site: Site) -> int:
    """In how many transactions the wallet has handled what it handled."""
    async with site.database() as db:
        return int(await db.fetchval("select count(distinct xmin::text) from wallet.inbox"))


async def test_a_broker_that_takes_nothing_lets_work_go_on_and_hears_of_it_afterwards(
    own_servers: Servers, tmp_path: Path
) -> None:
    async with wallets(own_servers, tmp_path, ["one"]) as site:
        (worker,) = site.workers
        worker.send(signal.SIGSTOP)
        await site.publish(top_ups("an", MANY))
        await site.rabbitmqctl("set_vm_memory_high_watermark", "0.000001")
        try:
            worker.send(signal.SIGCONT)
            await until_true(
                site, f"select balance = {MANY} from wallet.wallet where account_id = 'an'"
            )
            assert credited(site, "an") < MANY
        finally:
            await site.rabbitmqctl("set_vm_memory_high_watermark", "0.6")
        await until_credited(site, "an", MANY)
