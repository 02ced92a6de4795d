"""What the operators' book has `rabbitmqctl` do, on a RabbitMQ of our own."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aio_pika
import pytest
from aiormq.exceptions import ChannelAccessRefused

from services.registry import SERVICES
from shared import broker, topology
from shared.outbox import EXCHANGE
from tests.servers import Servers, servers

_BOOK = (Path(__file__).parents[3] / "deploy" / "README.md").read_text()
_LINES = [
    shlex.split(line)[1:]
    for block in re.findall(r"```sh\n(.*?)```", _BOOK, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("rabbitmqctl ")
]


@pytest.fixture
def own() -> Iterator[Servers]:
    """Servers whose users and virtual hosts may be changed."""
    with servers(ours_alone=True) as running:
        yield running


def _in_cloudtill(url: str, login: str) -> str:
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{login}@{address}", path="/cloudtill").geturl()


async def test_a_product_team_that_the_book_adds_answers_and_can_do_nothing_else(
    own: Servers,
) -> None:
    assert own.broker is not None
    own.broker.rabbitmqctl("add_vhost", "cloudtill")
    own.broker.rabbitmqctl(
        "set_permissions",
        "--vhost",
        "cloudtill",
        urlsplit(own.amqp_url).username or "",
        *[".*"] * 3,
    )
    ours = _in_cloudtill(own.amqp_url, urlsplit(own.amqp_url).netloc.rpartition("@")[0])
    async with broker.connected(ours, "test") as connection:
        await topology.apply(connection, SERVICES.values())
        channel = await connection.channel()
        queue = await channel.declare_queue("vdb", durable=True)
        await queue.bind(EXCHANGE, "product.requested.vdb")
    assert len(_LINES) == 3
    for line in _LINES:
        own.broker.rabbitmqctl(*line)
    (team,) = (f"{line[1]}:{line[2]}" for line in _LINES if line[0] == "add_user")
    async with broker.connected(_in_cloudtill(own.amqp_url, team), "team") as connection:
        assert await _may_say(connection, "product.succeeded")
        assert await _may_say(connection, "usage.batch_recorded")
        for forbidden in ("wallet.charge", "order.placed", "product.requested.vdb"):
            assert not await _may_say(connection, forbidden), forbidden
        channel = await connection.channel()
        assert await (await channel.get_queue("vdb", ensure=False)).get(fail=False) is None
        with pytest.raises(ChannelAccessRefused):
            await (await channel.get_queue("wallet", ensure=False)).get(fail=False)


async def _may_say(connection: aio_pika.abc.AbstractConnection, key: str) -> bool:
    channel = await connection.channel(publisher_confirms=True)
    exchange = await channel.get_exchange(EXCHANGE, ensure=False)
    try:
        await exchange.publish(aio_pika.Message(b"{}"), key, mandatory=False, timeout=10)
    except ChannelAccessRefused:
        return False
    await channel.close()
    return True
