"""Every worker as a user of its own: all that it must do works, and nothing else does."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiormq import Channel
from aiormq.exceptions import AMQPChannelError, ChannelAccessRefused, PublishError

from services.registry import SCHEMAS
from shared import broker, publishing
from shared.broker import Deliveries
from shared.database import connect
from shared.messages.billing import RefundToCredit
from shared.messages.invoicing import InvoiceIssued
from shared.messages.wallet import WalletCredited
from shared.outbox import EXCHANGE, OWN_QUEUE, Parcel
from shared.publishing import confirming_channel
from shared.users import Login
from tests.program import program
from tests.servers import Servers
from tests.system.house import House, WorkerProcess
from tests.system.shop import assert_audit_is_clean, catalogue, customer, fetch, order, server
from tests.users import own_login, removed_at_the_end, removed_on_rabbitmq, with_login

WRONG_PASSWORD = "p455w0rd-that-is-wrong"


@dataclass(frozen=True, slots=True)
class Users:
    """The users of the house's services."""

    house: House
    by_service: dict[str, Login]

    def addresses(self) -> dict[str, str]:
        """Settings of the services' own addresses; those that all share lead nowhere."""
        own: dict[str, str] = {}
        for name, login in self.by_service.items():
            own[f"{name}_amqp_url"] = with_login(self.house.amqp_url, login)
            own[f"{name}_database_url"] = with_login(self.house.database_url, login)
        return own

    def amqp_url(self, service: str) -> str:
        return with_login(self.house.amqp_url, self.by_service[service])


