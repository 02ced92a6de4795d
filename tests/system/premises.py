"""Where houses stand: a virtual host with the queues of all services, and a user of each.

To make them takes longer than most tests do. Each process of a run makes them once, and empties the
queues before each test; so none is deleted meanwhile either, where RabbitMQ 3.10 may restart those
of others (docs/faults.md).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from aiormq.exceptions import ChannelNotFoundEntity
from yarl import URL

from services.registry import SCHEMAS, SERVICES
from shared import broker, topology
from shared.users import temporary_users
from tests.servers import Servers
from tests.system.ear import QUEUE as EAR
from tests.virtual_hosts import is_anybody_in, virtual_host

_LEFT_S: Final = 30
_LOOK_EVERY_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Premises:
    """A virtual host that is lent to one test after the other.

    Attributes:
        amqp_url: of it.
    """

    amqp_url: str
    _servers: Servers
    _addresses: Mapping[str, str]

    def addresses(self, database_url: str) -> dict[str, str]:
        """Settings that give each service a user of its own, and this database."""
        database = URL(database_url).path
        return {
            name: str(URL(url).with_path(database)) if name.endswith("_database_url") else url
            for name, url in self._addresses.items()
        }

    async def vacate(self) -> None:
        """Wait until nobody of the test before is connected, and empty the queues.

        Raises:
            TimeoutError: if somebody stays.
        """
        async with asyncio.timeout(_LEFT_S):
            while is_anybody_in(self._servers, self.amqp_url):
                await asyncio.sleep(_LOOK_EVERY_S)
        async with broker.connected(self.amqp_url, "test") as connection:
            opened = await connection.channel()
            channel = await opened.get_underlay_channel()
            for queue in topology.queues_of(SERVICES.values()):
                await channel.queue_purge(queue.name)
            with suppress(ChannelNotFoundEntity):
                await channel.queue_purge(EAR)


@asynccontextmanager
async def premises(servers: Servers) -> AsyncIterator[Premises]:
    """Premises of one's own; whose roles in Postgres the migrations have made."""
    with virtual_host(servers) as amqp_url:
        async with broker.connected(amqp_url, "test") as connection:
            await topology.apply(connection, SERVICES.values())
        async with temporary_users(
            SCHEMAS, servers.management_url, amqp_url, servers.database_url
        ) as addresses:
            yield Premises(amqp_url, servers, addresses)
