"""After the loss of everything but a backup: restored, told again, and the books are right."""

import asyncio
import subprocess
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from services.registry import SCHEMAS, SERVICES
from shared.database import connect
from shared.messages.invoicing import InvoiceIssued
from shared.messages.upstream import TopUpReceived
from shared.migrations import migrate, migrations_of
from tests.servers import Servers, ServersMissing, binaries
from tests.servers.guarded import Guarded
from tests.system.house import House, open_house
from tests.system.shop import assert_audit_is_clean, catalogue, customer, fetch, order, server
from tests.virtual_hosts import virtual_host

EVERYTHING = """
    select 'wallet', account_id, balance, held from wallet.wallet
    union all select 'invoice', resource_id, gross, vat from invoicing.invoice
    union all select 'refund', item_id, amount, 0 from billing.refund
    order by 1, 2
"""


@pytest.fixture
def pg_dump() -> Path:
    """The program that makes backups."""
    try:
        found = binaries.find_or_install(broker=False, postgres=True).postgres
    except ServersMissing as missing:
        pytest.skip(f"pg_dump is needed: {missing}")
    assert found is not None
    return found.with_name("pg_dump")


@pytest.fixture
async def new_server_url(database_url: str) -> AsyncIterator[str]:
    """An empty database, as on a new server."""
    name = f"restored_{uuid.uuid4().hex[:12]}"
    url = urlunsplit(urlsplit(database_url)._replace(path=f"/{name}"))
    admin = await connect(database_url)
    try:
        await admin.execute(f"create database {name}")
        yield url
        await admin.execute(f"drop database {name} with (force)")
    finally:
        await admin.close()


async def test_what_was_told_again_after_a_restore_has_its_effect_once(
    house: House,
    new_server_url: str,
    pg_dump: Path,
    running_servers: Servers,
    worker_guard: Guarded,
    tmp_path: Path,
) -> None:
    before = [*catalogue(), *customer(credit=1_000_000), order("ord-1", [server("web", "image")])]
    after = [
        order("ord-2", [server("good", "disk"), server("bad", "broken")]),
        *customer("acc-2", credit=500_000),
        order("ord-3", [server("db", "image")], account_id="acc-2"),
    ]
    worker = house.start()
    await house.publish(*before)
    await house.wait_for(InvoiceIssued)
    await house.wait_until_idle()
    dump = tmp_path / "cloudtill.dump"
    await run(pg_dump, "--format=custom", f"--file={dump}", house.database_url)
    await house.publish(*after)
    await house.wait_for(InvoiceIssued, lambda one: one.resource_id == "db")
    await house.wait_until_idle()
    assert worker.terminate() == 0
    expected = await fetch(house, EVERYTHING)

    db = await connect(new_server_url)
    try:
        for service in SCHEMAS:
            await migrate(db, service.name, migrations_of(service.package))
    finally:
        await db.close()
    restore = pg_dump.with_name("pg_restore")
    await run(restore, "--clean", "--if-exists", f"--dbname={new_server_url}", dump)
    with virtual_host(running_servers) as amqp_url:
        services, logs = list(SERVICES.values()), tmp_path / "after"
        logs.mkdir()
        async with open_house(services, amqp_url, new_server_url, logs, worker_guard) as restored:
            assert len(await fetch(restored, EVERYTHING)) < len(expected), "some of it is lost"
            restored.start()
            await restored.publish(*before, *after)
            await restored.wait_for(InvoiceIssued, lambda one: one.resource_id == "db")
            await restored.wait_until_idle()
            assert await fetch(restored, EVERYTHING) == expected
            assert restored.heard(TopUpReceived)
            await assert_audit_is_clean(restored)


async def run(program: Path, *arguments: str | Path) -> None:
    done = await asyncio.to_thread(
        subprocess.run, [program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