@pytest.fixture
async def users(
    house: House,
    running_servers: Servers,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> AsyncIterator[Users]:
    """The house, its users made by `cloudtill users apply`."""
    made = Users(house, {service.name: own_login(service.name) for service in SCHEMAS})
    cloudtill = program(
        monkeypatch,
        capsys,
        amqp_url=house.amqp_url,
        database_url=house.database_url,
        management_url=running_servers.management_url,
        **made.addresses(),
    )
    logins = list(made.by_service.values())
    db = await connect(house.database_url)
    try:
        async with (
            removed_at_the_end(db, *logins),
            removed_on_rabbitmq(running_servers.management_url, *logins),
        ):
            for _ in range(2):  # once more changes nothing
                answer = await asyncio.to_thread(cloudtill, "users", "apply")
                assert answer.code == 0, answer.err
                assert len(answer.out.splitlines()) == 2 * len(SCHEMAS)
                for login in logins:
                    assert login.password not in answer.out + answer.err
            yield made
    finally:
        await db.close()


@pytest.fixture
async def shop(users: Users) -> House:
    """A house whose workers know only their own users; its customer has 1,000,000."""
    nowhere = {
        "amqp_url": "amqp://nobody:x@127.0.0.1:1/",
        "database_url": "postgresql://127.0.0.1:1/x",
    }
    users.house.start(**nowhere, **users.addresses())
    await users.house.publish(*catalogue(), *customer(credit=1_000_000))
    await users.house.wait_for(WalletCredited)
    return users.house


async def test_a_paid_order_ends_as_invoices_and_refunds_with_users_of_the_services_own(
    shop: House,
) -> None:
    # Two items, of which one fails; and an order for an account that is known only later.
    await shop.publish(order("ord-1", [server("web", "image", "disk"), server("bad", "broken")]))
    await shop.publish(order("ord-2", [server("db", "image")], account_id="acc-2"))
    await shop.publish(*customer("acc-2", credit=500_000))
    await shop.wait_for(RefundToCredit)
    await shop.wait_for(InvoiceIssued, lambda one: one.resource_id == "db")
    await shop.wait_until_idle()
    wallets = await fetch(shop, "select account_id, balance from wallet.wallet order by 1")
    assert wallets == [("acc-1", 750_000), ("acc-2", 320_000)]
    await assert_audit_is_clean(shop)


def parcel(exchange: str, key: str) -> Parcel:
    """A message that must arrive."""
    return Parcel(
        exchange=exchange,
        routing_key=key,
        message_id=f"{exchange}:{key}",
        type="test",
        correlation_id=None,
        attempt=0,
        must_arrive=True,
        body=b"{}",
    )


async def test_a_wallet_user_can_say_only_what_the_wallet_owns(users: Users) -> None:
    async with broker.connected(users.amqp_url("wallet"), "test") as connection:

        async def say(exchange: str, key: str) -> None:
            channel = await confirming_channel(connection, lambda: None)
            await publishing.publish(channel, parcel(exchange, key), 10)

        await say(EXCHANGE, "wallet.credited")
        await say(OWN_QUEUE, "wallet")
        for exchange, key in (
            (EXCHANGE, "payment.confirmed"),
            (EXCHANGE, "wallet.charge"),
            (OWN_QUEUE, "provisioning"),
            ("", "provisioning"),
            ("", "wallet"),
            ("cloudtill.dead", "billing"),
            ("amq.topic", "wallet.credited"),
        ):
            with pytest.raises(AMQPChannelError) as refused:
                await say(exchange, key)
            assert not isinstance(refused.value, PublishError), f"{exchange} took {key}"


async def test_a_wallet_user_reads_only_the_wallets_queues_and_declares_none(users: Users) -> None:
    async with broker.connected(users.amqp_url("wallet"), "test") as connection:
        for queue in ("wallet", "wallet.dead"):
            await Deliveries.of(connection, queue, 1)
        for queue in ("billing", "billing.dead", "provisioning"):
            with pytest.raises(ChannelAccessRefused):
                await Deliveries.of(connection, queue, 1)
        for act in (declare, bind, purge, delete):
            channel = await (await connection.channel()).get_underlay_channel()
            assert isinstance(channel, Channel)
            with pytest.raises(ChannelAccessRefused):
                await act(channel)


async def declare(channel: Channel) -> None:
    await channel.queue_declare("mine", durable=True)


async def bind(channel: Channel) -> None:
    await channel.queue_bind("wallet", EXCHANGE, "payment.confirmed")


async def purge(channel: Channel) -> None:
    await channel.queue_purge("billing")


async def delete(channel: Channel) -> None:
    await channel.queue_delete("wallet")


async def test_a_worker_with_a_wrong_password_says_so_without_telling_it(
    house: House, users: Users
) -> None:
    wrong = Login(users.by_service["wallet"].name, WRONG_PASSWORD)
    at_broker = house.start(
        "wallet", log_level="debug", wallet_amqp_url=with_login(house.amqp_url, wrong)
    )
    await until_logged(at_broker, "consuming interrupted")
    assert WRONG_PASSWORD not in at_broker.log.read_text()

    nobody = Login("cloudtill_nobody", WRONG_PASSWORD)
    at_database = house.start(
        "wallet", log_level="debug", wallet_database_url=with_login(house.database_url, nobody)
    )
    assert await at_database.wait_for_end() == 1
    assert nobody.name in at_database.log.read_text()
    assert WRONG_PASSWORD not in at_database.log.read_text()


async def test_a_tick_may_be_said_by_the_schedulers_user(
    users: Users, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudtill = program(monkeypatch, capsys, amqp_url=users.amqp_url("scheduler"))
    answer = await asyncio.to_thread(cloudtill, "tick", "minute")
    assert answer.code == 0, answer.err
    cloudtill = program(monkeypatch, capsys, amqp_url=users.amqp_url("wallet"))
    answer = await asyncio.to_thread(cloudtill, "tick", "minute")
    assert answer.code == 1


async def until_logged(worker: WorkerProcess, text: str, within_s: float = 30) -> None:
    """Wait until a worker's log has this."""
    async with asyncio.timeout(within_s):
        while text not in worker.log.read_text():
            await asyncio.sleep(0.05)
